"""Two runs compared: where they part, and what is otherwise, the first difference first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stretto.history.passage import Passage, StepPassage

NOT_REACHED = "not come to"


@dataclass(frozen=True)
class Difference:
    """One thing that is otherwise. `step` is empty for the run itself; `what` is `input`, `items`,
    `way` (it ran here and not there, or ended otherwise), `branch`, `attempts`, `output`,
    `failure` or `status`; `left` and `right` are JSON data; `seq` is the event of the left run (of
    the right one where the left did not come to it) with which the step begins."""

    step: str
    what: str
    left: Any
    right: Any
    seq: int = 0

    def __str__(self) -> str:
        where = f"step {self.step}" if self.step else "the run"
        return f"{where}: {self.what}: {self.left!r} here, {self.right!r} there"


def compare(left: Passage, right: Passage) -> list[Difference]:
    """Compare two runs: their input, their steps in the order in which they parted, their end."""
    return [*_inputs(left, right), *_steps(left, right), *_ends(left, right)]


def _inputs(left: Passage, right: Passage) -> Iterator[Difference]:
    if left.input != right.input:
        yield Difference("", "input", left.input, right.input, 1)


def _steps(left: Passage, right: Passage) -> list[Difference]:
    found: list[tuple[tuple[int, int], Difference]] = []
    for path in in_order(left, right):
        ours, theirs = left.steps.get(path), right.steps.get(path)
        if ours is not None and theirs is not None:
            differences = list(_step(ours, theirs))
        else:
            here = ours or theirs
            assert here is not None
            differences = [Difference(path, "way", way_of(ours), way_of(theirs), here.seq)]
        found += [(_parted(left, right, each), each) for each in differences]
    return [difference for _, difference in sorted(found, key=lambda each: each[0])]


def _parted(left: Passage, right: Passage, difference: Difference) -> tuple[int, int]:
    """When two runs parted at a step, in µs after their start, and the number of that event: what
    follows from a difference comes after it."""
    early = difference.what in _SEEN_AT_ITS_BEGIN
    return min(
        (step.at_us - run.started_us, step.seq)
        if early
        else (step.last_us - run.started_us, step.last_seq)
        for run in (left, right)
        if (step := run.steps.get(difference.step)) is not None
    )


_SEEN_AT_ITS_BEGIN = frozenset({"input", "items"})


def in_order(left: Passage, right: Passage) -> list[str]:
    """All steps of both, in the order in which they began: those of the right one that the left did
    not come to stand where the right came to them."""
    found = dict(left.steps)
    order = list(found)
    for path, step in right.steps.items():
        if path not in found:
            began_s = step.at_us - right.started_us
            place = next(
                (
                    index
                    for index, other in enumerate(order)
                    if other in left.steps and left.steps[other].at_us - left.started_us > began_s
                ),
                len(order),
            )
            order.insert(place, path)
    return order


def way_of(step: StepPassage | None) -> str:
    """How a step went, in a word or two: `completed`, `skipped (condition)`."""
    if step is None:
        return NOT_REACHED
    return f"{step.status} ({step.reason})" if step.reason else step.status


def _step(ours: StepPassage, theirs: StepPassage) -> Iterator[Difference]:
    step, seq = ours.step, ours.seq
    if ours.taken != theirs.taken and ours.status == theirs.status:
        if ours.output != theirs.output:  # of what was taken over no more is known
            yield Difference(step, "output", ours.output, theirs.output, seq)
        return
    if way_of(ours) != way_of(theirs):
        # Everything else of it follows from that.
        yield Difference(step, "way", way_of(ours), way_of(theirs), seq)
        return
    if ours.input != theirs.input:
        yield Difference(step, "input", ours.input, theirs.input, seq)
    if ours.items != theirs.items:
        yield Difference(step, "items", ours.items, theirs.items, seq)
    if ours.branch != theirs.branch:
        yield Difference(step, "branch", ours.then, theirs.then, seq)
    if ours.attempts != theirs.attempts:
        yield Difference(step, "attempts", ours.attempts, theirs.attempts, seq)
    if ours.failure != theirs.failure:
        yield Difference(step, "failure", ours.failure, theirs.failure, seq)
    if ours.output != theirs.output and ours.branch == theirs.branch:
        yield Difference(step, "output", ours.output, theirs.output, seq)


def _ends(left: Passage, right: Passage) -> Iterator[Difference]:
    seq = left.last_seq
    if left.status != right.status:
        yield Difference("", "status", left.status, right.status, seq)
    if left.failure != right.failure:
        yield Difference("", "failure", left.failure, right.failure, seq)
    if left.output != right.output:
        yield Difference("", "output", left.output, right.output, seq)
