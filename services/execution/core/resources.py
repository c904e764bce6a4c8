"""Named resources: who has them, who waits for them, and who is given them next.

An attempt gets all that it asks for at once, at the moment when a worker's slot is there for it, or
it waits and holds nothing. What it has is free again when it is forgotten: its result was read, it
was withdrawn (cancelled, timed out), its heartbeat stopped.

Those that wait are in groups: the same queue, the same demand. In a group nobody fits when its
next one does not, so a look costs by groups, not by attempts. Groups are served by the rank of
their next (`order`). One that has waited for `RESERVE_AFTER_US` and does not fit keeps what it
needs from those behind it, so that small demands do not pass a large one for ever. It holds nothing
by that.

Invariants

1. Of nothing more is given than there is. (What was found in the work stream after a restart counts
   as given, whatever the capacity is now.)
2. Nobody waits for one thing while holding another: no ring can come about.
3. Nothing that can be given is refused for ever: see `RESERVE_AFTER_US` and `order`.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.execution.core.attempt import Attempt, Demand, State
from services.execution.core.line import Line
from services.execution.core.order import EMPTY_PLACES, Order

RESERVE_AFTER_US = 5_000_000
"""Until then those behind may take what is free: it costs the one in front no time."""

PATIENCE_US = 30_000_000
"""Where devices say what there is, one may come that has more: so long it is waited for. What is
configured does not change: there is nothing to wait for."""


class Shortage(NamedTuple):
    """An attempt that asks for more than there is in all."""

    attempt: Attempt
    reason: str


class _Group:
    __slots__ = ("demand", "line", "order", "waiting")

    def __init__(self, line: Line, demand: Demand) -> None:
        self.line = line
        self.demand = demand
        self.waiting = 0
        self.order = Order(self._is_here)

    def _is_here(self, attempt: Attempt) -> bool:
        return (
            attempt.state is State.HELD
            and attempt.queue == self.line.queue
            and not attempt.has_resources
        )


class Pool:
    """See the module's docstring.

    Args:
        configured: amounts by name.
        announced: amounts by name that present devices say they have, beside those.
    """

    def __init__(
        self, configured: Mapping[str, int], announced: Callable[[], Mapping[str, int]]
    ) -> None:
        self._configured = configured
        self._announced = announced
        self._groups: dict[tuple[Line, Demand], _Group] = {}
        self.used: dict[str, int] = {}
        """How much of what is given."""
        self.dirty = False
        """Whether a look may find somebody who fits."""

    @property
    def has_waiting(self) -> bool:
        return bool(self._groups)

    def slot_freed(self) -> None:
        """Note that somebody who waits may go on, though nothing was given back."""
        if self._groups:
            self.dirty = True

    def capacity(self, name: str) -> int:
        """How much there is of a resource in all."""
        return self._configured.get(name, 0) + self._announced().get(name, 0)

    @property
    def names(self) -> list[str]:
        """All resources that there are, or that somebody asks for."""
        asked = [name for _, demand in self._groups for name, _ in demand]
        return sorted({*self._configured, *self._announced(), *self.used, *asked})

    @property
    def waiting(self) -> dict[str, int]:
        """How many attempts wait for a resource (and perhaps for others), by name."""
        found: dict[str, int] = {}
        for group in self._groups.values():
            for name, _ in group.demand:
                found[name] = found.get(name, 0) + group.waiting
        return found

    def wait(self, line: Line, attempt: Attempt) -> None:
        """Let an attempt wait for its turn; it is held in its line by now."""
        assert attempt.demand is not None
        key = (line, attempt.demand)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(*key)
        group.waiting += 1
        group.order.add(attempt)
        self.dirty = True

    def leave(self, line: Line, attempt: Attempt) -> None:
        """Note that an attempt does not wait any more."""
        assert attempt.demand is not None
        key = (line, attempt.demand)
        group = self._groups[key]
        group.waiting -= 1
        if not group.waiting:
            del self._groups[key]
        elif group.order.size > 2 * group.waiting + EMPTY_PLACES:
            group.order.clear_gone()

    def seize(self, attempt: Attempt) -> None:
        """Note that an attempt has what it asks for already."""
        assert attempt.demand is not None and not attempt.has_resources
        attempt.has_resources = True
        for name, amount in attempt.demand:
            self.used[name] = self.used.get(name, 0) + amount

    def give_back(self, attempt: Attempt) -> None:
        """Take back what an attempt has."""
        assert attempt.demand is not None and attempt.has_resources
        attempt.has_resources = False
        for name, amount in attempt.demand:
            left = self.used[name] - amount
            if left:
                self.used[name] = left
            else:
                del self.used[name]
        self.dirty = True

    def grant(self, now_us: int, has_room: Callable[[Line], bool]) -> list[tuple[Line, Attempt]]:
        """Give resources to whoever is next and fits, as long as anybody does. `has_room`: whether
        one more attempt of a line may go out; it is asked before each.

        Returns:
            Who has got them: to be sent at once.
        """
        self.dirty = False
        capacities = {name: self.capacity(name) for name in self.names}
        kept: set[str] = set()
        queue: list[tuple[int, int, _Group]] = []
        for number, group in enumerate(self._groups.values()):
            rank = group.order.rank()
            assert rank is not None, "a group is kept while somebody waits in it"
            queue.append((rank, number, group))
        heapq.heapify(queue)
        granted: list[tuple[Line, Attempt]] = []
        while queue:
            _, number, group = heapq.heappop(queue)
            if not has_room(group.line):
                continue
            free = all(
                self.used.get(name, 0) + amount <= capacities[name] and name not in kept
                for name, amount in group.demand
            )
            if not free:
                if now_us - group.order.oldest_us() >= RESERVE_AFTER_US and self._can(
                    group.demand, capacities
                ):
                    kept.update(name for name, _ in group.demand)
                continue
            rate = group.line.rate
            attempt = group.order.take(None if rate is None else rate.allows)
            if attempt is None:
                continue
            self.leave(group.line, attempt)
            self.seize(attempt)
            group.line.let_out(attempt)
            granted.append((group.line, attempt))
            rank = group.order.rank() if group.waiting else None
            if rank is not None:
                heapq.heappush(queue, (rank, number, group))
        return granted

    def fits(self, demand: Demand) -> bool:
        """Whether all of a demand is free now."""
        return all(self.used.get(name, 0) + n <= self.capacity(name) for name, n in demand)

    def shortage(self, demand: Demand) -> str | None:
        """Say what of a demand is more than there is in all: "needs 3 gpu, there are 2 in all"."""
        short = [
            f"needs {amount} {name}, there {'is' if there == 1 else 'are'} {there} in all"
            for name, amount in demand
            for there in [self.capacity(name)]
            if amount > there
        ]
        return "; ".join(short) or None

    def is_hopeless(self, attempt: Attempt) -> bool:
        """Whether an attempt asks for more than there is, and will be: by the configuration."""
        return any(
            name in self._configured and amount > self.capacity(name)
            for name, amount in attempt.demand or ()
        )

    def hopeless(self, now_us: int, known: Callable[[], list[Attempt]]) -> list[Shortage]:
        """Find attempts that wait for more than there is, and will be."""
        short: dict[Demand, str] = {}
        for _, demand in self._groups:
            reason = self.shortage(demand)
            if reason is not None:
                short[demand] = reason
        if not short:
            return []
        found = []
        for attempt in known():
            if attempt.demand in short and attempt.state is State.HELD:
                reason = short[attempt.demand]
                if self.is_hopeless(attempt) or now_us - attempt.arrived_us >= PATIENCE_US:
                    found.append(Shortage(attempt, reason))
        return found

    @staticmethod
    def _can(demand: Demand, capacities: Mapping[str, int]) -> bool:
        return all(amount <= capacities[name] for name, amount in demand)
