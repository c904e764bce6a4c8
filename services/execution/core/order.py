"""The order in which attempts that wait for the same thing get it.

1. By priority, with ageing: a waiting attempt gains a level every `AGEING_US`. What waits longest
   in a level speaks for it, so which level is next is settled by `arrived - priority x AGEING`.
2. In a level the workflows take turns, an attempt each; a new one goes to the end of the turns.
3. Of one workflow the oldest goes first.

Nothing starves: what came `9 x AGEING_US` after an attempt speaks for no level before it, and in
its level it waits for one turn of each workflow for each of its own workflow's that came before.

Adding and taking are O(1) amortized, whatever waits: at most ten levels are looked at.
"""

from collections import deque
from collections.abc import Callable

from services.execution.core.attempt import Attempt

AGEING_US = 30_000_000
"""A level for half a minute: among bursts the priority decides; the lowest waits 4.5 minutes more
than the highest at most."""


EMPTY_PLACES = 64
"""So many places of attempts that are gone, beside as many as wait, are not worth clearing."""


class _Level:
    """The attempts of one priority."""

    __slots__ = ("ages", "flows", "turns")

    def __init__(self) -> None:
        self.ages: deque[Attempt] = deque()
        """As they came; some of them are gone."""
        self.flows: dict[str, deque[Attempt]] = {}
        """By workflow, as they came."""
        self.turns: deque[str] = deque()
        """The workflows; the next one is the first."""


class Order:
    """See the module's docstring. `is_here` tells whether an attempt that was added still waits."""

    __slots__ = ("_is_here", "_levels", "size")

    def __init__(self, is_here: Callable[[Attempt], bool]) -> None:
        self._is_here = is_here
        self._levels: dict[int, _Level] = {}
        self.size = 0
        """Places, with those of attempts that are gone."""

    def add(self, attempt: Attempt, *, first: bool = False) -> None:
        """Put an attempt behind, or before, all others of its workflow and priority."""
        level = self._levels.get(attempt.priority)
        if level is None:
            level = self._levels[attempt.priority] = _Level()
        flow = level.flows.get(attempt.workflow)
        if flow is None:
            flow = level.flows[attempt.workflow] = deque()
            if first:
                level.turns.appendleft(attempt.workflow)
            else:
                level.turns.append(attempt.workflow)
        self.size += 1
        if first:
            level.ages.appendleft(attempt)
            flow.appendleft(attempt)
        else:
            level.ages.append(attempt)
            flow.append(attempt)
            if len(level.ages) > 2 * self.size + EMPTY_PLACES:
                level.ages = deque(a for a in level.ages if self._is_here(a))

    def rank(self) -> int | None:
        """How urgent the next one is, the least first: its arrival less what its priority is worth.
        None: nobody waits."""
        ranks = [rank for rank, _ in self._ranked()]
        return min(ranks, default=None)

    def oldest_us(self) -> int:
        """When that which waits longest arrived; 0: nobody waits."""
        found = [level.ages[0].arrived_us for _, level in self._ranked()]
        return min(found, default=0)

    def take(self, allowed: Callable[[str], bool] | None = None) -> Attempt | None:
        """Take the next one out; of the workflows that are `allowed` to go on, where given.

        Returns:
            None where nobody waits who may.
        """
        for _, level in sorted(self._ranked(), key=_by_rank):
            for _ in range(len(level.turns)):
                workflow = level.turns.popleft()
                if allowed is not None and not allowed(workflow):
                    level.turns.append(workflow)
                    continue
                found = self._next(level.flows[workflow])
                if level.flows[workflow]:
                    level.turns.append(workflow)
                else:
                    del level.flows[workflow]
                if found is not None:
                    return found
        return None

    def clear_gone(self) -> None:
        """Give up the places of attempts that are gone."""
        held = [a for _, level in self._ranked() for flow in level.flows.values() for a in flow]
        held.sort(key=_arrived)  # nearly sorted already
        self._levels.clear()
        self.size = 0
        for attempt in dict.fromkeys(held):
            if self._is_here(attempt):
                self.add(attempt)

    def _next(self, flow: deque[Attempt]) -> Attempt | None:
        while flow:
            attempt = flow.popleft()
            self.size -= 1
            if self._is_here(attempt):
                return attempt
        return None

    def _ranked(self) -> list[tuple[int, _Level]]:
        """The levels in which somebody waits, each with its rank."""
        found = []
        for priority, level in list(self._levels.items()):
            ages = level.ages
            while ages and not self._is_here(ages[0]):
                ages.popleft()
            if ages:
                found.append((ages[0].arrived_us - priority * AGEING_US, level))
            else:
                self.size -= sum([len(flow) for flow in level.flows.values()])
                del self._levels[priority]
        return found


def _by_rank(ranked: tuple[int, _Level]) -> int:
    return ranked[0]


def _arrived(attempt: Attempt) -> int:
    return attempt.arrived_us
