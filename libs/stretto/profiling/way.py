"""The critical path: from the end of a run back to its start, by what each thing waited for."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stretto.profiling.report import Part
from stretto.profiling.stretch import RUN, Story, Stretch

_LAST = re.compile(r"(\[\d+\]|~[a-z]+|\.[^.\[~]+)$", re.ASCII)
_NUMBERS = re.compile(r"\[\d+\]", re.ASCII)

Names = Mapping[str, frozenset[str]]
"""Of every step of a definition, by its path without numbers: the paths of those it needs."""


@dataclass(frozen=True, slots=True)
class Bit:
    """Some time on the way. `stretch` None: of the run itself."""

    stretch: Stretch | None
    part: Part
    begin: float
    end: float


def plain(path: str) -> str:
    """The step of the definition that a path is a passage of: `scan[3].read` is `scan.read`."""
    return _NUMBERS.sub("", path)


def above(path: str) -> str:
    """The path that a path hangs from: of `scan[3].read`, `scan[3]`; of that, `scan`; empty: none.

    A compensation hangs from where its step does.
    """
    found = _LAST.search(path)
    if found is None:
        return RUN
    if found.group() == "~compensate":
        return above(path[: found.start()])
    return path[: found.start()]


def needs_of(graph: Mapping[str, Any]) -> Names:
    """Read who needs whom from a compiled workflow, as JSON."""
    found: dict[str, frozenset[str]] = {}
    _read_scope(graph.get("root") or {}, "", found)
    return found


def _read_scope(scope: Mapping[str, Any], prefix: str, found: dict[str, frozenset[str]]) -> None:
    steps = scope.get("steps", ())
    for step in steps:
        path = prefix + step["name"]
        found[path] = frozenset(prefix + steps[at]["name"] for at in step.get("needs", ()))
        if step.get("body"):
            _read_scope(step["body"], f"{path}.", found)
        for handler in step.get("catch", ()):
            if handler.get("body"):
                _read_scope(handler["body"], f"{path}~catch.", found)


def critical(story: Story, needs: Names) -> list[Bit]:
    """The way from a run's start to its end: bits that touch, and together are all of its time."""
    return list(reversed(list(_Walk(story, needs).run())))


class _Walk:
    """Goes backwards; every method gives bits from the latest to the earliest."""

    def __init__(self, story: Story, needs: Names) -> None:
        self._story = story
        self._needs = needs
        self._inside: dict[str, list[Stretch]] = {}
        self._gone: set[Stretch] = set()
        ends: dict[str, float] = {}
        for stretch in story.stretches:
            end = story.ended if stretch.end is None else stretch.end
            ends[stretch.path] = max(end, ends.get(stretch.path, end))
        for stretch in story.stretches:
            place = above(stretch.path)
            undoes = "~compensate" in stretch.path
            # What undoes a step may begin when that which holds the step has ended.
            while place != RUN and (place not in ends or (undoes and ends[place] <= stretch.begin)):
                place = above(place)
            self._inside.setdefault(place, []).append(stretch)

    def run(self) -> Iterator[Bit]:
        story = self._story
        end = story.ended
        if story.finishing is not None and story.finishing < end:
            yield Bit(None, "decide", story.finishing, end)
            end = story.finishing
        yield from self._scope(RUN, None, story.started, end)

    def _scope(self, place: str, holder: Stretch | None, begin: float, end: float) -> Iterator[Bit]:
        """The way through the steps of a scope between two instants."""
        at = end
        steps = self._inside.get(place, [])
        current = self._latest(steps, begin, at)
        while current is not None:
            self._gone.add(current)
            stop = at if current.end is None else min(current.end, at)
            if stop < at:
                yield Bit(holder, "held", stop, at)
            yield from self._stretch(current, max(begin, current.begin), stop)
            at = max(begin, current.begin)
            current = self._before(current, steps, begin, at)
        if at > begin:
            yield Bit(holder, "held", begin, at)

    def _before(
        self, current: Stretch, steps: Iterable[Stretch], begin: float, at: float
    ) -> Stretch | None:
        """What a stretch waited for: the last of its needs to end, or an earlier passage through
        the same step; where it has neither, whatever ended last."""
        if at <= begin:
            return None
        names = self._needs.get(plain(current.path), frozenset())
        place = above(current.path)
        needed = [
            s
            for s in steps
            if s.path == current.path or (plain(s.path) in names and above(s.path) == place)
        ]
        found = self._latest(needed, begin, at)
        return found if found is not None else self._latest(steps, begin, at)

    def _latest(self, steps: Iterable[Stretch], begin: float, at: float) -> Stretch | None:
        """The stretch that ended last, at `at` or before it; one that is open ends at the end."""
        best: Stretch | None = None
        best_end = 0.0
        for stretch in steps:
            end = self._story.ended if stretch.end is None else stretch.end
            if end > at or end <= begin or stretch in self._gone:
                continue
            if best is None or (end, stretch.begin) > (best_end, best.begin):
                best, best_end = stretch, end
        return best

    def _stretch(self, stretch: Stretch, begin: float, end: float) -> Iterator[Bit]:
        for stay in reversed(stretch.stays):
            low, high = max(stay.begin, begin), min(stay.end, end)
            if high <= low:
                continue  # it was at this before the time that is looked at
            if stay.part is None:
                yield from self._scope(stretch.path, stretch, low, high)
            else:
                yield Bit(stretch, stay.part, low, high)
