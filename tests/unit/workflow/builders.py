"""Graphs and runs for the tests of the core: `given(...)`, `Story` drives a run with its own
clock."""

from collections.abc import Iterable

import msgspec

from services.workflow.core import CONTINUE, Rejection, Run, apply, decide, effects
from services.workflow.core import commands as cm
from services.workflow.core.effects import Ask, Dispatch, Effect, Timer
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.asks import Ref
from stretto.contracts.codec import decode_event, json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.graph import (
    Case,
    Compensation,
    ForEach,
    Graph,
    Join,
    Retry,
    ScopePlan,
    StepPlan,
    TaskPlan,
    Timeouts,
)
from stretto.contracts.ids import uuid7

RUN_ID = uuid7(1_700_000_000_000, b"test")
START_US = 1_700_000_000_000_000
ASK = AskOf(plan=b"{}", refs=(Ref(root="input"),))


def task(name: str, **fields: object) -> StepPlan:
    """A task step with nothing to decide."""
    return msgspec.structs.replace(
        StepPlan(name=name, kind="task", task=TaskPlan(name=f"do.{name}")), **fields
    )


def undoable(name: str, **fields: object) -> StepPlan:
    return task(name, compensate=Compensation(task=TaskPlan(name=f"undo.{name}")), **fields)


def graph(*steps: StepPlan, **fields: object) -> Graph:
    """A graph in which `needs` given as indices also make the dependents."""
    dependents: dict[int, list[int]] = {}
    for index, step in enumerate(steps):
        for need in step.needs:
            dependents.setdefault(need, []).append(index)
    linked = tuple(
        msgspec.structs.replace(step, dependents=tuple(dependents.get(index, ())))
        for index, step in enumerate(steps)
    )
    made = Graph(name="wf", version=1, root=ScopePlan(steps=linked))
    return msgspec.structs.replace(made, **fields)


class Story:
    """A run, driven by commands; remembers its events and effects, and checks replay at every
    step."""

    def __init__(self, plan: Graph, value: bytes = b"{}") -> None:
        self.graph = plan
        self.run = Run(RUN_ID, plan)
        self.now_us = START_US
        self.log: list[tuple[int, int, ev.Event]] = []
        self.effects: list[Effect] = []
        self.rejections: list[Rejection] = []
        self.give(cm.Start(namespace="default", input=value))

    def give(self, command: cm.Command) -> "Story":
        outcome = decide(self.run, command, self.now_us)
        if isinstance(outcome, Rejection):
            self.rejections.append(outcome)
            return self
        while outcome:
            for event in outcome:
                self._append(event)
            again = [] if self.run.closed else decide(self.run, CONTINUE, self.now_us)
            assert not isinstance(again, Rejection)
            outcome = again
        return self

    def _append(self, event: ev.Event) -> None:
        stored = decode_event(event.type, json_encode(event))
        apply(self.run, stored, self.run.seq + 1, self.now_us)
        self.log.append((self.run.seq, self.now_us, stored))
        self.effects.extend(effects(self.run, stored))

    def complete(self, path: str, output: bytes = b"{}", attempt: int | None = None) -> "Story":
        number = self.run.nodes[path].attempt if attempt is None else attempt
        return self.give(cm.Result(path=path, attempt=number, output=output))

    def fail(self, path: str, type_: str = "Boom", retryable: bool = True) -> "Story":
        failure = Failure(type=type_, message="it broke", retryable=retryable)
        attempt = self.run.nodes[path].attempt
        return self.give(cm.Result(path=path, attempt=attempt, failure=failure))

    def decided(self, path: str, **answer: object) -> "Story":
        turn = self.run.turn if path == "" else self.run.nodes[path].turn
        record = DecidedRecord(self.run.id, path, turn)
        return self.give(cm.Decided(record=msgspec.structs.replace(record, **answer)))

    def fire(self, timer: Timer) -> "Story":
        self.now_us = max(self.now_us, timer.due_us)
        return self.give(cm.TimerFired(path=timer.path, kind=timer.kind, attempt=timer.attempt))

    def types(self) -> list[str]:
        return [
            event.type if not hasattr(event, "step") else f"{event.type} {event.step}"
            for _, _, event in self.log
        ]

    def last(self, kind: type) -> Effect:
        return [effect for effect in self.effects if isinstance(effect, kind)][-1]

    def out(self) -> list[str]:
        """Paths whose attempt is out."""
        return [e.path for e in self.effects if isinstance(e, Dispatch) and e.path in self.run.open]

    def replayed(self) -> Run:
        run = Run(self.run.id, self.graph)
        for seq, at_us, event in self.log:
            apply(run, event, seq, at_us)
        return run


def facts(run: Run) -> dict[str, object]:
    """Everything of a run that must be the same after a replay."""
    return {
        "phase": run.phase,
        "seq": run.seq,
        "todo": list(run.todo),
        "output": run.output,
        "failure": run.failure,
        "undo": run.undo,
        "uncompensated": run.uncompensated,
        "open": sorted(run.open),
        "nodes": {
            path: (node.status, node.attempt, node.turn, node.input, node.output, node.failure,
                   node.since_us, node.until_us, node.deadline_us, node.anew)
            for path, node in run.nodes.items()
        },
        "kept": None if run.reuses is None else {
            path: (each.task, each.key, each.for_s) for path, each in run.reuses.kept.items()
        },
        "anew": None if run.reuses is None else run.reuses.anew,
    }  # fmt: skip


def types_of(events: Iterable[ev.Event]) -> list[str]:
    return [event.type for event in events]


__all__ = [
    "ASK",
    "Ask",
    "AskOf",
    "Case",
    "Compensation",
    "Dispatch",
    "Failure",
    "ForEach",
    "Graph",
    "Join",
    "Ref",
    "Retry",
    "ScopePlan",
    "StepPlan",
    "Story",
    "TaskPlan",
    "Timeouts",
    "Timer",
    "facts",
    "graph",
    "task",
    "types_of",
    "undoable",
]
