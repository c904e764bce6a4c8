"""How far the undoing of a run is, and how far it is on its way back to a step."""

import re
from collections.abc import Iterable, Iterator

from stretto.contracts.events import COMPENSATION_SUFFIX, RunFailing

_BELOW = re.compile(r"[.\[~]")


def root_step(path: str) -> str:
    """The name of the step of the run's own scope that a path is, or is inside of."""
    return _BELOW.split(path, maxsplit=1)[0]


class Undoing:
    """Which completed steps are left to undo, and what each of them waits for.

    Attributes:
        steps: paths of what is undone, in the order of the event that began it.
        left: how many of them are not undone yet.
        blocked: how many of them a person has to decide about.
    """

    __slots__ = ("_next", "_place", "_waits", "blocked", "left", "steps")

    def __init__(
        self, steps: list[str], after: list[list[int]] | None, joins: list[list[int]]
    ) -> None:
        self.steps = steps
        self.left = len(steps)
        self.blocked = 0
        if after is None:  # one after another
            after = [[index - 1] if index else [] for index in range(len(steps))]
        edges = [*after, *joins]
        self._place = {path: index for index, path in enumerate(steps)}
        self._waits = [len(each) for each in edges]
        self._next: list[list[int]] = [[] for _ in edges]
        for place, each in enumerate(edges):
            for earlier in each:
                self._next[earlier].append(place)

    def begin(self) -> Iterator[str]:
        """The compensations that may run at once."""
        return self._reached([place for place, count in enumerate(self._waits) if not count])

    def ended(self, path: str) -> Iterator[str]:
        """A step is undone, or given up: the compensations that may run now."""
        self.left -= 1
        return self._reached(self._released(self._place[path]))

    def _released(self, place: int) -> list[int]:
        free = []
        for later in self._next[place]:
            self._waits[later] -= 1
            if not self._waits[later]:
                free.append(later)
        return free

    def _reached(self, places: list[int]) -> Iterator[str]:
        for place in places:  # grows while it is walked
            if place < len(self.steps):
                yield self.steps[place] + COMPENSATION_SUFFIX
            else:
                places += self._released(place)


class Rollback:
    """A run on its way back to the end of a step.

    Attributes:
        steps: names of the steps that will be pending again; `indices` are their positions.
        waits: those that have still to end before anything is undone.
        reopened: whether the run had ended.
        failing: that the run is to end when it is back: it was cancelled, or ran out of time.
    """

    __slots__ = ("failing", "indices", "names", "pause", "reopened", "steps", "to", "waits")

    def __init__(
        self, to: str, steps: list[str], indices: Iterable[int], *, pause: bool, reopened: bool
    ) -> None:
        self.to = to
        self.steps = steps
        self.names = frozenset(steps)
        self.indices = frozenset(indices)
        self.pause = pause
        self.reopened = reopened
        self.waits: dict[str, None] = {}
        self.failing: RunFailing | None = None

    def covers(self, path: str) -> bool:
        """Whether a path is one of the steps, or inside of one."""
        return root_step(path) in self.names
