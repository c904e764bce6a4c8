"""A shell around the core that can be cut off anywhere: it goes on from a prefix of the log alone.

What a crash swallows is made again from the run (`open_effects`); what had been done outside may be
done a second time, as in the service.
"""

from collections import deque
from pathlib import Path
from typing import Any

import msgspec

from services.decision.core.evaluate import ABSENT, FrameValues, evaluate
from services.decision.core.plans import PlanCache
from services.workflow.core import CONTINUE, Rejection, Run, apply, decide, effects, open_effects
from services.workflow.core import commands as cm
from services.workflow.core.effects import Ask, Dispatch, Timer, is_asked
from services.workflow.core.values import value_of
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecideRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import uuid7
from stretto.definition import compile_graph, load
from stretto.worker import NonRetryable, Worker

RUN_ID = uuid7(1_900_000_000_000, b"saga")
BEGIN_US = 1_900_000_000_000_000

Logged = tuple[int, ev.Event]


def graph_of(source: Path) -> Graph:
    """Compile a definition that has no mistakes."""
    loaded = load(source.read_text())
    assert loaded.definition is not None, loaded.mistakes
    return compile_graph(loaded.definition, 1)


class Cut(Exception):
    """The process is no more."""


class Shell:
    """One process that works on a run until it has ended, or is cut off after event `cut`."""

    def __init__(
        self, graph: Graph, worker: Worker, log: list[Logged], cut: int | None = None
    ) -> None:
        self._cut = cut
        self.run = Run(RUN_ID, graph)
        self.log: list[Logged] = []
        self._worker = worker
        self._plans = PlanCache()
        self._due: deque[Any] = deque()
        self.now_us = BEGIN_US
        for at_us, event in log:
            self.now_us = at_us
            apply(self.run, event, self.run.seq + 1, at_us)
            self.log.append((at_us, event))

    async def begin(self, value: object) -> None:
        """Start the run and work until it ends."""
        self._give(cm.Start(namespace="default", input=json_encode(value)))
        await self._work()

    async def go_on(self) -> None:
        """Work from what the log says until the run ends."""
        self._due.extend(open_effects(self.run))
        if not self.run.closed:
            self._follow()
        await self._work()

    async def _work(self) -> None:
        while not self.run.closed:
            assert self._due, f"waits for nothing: {list(self.run.open)}"
            effect = self._due.popleft()
            if isinstance(effect, Ask):
                self._answer(effect)
            elif isinstance(effect, Dispatch):
                self._give(await self._result(effect))
            elif isinstance(effect, Timer) and self._due:
                self._due.append(effect)  # everything else is faster
            elif isinstance(effect, Timer):
                self.now_us = max(self.now_us, effect.due_us)
                fired = cm.TimerFired(path=effect.path, kind=effect.kind, attempt=effect.attempt)
                self._give(fired)

    def _answer(self, effect: Ask) -> None:
        if not is_asked(self.run, effect):
            return
        node = self.run.nodes.get(effect.path)
        values = [value_of(self.run, node, ref) for ref in effect.ask.refs]
        indices = tuple(ABSENT if value is None else at for at, value in enumerate(values))
        frame = FrameValues([value or b"null" for value in values])
        record = DecideRecord(self.run.id, effect.path, effect.turn, 0, 0, indices)
        plan = self._plans.get(effect.ask.plan)
        self._give(cm.Decided(record=evaluate(plan, frame, record)))

    async def _result(self, effect: Dispatch) -> cm.Result:
        given = msgspec.json.decode(effect.input)
        try:
            output = await self._worker.run_local(effect.task.name, given)
        except NonRetryable as error:
            why = Failure(type=type(error).__name__, message=str(error), retryable=False)
            return cm.Result(path=effect.path, attempt=effect.attempt, failure=why)
        return cm.Result(path=effect.path, attempt=effect.attempt, output=json_encode(output))

    def _give(self, command: cm.Command) -> None:
        self.now_us += 1_000
        outcome = decide(self.run, command, self.now_us)
        if not isinstance(outcome, Rejection):
            self._append(outcome)
            self._follow()

    def _follow(self) -> None:
        while not self.run.closed:
            outcome = decide(self.run, CONTINUE, self.now_us)
            assert not isinstance(outcome, Rejection), outcome
            if not outcome:
                return
            self._append(outcome)

    def _append(self, events: list[ev.Event]) -> None:
        for event in events:
            apply(self.run, event, self.run.seq + 1, self.now_us)
            self.log.append((self.now_us, event))
            self._due.extend(effects(self.run, event))
            if len(self.log) == self._cut:
                raise Cut
