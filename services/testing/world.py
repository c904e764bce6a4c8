"""A world of runs: definitions, runs, their children, mocked tasks, and a clock that is moved."""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, assert_never

import msgspec

from services.decision.core.evaluate import ABSENT, FrameValues, evaluate
from services.decision.core.plans import PlanCache
from services.testing.agenda import Agenda
from services.testing.builtin import builtin_reply
from services.testing.fleet import Elsewhere, Later, Routed, ToDevice, VirtualFleet
from services.testing.lines import VirtualLines, Waiter, scope_of
from services.testing.outputs import VirtualOutputs
from services.testing.tested_run import TestedRun
from services.workflow.core import CONTINUE, Rejection, Run, apply, decide, effects, reuse
from services.workflow.core import commands as cm
from services.workflow.core.effects import (
    Ask,
    CancelChild,
    Dispatch,
    Effect,
    Emit,
    Seek,
    StartChild,
    Timer,
    Withdraw,
)
from services.workflow.core.lines import CancelRun
from services.workflow.core.places import Turn, standing, turn
from services.workflow.core.statuses import RunPhase
from services.workflow.core.values import value_of
from stretto.contracts import events as ev
from stretto.contracts.codec import decode_event, json_encode
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DecideRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import AttemptId, parse_attempt_id, uuid7
from stretto.contracts.public import ControlRequest, Presence
from stretto.definition import compile_graph, load, validate_input
from stretto.definition.run_timeout import TimeoutProblem, compile_timeout
from stretto.testing.outline import tasks_in
from stretto.testing.replies import Attempt, Fails, Held, Reply, Reused, Takes, reply_to

MAX_EVENTS = 200_000
"""Of one world: a workflow that never comes to an end is told so, not waited for."""

INDEX = re.compile(r"\[\d+\]")
"""In a path: which item, which round."""

NO_DEVICE = "NoDevice"
"""The failure of an attempt whose route leads nowhere, as execution says it."""

MAX_CHILD_DEPTH = 32
"""Runs inside one another, as in the service."""


class World(Agenda):
    """Definitions, runs and a clock. `tasks`: task → what it answers (default: `{}` at once);
    `steps`: the same by step, without the indices of items and rounds; it goes first. `devices`:
    who is present."""

    def __init__(
        self,
        *definitions: str,
        tasks: Mapping[str, Reply] | None = None,
        steps: Mapping[str, Reply] | None = None,
        devices: Iterable[Presence] = (),
    ) -> None:
        super().__init__()
        self.graphs: dict[str, Graph] = {}
        self.tasks = dict(tasks or {})
        self.steps = dict(steps or {})
        self._calls: dict[str, int] = {}
        self.runs: dict[bytes, TestedRun] = {}
        self.emitted: list[tuple[str, Any]] = []
        """Step and data of what steps of kind `emit` have said."""
        self.attempts: list[Attempt] = []
        """Every attempt that was sent out, in order."""
        self._events = 0
        self._plans = PlanCache()
        self._lines = VirtualLines()
        self._outputs = VirtualOutputs()
        for text in definitions:
            self.define(text)
        known = {task for graph in self.graphs.values() for task in tasks_in(graph)}
        self._fleet = VirtualFleet(devices, known, lambda: self.now_us)

    def define(self, text: str) -> Graph:
        """Register a definition; an AssertionError names its mistakes."""
        loaded = load(text)
        assert loaded.definition is not None, "\n".join(str(m) for m in loaded.mistakes)
        graph = compile_graph(loaded.definition, 1)
        self.graphs[graph.name] = graph
        return graph

    def start(self, workflow: str | None = None, value: Any = None) -> TestedRun:
        """Start a run and let it go as far as it goes without the clock."""
        name = next(iter(self.graphs)) if workflow is None else workflow
        run_id = uuid7(self.now_us // 1_000, b"%d" % len(self.runs))
        run = self._start(run_id, self.graphs[name], json_encode(value or {}))
        self.settle()
        return run

    def _start(
        self, run_id: bytes, graph: Graph, value: bytes, parent: str | None = None, depth: int = 0
    ) -> TestedRun:
        problems = validate_input(graph.input_schema)(value)
        assert not problems, problems
        run = self.runs[run_id] = TestedRun(Run(run_id, graph))
        place = self._lines.enter(run_id, graph, value)
        if isinstance(place, Rejection):
            return self._refused(run, parent, place)
        timeout_s = None
        if bytes(graph.timeout) != b"null":
            try:
                timeout_s = compile_timeout(graph.timeout)(scope_of(run_id, graph, value))
            except TimeoutProblem as problem:
                why = Rejection(code="timeout_invalid", message=str(problem))
                return self._refused(run, parent, why)
        start = cm.Start(
            namespace="default",
            input=value,
            parent=parent,
            depth=depth,
            standing=place,
            timeout_s=timeout_s,
        )
        self._give(run, start)
        return run

    def _refused(self, run: TestedRun, parent: str | None, why: Rejection) -> TestedRun:
        run.rejections.append(why)
        if parent is not None:
            self._child_refused(parse_attempt_id(parent), why.message)
        return run

    def children(self, run: TestedRun) -> list[TestedRun]:
        """The runs that a run has started, detached ones as well."""
        ids = {n.child_run for n in run.run.nodes.values() if n.child_run is not None}
        return [each for run_id, each in self.runs.items() if run_id in ids]

    # --- what the outside does

    def complete(self, run: TestedRun, path: str, output: Any = None) -> None:
        """Answer an attempt that is held."""
        self._result(run, path, json_encode({} if output is None else output), None)
        self.settle()

    def fail(self, run: TestedRun, path: str, fails: Fails | None = None) -> None:
        """Fail an attempt that is held."""
        self._result(run, path, b"null", (fails or Fails()).failure())
        self.settle()

    def signal(self, run: TestedRun, name: str, payload: Any = None) -> None:
        """Send a signal."""
        self.control(run, "signal", name=name, payload=msgspec.Raw(json_encode(payload)))

    def control(self, run: TestedRun, command: str, **fields: Any) -> None:
        """Give a person's command (`cancel`, `approve` with `by`, `skip` with `step` …)."""
        self._give(run, cm.Control(request=ControlRequest(command=command, **fields)))
        self.settle()

    # --- the clock

    def finish(self, run: TestedRun | None = None) -> TestedRun:
        """Move the clock on until a run (the first one) has ended or nothing is due any more."""
        wanted = next(iter(self.runs.values())) if run is None else run
        while self._queue and not wanted.run.closed:
            self._next()
        self.settle()
        return wanted

    # --- the shell around the core

    def _give(self, run: TestedRun, command: cm.Command) -> None:
        outcome = decide(run.run, command, self.now_us)
        if isinstance(outcome, Rejection):
            run.rejections.append(outcome)
            return
        while outcome:
            for event in outcome:
                self._append(run, event)
            if run.run.closed:
                self._closed(run)
                return
            again = decide(run.run, CONTINUE, self.now_us)
            assert not isinstance(again, Rejection), again
            outcome = again

    def _append(self, run: TestedRun, event: ev.Event) -> None:
        self._events += 1
        assert self._events <= MAX_EVENTS, f"expected at most {MAX_EVENTS} events"
        stored = decode_event(event.type, json_encode(event))
        places = run.run.places
        before = None if places is None else standing(run.run, stored)
        apply(run.run, stored, run.run.seq + 1, self.now_us)
        if run.run.reuses is not None:
            self._outputs.note(run.run, reuse.changes(run.run, stored), self.now_us)
        run.log.append((self.now_us, stored))
        node = run.run.nodes.get(getattr(stored, "step", ""))
        if node is not None:
            run.touched.append((node.plan, stored))
        if isinstance(stored, ev.RunQueued):
            self._granted(self._lines.join(run.run.id, stored))
        if run.run.places is not None:
            self._turn_place(run, stored, turn(run.run, stored, before))
        elif places is not None:  # the run has ended
            for path in places:
                self._granted(self._lines.leave(run.run.id, path))
        for effect in effects(run.run, stored):
            self._act(run, effect)

    def _turn_place(self, run: TestedRun, event: ev.Event, found: Turn | None) -> None:
        """Let a step ask for its place, or give it away."""
        if found is Turn.LEAVES:
            self._granted(self._lines.leave(run.run.id, getattr(event, "step", "")))
        elif isinstance(event, ev.StepQueued):
            place = run.run.nodes[event.step].place
            assert place is not None
            for run_id, told in self._lines.ask(run.run, event.step, place):
                self._at(self.now_us, partial(self._give, self.runs[run_id], told))

    def _act(self, run: TestedRun, effect: Effect) -> None:
        match effect:
            case Ask():
                self._ask(run, effect)
            case Dispatch():
                self._dispatch(run, effect)
            case StartChild():
                self._at(self.now_us, lambda: self._start_child(run, effect))
            case CancelChild():
                request = ControlRequest(command="cancel", reason=effect.reason)
                self._at(self.now_us, lambda: self._cancel_child(effect.child_id, request))
            case CancelRun():
                request = ControlRequest(command="cancel", reason=effect.reason)
                self._at(self.now_us, lambda: self._cancel_child(effect.run_id, request))
            case Emit():
                self.emitted.append((effect.path, msgspec.json.decode(effect.data)))
            case Timer():
                fired = cm.TimerFired(path=effect.path, kind=effect.kind, attempt=effect.attempt)
                self._at(effect.due_us, lambda: self._fire(run, fired))
            case Seek():
                self._seek(run, effect)
            case Withdraw():  # its late answer is rejected, as it is in a world with workers
                self._left(run, effect.path, effect.attempt, failed=False)
            case _:
                assert_never(effect)

    def _fire(self, run: TestedRun, fired: cm.TimerFired) -> None:
        self._give(run, fired)

    def _ask(self, run: TestedRun, effect: Ask) -> None:
        node = run.run.nodes.get(effect.path)
        values = [value_of(run.run, node, ref) for ref in effect.ask.refs]
        indices = tuple(ABSENT if value is None else at for at, value in enumerate(values))
        frame = FrameValues([value or b"null" for value in values])
        record = DecideRecord(run.run.id, effect.path, effect.turn, 0, 0, indices)
        answer = evaluate(self._plans.get(effect.ask.plan), frame, record, self._fleet.present)
        due_us, rank = self._decides_at(effect.path)
        self._at(due_us, lambda: self._give(run, cm.Decided(record=answer)), rank)

    def _decides_at(self, path: str) -> tuple[int, int]:
        """When, and with which rank, a question is answered: at once."""
        return self.now_us, 0

    def _seek(self, run: TestedRun, effect: Seek) -> None:
        script, calls = self._script(effect.path, effect.task), self._calls.get(effect.task, 0)
        found = self._outputs.find(run.run, effect, self.now_us, script, calls + 1)
        self._at(self.now_us, lambda: self._give(run, found))

    def _dispatch(self, run: TestedRun, effect: Dispatch) -> None:
        if self._fleet.takes(effect):
            routed = self._fleet.enter(run.run, effect)
            self._at(self.now_us, lambda: self._place(run, routed))
        else:
            self._send(run, effect, None)

    def _place(self, run: TestedRun, routed: Routed) -> None:
        """Let an attempt go to a device, as far as one is there."""
        effect = routed.effect
        key = (run.run.id, effect.path, effect.attempt)
        if self._fleet.routed.get(key) is not routed or routed.device is not None:
            return
        match self._fleet.place(routed):
            case ToDevice(device, why, ranked):
                bound = cm.Bound(
                    path=effect.path, attempt=effect.attempt, device=device, reason=why,
                    ranked=json_encode(ranked),
                )  # fmt: skip
                self._give(run, bound)
                accepted = cm.Accepted(path=effect.path, attempt=effect.attempt, worker=device)
                self._give(run, accepted)
                self._send(run, effect, device)
            case Later(seconds) if seconds is not None:
                due_us = self.now_us + round(seconds * 1e6)
                self._at(due_us, lambda: self._place(run, routed))
            case Elsewhere(fails):
                del self._fleet.routed[key]
                if fails is None:
                    self._send(run, effect, None)
                    return
                failure = Failure(type=NO_DEVICE, message=fails)
                result = cm.Result(path=effect.path, attempt=effect.attempt, failure=failure)
                self._give(run, result)

    def _left(self, run: TestedRun, path: str, attempt: int, *, failed: bool) -> None:
        """An attempt is on its device no more: who waits may find a slot."""
        for routed in self._fleet.leave(run.run.id, path, attempt, failed=failed):
            self._at(self.now_us, partial(self._place, self.runs[routed.run.id], routed))

    def _send(self, run: TestedRun, effect: Dispatch, device: str | None) -> None:
        given = msgspec.json.decode(effect.input)
        call = self._calls[effect.task.name] = self._calls.get(effect.task.name, 0) + 1
        attempt = Attempt(effect.task.name, effect.path, effect.attempt, given, call, device)
        self.attempts.append(attempt)
        reply = self._reply(attempt)
        if isinstance(reply, Held):
            return
        if isinstance(reply, Reused):
            reply = reply.output
        seconds, reply = (reply.seconds, reply.then) if isinstance(reply, Takes) else (0.0, reply)
        failure = reply.failure() if isinstance(reply, Fails) else None
        output = b"null" if failure is not None else json_encode(reply)
        result = cm.Result(
            path=effect.path, attempt=effect.attempt, output=output, failure=failure,
            worker=device or "test",
        )  # fmt: skip
        self._at(self.now_us + round(seconds * 1e6), lambda: self._answer_to(run, result))

    def _answer_to(self, run: TestedRun, result: cm.Result) -> None:
        self._give(run, result)
        self._left(run, result.path, result.attempt, failed=result.failure is not None)

    def _reply(self, attempt: Attempt) -> Reply:
        script = self._script(attempt.step, attempt.task)
        return builtin_reply(attempt) if script is None else reply_to(script, attempt)

    def _script(self, path: str, task: str) -> Reply:
        named = INDEX.sub("", path)
        return self.steps[named] if named in self.steps else self.tasks.get(task)

    def _result(self, run: TestedRun, path: str, output: bytes, failure: Failure | None) -> None:
        node = run.run.nodes.get(path)
        assert node is not None, f"expected an attempt of {path!r} to be out: {list(run.run.open)}"
        result = cm.Result(path=path, attempt=node.attempt, output=output, failure=failure)
        self._answer_to(run, result)

    def _start_child(self, run: TestedRun, effect: StartChild) -> None:
        graph, depth = self.graphs.get(effect.child.workflow), run.run.depth + 1
        parent = str(AttemptId(run.run.id, effect.path, effect.attempt))
        if graph is None or depth > MAX_CHILD_DEPTH:
            why = "is not defined" if graph is None else "would be nested too deep"
            text = f"expected {effect.child.workflow!r} to start, but it {why}"
            self._child_refused(parse_attempt_id(parent), text)
            return
        waits = parent if effect.child.wait else None
        self._start(effect.child_id, graph, effect.input, waits, depth)

    def _child_refused(self, parent: AttemptId, why: str) -> None:
        failure = Failure(type="ChildRefused", message=why, retryable=False)
        result = cm.Result(path=parent.path, attempt=parent.attempt, failure=failure)
        self._give(self.runs[parent.run_id], result)

    def _granted(self, waiters: list[Waiter]) -> None:
        """There are places for runs, or steps, that wait."""
        for run_id, path in waiters:
            told = partial(self._give, self.runs[run_id], cm.Granted(path=path))
            self._at(self.now_us, told)

    def _cancel_child(self, child_id: bytes, request: ControlRequest) -> None:
        child = self.runs.get(child_id)
        if child is not None:
            self._give(child, cm.Control(request=request))

    def _closed(self, run: TestedRun) -> None:
        run.check_fold()
        self._granted(self._lines.leave(run.run.id))
        if run.run.parent is None:
            return
        parent = parse_attempt_id(run.run.parent)
        done = run.run.phase is RunPhase.COMPLETED
        failure = run.run.failure or Failure(type=FailureType.CANCELLED, message="it ended")
        result = cm.Result(
            path=parent.path,
            attempt=parent.attempt,
            output=run.run.output,
            failure=None if done else failure,
        )
        self._at(self.now_us, lambda: self._give(self.runs[parent.run_id], result))
