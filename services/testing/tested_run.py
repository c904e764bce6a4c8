"""A run of a world with its log, as tests read it."""

from typing import Any

import msgspec

from services.workflow.core import Rejection, Run, apply
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure
from stretto.contracts.graph import StepPlan


class TestedRun:
    """A run of a world, with its log. Reads only: what happens to it is said to the world."""

    __test__ = False

    def __init__(self, run: Run) -> None:
        self.run = run
        self.began_with = run.graph
        self.log: list[tuple[int, ev.Event]] = []
        """Instants (µs) and events."""
        self.rejections: list[Rejection] = []
        self.touched: list[tuple[StepPlan, ev.Event]] = []
        """The steps' plans with what happened to them, for the coverage."""

    @property
    def status(self) -> str:
        return self.run.phase.word

    @property
    def output(self) -> Any:
        return msgspec.json.decode(self.run.output)

    @property
    def failure(self) -> Failure | None:
        return self.run.failure

    def step(self, path: str) -> str:
        """The status of a step; `pending` where the run has not come to it."""
        node = self.run.nodes.get(path)
        return "pending" if node is None else node.status.word

    def output_of(self, path: str) -> Any:
        """The output of a step; None where it has none."""
        node = self.run.nodes.get(path)
        return None if node is None or node.output is None else msgspec.json.decode(node.output)

    @property
    def steps(self) -> dict[str, str]:
        """The status of every step that the run has come to."""
        return {path: node.status.word for path, node in self.run.nodes.items()}

    def check_fold(self) -> None:
        """Fold the log again: an AssertionError where the state is not that of the run."""
        again = Run(self.run.id, self.began_with)
        again.graphs = self.run.graphs
        for seq, (at_us, event) in enumerate(self.log, 1):
            apply(again, event, seq, at_us)
        assert again.phase is self.run.phase
        assert {p: n.status for p, n in again.nodes.items()} == {
            p: n.status for p, n in self.run.nodes.items()
        }

    def story(self, *types: str) -> list[str]:
        """The events of some types (all) with their steps: `completed a`, `started` …"""
        told = []
        for _, event in self.log:
            step = getattr(event, "step", "")
            kind = event.type.removeprefix("step.")
            if not types or kind in types:
                told.append(f"{kind} {step}".strip())
        return told

    def at(self, told: str) -> float:
        """Seconds from the start of the run to an event, as `story` tells it (the first such)."""
        begin = self.log[0][0]
        for (at_us, _), each in zip(self.log, self.story(), strict=True):
            if each == told:
                return (at_us - begin) / 1e6
        raise AssertionError(f"expected {told!r} to have happened, but it has not: {self.story()}")
