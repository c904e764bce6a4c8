"""Which step needs which: named, inferred and chosen needs; rings; steps that never run."""

from collections.abc import Iterable, Sequence

import msgspec

from stretto.contracts.graph import CancelPlan, SomeOf
from stretto.definition.mistakes import Report
from stretto.definition.model import StepText
from stretto.definition.nodes import Path, quoted
from stretto.definition.positions import At
from stretto.definition.shapes import Located


class Need(msgspec.Struct, frozen=True):
    """Step `step` needs step `on` (indices), because of what stands at a place."""

    step: int
    on: int
    at: At
    path: Path


class Needs:
    """The needs of all steps: each pair once, with the first place that says so."""

    def __init__(self, count: int) -> None:
        self._of: list[dict[int, Need]] = [{} for _ in range(count)]

    def add(self, need: Need) -> None:
        self._of[need.step].setdefault(need.on, need)

    def of(self, step: int) -> tuple[int, ...]:
        """What a step needs, in the order of the steps."""
        return tuple(sorted(self._of[step]))

    def between(self, step: int, on: int) -> Need:
        return self._of[step][on]

    def dependents(self) -> list[tuple[int, ...]]:
        """For every step, the steps that need it, in the order of the steps."""
        found: list[list[int]] = [[] for _ in self._of]
        for step, needs in enumerate(self._of):
            for on in needs:
                found[on].append(step)
        return [tuple(steps) for steps in found]


class Frame:
    """The steps of one scope by name, what they need of one another, and what the scope is inside
    of: step `owner` of the frame `outer` (None: the workflow itself)."""

    def __init__(
        self, names: Iterable[str], outer: "Frame | None" = None, owner: int | None = None
    ) -> None:
        self.index = {name: number for number, name in enumerate(names)}
        self.needs = Needs(len(self.index))
        self.used: set[int] = set()
        """Steps whose output an expression reads."""
        self.fields: dict[int, frozenset[str]] = {}
        """The fields of the outputs of steps of which they are known."""
        self.outer = outer
        self.owner = owner
        self.depth: int = 0 if outer is None else outer.depth + 1

    def sees(self, name: str) -> bool:
        """Tell whether a scope around this one has a step of a name."""
        at = self.outer
        while at is not None and name not in at.index:
            at = at.outer
        return at is not None

    def known(self) -> list[str]:
        """All names that can be referred to from here, the innermost first."""
        return [*self.index, *([] if self.outer is None else self.outer.known())]


def named_needs(steps: Sequence[StepText], frame: Frame, report: Report) -> None:
    """Add what stands in `needs`; report names of no step, the step's own, and doubled ones."""
    for number, step in enumerate(steps):
        seen: set[str] = set()
        for name, node, path in (*step.needs.all, *step.needs.of):
            on = resolve_step(name, node, path, frame, report)
            if name in seen:
                report.mistake(
                    node, path, "bad_value", f"expected each need once, but {quoted(name)} is "
                    "there before",
                )  # fmt: skip
            elif on == number:
                report.mistake(
                    node, path, "self_reference", "expected another step, but a step cannot need "
                    "itself",
                )  # fmt: skip
            elif on is not None:
                frame.needs.add(Need(number, on, node, path))
            seen.add(name)


def some_of(step: StepText, frame: Frame) -> SomeOf | None:
    """Which needs of a step are needed in part."""
    if not step.needs.of:
        return None
    of = tuple(sorted({frame.index[n] for n, _, _ in step.needs.of if n in frame.index}))
    return SomeOf(of=of, count=step.needs.count, cancel=step.needs.cancel)


def cancelled_steps(
    number: int, steps: Sequence[StepText], frame: Frame, report: Report
) -> CancelPlan | None:
    """Find the steps that step `number` cancels; report what cannot be."""
    cancel = steps[number].body.cancel
    if cancel is None:
        return None
    found: list[int] = []
    for name, node, path in cancel.steps:
        told = Located(name, node, path)
        target = _another(told, number, "a step cannot cancel itself", frame, report)
        if target is None:
            continue
        if cancel.complete and steps[target].for_each is None:
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected a step with for_each to complete, but {quoted(name)} has none",
            )
        else:
            found.append(target)
    return CancelPlan(steps=tuple(sorted(set(found))), complete=cancel.complete)


def chosen_needs(steps: Sequence[StepText], frame: Frame, report: Report) -> None:
    """Add the need that a step has for the switch that may choose it; two switches are one too
    many."""
    chosen_by: dict[int, int] = {}
    for number, step in enumerate(steps):
        for case in step.body.cases:
            for name, node, path in case.then:
                told = Located(name, node, path)
                target = _another(told, number, "a switch cannot choose itself", frame, report)
                if target is None:
                    continue
                if chosen_by.setdefault(target, number) != number:
                    first = quoted(steps[chosen_by[target]].name)
                    report.mistake(
                        node,
                        path,
                        "ambiguous",
                        f"expected {quoted(name)} to be chosen by one switch, but {first} and "
                        f"{quoted(step.name)} both choose it",
                        "let both switches choose steps of their own that a third one needs",
                    )
                else:
                    frame.needs.add(Need(target, number, node, path))


def _another(told: Located[str], number: int, why: str, frame: Frame, report: Report) -> int | None:
    """Find a step that is not step `number` itself (`why` not); None where it is, or is none."""
    target = resolve_step(*told, frame, report)
    if target == number:
        text = f"expected another step, but {why}"
        report.mistake(told.node, told.path, "self_reference", text)
        return None
    return target


def resolve_step(name: str, at: At, path: Path, frame: Frame, report: Report) -> int | None:
    """Find the index of a step by name, or report that there is none."""
    found = frame.index.get(name)
    if found is None and frame.sees(name):
        report.mistake(
            at,
            path,
            "unknown_step",
            f"expected the name of a step beside this one, but {quoted(name)} is outside the group",
            "let the group need it",
        )
    elif found is None:
        report.mistake(
            at,
            path,
            "unknown_step",
            f"expected the name of a step, but {quoted(name)} is none",
            report.meant(name, frame.index),
        )
    return found


def report_rings(steps: Sequence[StepText], needs: Needs, report: Report) -> bool:
    """Report every ring of steps that wait for one another, step by step; tell whether there is
    none.

    One ring is named for each group of steps that are bound together; O(steps + needs).
    """
    clean = True
    for group in _knots([needs.of(step) for step in range(len(steps))]):
        ring = _ring_in(group, needs)
        names = " → ".join(steps[step].name for step in [*ring, ring[0]])
        need = needs.between(ring[0], ring[1 % len(ring)])
        report.mistake(
            need.at,
            need.path,
            "cycle",
            f"expected needs without a ring, but these steps wait for one another: {names}",
            "take one of these needs away",
        )
        clean = False
    return clean


def _ring_in(group: list[int], needs: Needs) -> list[int]:
    """Find a shortest ring through the first step of a knot: breadth first along the needs."""
    start = min(group)
    inside = set(group)
    came_from: dict[int, int] = {}
    row = [start]
    while row:
        following: list[int] = []
        for step in row:
            for on in needs.of(step):
                if on == start:
                    return _way_back(start, step, came_from)
                if on in inside and on not in came_from:
                    came_from[on] = step
                    following.append(on)
        row = following
    raise AssertionError("expected a way round in steps that are bound together")


def _way_back(start: int, last: int, came_from: dict[int, int]) -> list[int]:
    ring = [last]
    while ring[-1] != start:
        ring.append(came_from[ring[-1]])
    ring.reverse()
    return ring


def _knots(needs: list[tuple[int, ...]]) -> list[list[int]]:
    """Find the groups of more than one step in which every step needs every other, over however
    many hands (strongly connected components, Tarjan 1972, without recursion)."""
    found: list[list[int]] = []
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    waiting: list[int] = []
    inside: set[int] = set()
    for root in range(len(needs)):
        if root in number:
            continue
        number[root] = low[root] = len(number)
        waiting.append(root)
        inside.add(root)
        work = [(root, iter(needs[root]))]
        while work:
            step, rest = work[-1]
            on = next(rest, None)
            if on is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[step])
                if low[step] == number[step]:
                    group = _take(waiting, inside, step)
                    if len(group) > 1:
                        found.append(group)
            elif on not in number:
                number[on] = low[on] = len(number)
                waiting.append(on)
                inside.add(on)
                work.append((on, iter(needs[on])))
            elif on in inside:
                low[step] = min(low[step], number[on])
    return found


def _take(waiting: list[int], inside: set[int], until: int) -> list[int]:
    group: list[int] = []
    while not group or group[-1] != until:
        group.append(waiting.pop())
        inside.discard(group[-1])
    return group


def in_order(count: int, needs: Needs, dependents: Sequence[Iterable[int]]) -> list[int]:
    """Order the steps so that each comes after what it needs; there must be no ring."""
    open_needs = [len(needs.of(step)) for step in range(count)]
    ready = [step for step in range(count) if not open_needs[step]]
    for step in ready:
        for dependent in dependents[step]:
            open_needs[dependent] -= 1
            if not open_needs[dependent]:
                ready.append(dependent)
    return ready
