"""The gate: attempts that count for the rate of a key wait here until they may go out.

::

    admit ──► WAITING ──a token of its key──► PASSED ──sent, or run here──► not known here any more
                 │                               │
                 └──── forgotten (its result came, it was withdrawn) ────┘

Each key has a token bucket. Whoever has passed goes on as any attempt: to a queue, to a device, to
the tasks that run here; there it may have to wait for a slot. Until it is sent its token counts as
one that the bucket still holds: what waits with its token and what comes meanwhile is never more
than `burst`, so no more than `burst + rate x time` are sent in any time. Of those that wait for one
key the order is that of `order`.

All attempts of a namespace with a key go over one lane, so a key has one bucket. It is soft state:
after a restart it is full.

Costs: O(1) an attempt, beside the heap of keys by when they have their next token.
"""

import heapq
from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.execution.core.attempt import Attempt
from services.execution.core.limits import MAX_HELD, MAX_HELD_BYTES
from services.execution.core.order import EMPTY_PLACES, Order
from services.execution.core.rates import Bucket, rate_of
from stretto.contracts.admission import Rate
from stretto.contracts.frames import DispatchRecord, RateRecord

MAX_KEYS = 100_000
"""Keys that have a bucket, a few hundred bytes each; beyond it those that nobody waits for are
given up, the oldest first: they begin anew with a full one."""


class Ticket(NamedTuple):
    """An attempt that waits, and what it was dispatched with."""

    attempt: Attempt
    record: DispatchRecord


class _Place(NamedTuple):
    """What a bucket is of; `queue` is empty where the rate is the step's own."""

    namespace: str
    queue: str
    key: str


class _Key:
    __slots__ = ("bucket", "due", "order", "passed", "place", "rate", "waiting")

    def __init__(self, place: _Place, rate: Rate, now_us: int, here: Callable[[Attempt], bool]):
        self.place = place
        self.rate = rate
        self.bucket = Bucket(rate.per_s, rate.burst, now_us)
        self.order = Order(here)
        self.waiting = 0
        self.passed = 0
        """Attempts that have a token and were not sent yet."""
        self.due = False
        """Whether it is among those that are looked at by their time."""


class Told(NamedTuple):
    """A key that is waited for. `next_us`: how long until the next one goes; None: that depends on
    one that has passed and was not sent yet."""

    namespace: str
    key: str
    rate: Rate
    waiting: int
    next_us: int | None
    queue: str = ""
    """Of whose keys it is one, where the rate is (also) that of a queue."""


class Gate:
    """See the module's docstring.

    Args:
        rates: what is configured, by queue; of these those by key.
    """

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = {name: rate for name, rate in rates.items() if rate.per == "key"}
        self._waiting: dict[str, Ticket] = {}
        self._passed: dict[str, tuple[Attempt, _Key]] = {}
        self._of: dict[str, _Key] = {}
        self._keys: dict[_Place, _Key] = {}
        self._due: list[tuple[int, int, _Key]] = []
        self._number = 0
        self._bytes = 0
        """What the payloads of those that wait take."""
        self.used = False
        """Whether any attempt here ever counted for a key."""

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def __contains__(self, id_: str) -> bool:
        return id_ in self._waiting

    @property
    def full(self) -> bool:
        """Whether so many wait that no more should be dispatched to us."""
        return len(self._waiting) >= MAX_HELD or self._bytes >= MAX_HELD_BYTES

    def admit(self, record: DispatchRecord, attempt: Attempt, now_us: int) -> bool:
        """Let an attempt wait for its turn; False: nothing limits its key."""
        assert record.rate is not None and attempt.id not in self._waiting
        self.used = True
        found = self._rate(record.namespace, record.queue, record.rate)
        if found is None:
            return False
        queue, rate = found
        key = self._key(_Place(record.namespace, queue, record.rate.key), rate, now_us)
        attempt.arrived_us = now_us
        self._waiting[attempt.id] = Ticket(attempt, record)
        self._of[attempt.id] = key
        self._bytes += len(attempt.payload)
        key.order.add(attempt)
        key.waiting += 1
        self._look_at(key, now_us)
        return True

    def passing(self, now_us: int) -> list[Ticket]:
        """Take out those that may go on now. They are `sent`, or forgotten, some time after."""
        due, found = self._due, list[Ticket]()
        while due and due[0][0] <= now_us:
            key = heapq.heappop(due)[2]
            key.due = False
            while key.waiting and key.bucket.whole(now_us):
                attempt = key.order.take()
                assert attempt is not None, f"{key.waiting} wait for {key.place}, and none is there"
                key.bucket.keep()
                key.passed += 1
                self._passed[attempt.id] = (attempt, key)
                found.append(self._leave(attempt.id, key))
            self._look_at(key, now_us)
        return found

    def sent(self, id_: str, now_us: int) -> None:
        """Note that one that has passed is out: from now on its token comes again."""
        self._end_token(id_, Bucket.spend, now_us)

    def forget(self, id_: str, now_us: int) -> Attempt | None:
        """Forget an attempt; returns it where it was still waiting here."""
        if self._end_token(id_, Bucket.give_back, now_us):
            return None
        ticket = self._waiting.get(id_)
        if ticket is None:
            return None
        key = self._of[id_]
        self._leave(id_, key)
        if key.order.size > 2 * key.waiting + EMPTY_PLACES:
            key.order.clear_gone()
        return ticket.attempt

    def settle(self, now_us: int, waits: Callable[[Attempt], bool]) -> None:
        """Look at those that have passed: who does not wait any more was sent, or is gone."""
        for attempt, _ in list(self._passed.values()):
            if not waits(attempt):
                self.sent(attempt.id, now_us)

    def pause_us(self, now_us: int) -> int | None:
        """How long until somebody may go on; None: nobody waits for time alone."""
        while self._due and not self._due[0][2].waiting:
            heapq.heappop(self._due)[2].due = False
        return max(0, self._due[0][0] - now_us) if self._due else None

    def told(self, id_: str, now_us: int) -> tuple[Attempt, Told] | None:
        """What an attempt waits for; None: it does not wait here."""
        ticket = self._waiting.get(id_)
        return None if ticket is None else (ticket.attempt, self._tell(self._of[id_], now_us))

    def keys(self, now_us: int) -> list[Told]:
        """The keys that somebody waits for, those with the most first."""
        some = [key for key in self._keys.values() if key.waiting]
        some.sort(key=lambda key: (-key.waiting, key.place))
        return [self._tell(key, now_us) for key in some]

    # --- inside

    def _rate(self, namespace: str, queue: str | None, said: RateRecord) -> tuple[str, Rate] | None:
        """What holds for a key: what its step says, or what is configured for its queue; of both
        the lower. With the queue whose keys have buckets of their own, where there is one."""
        own = None
        if said.per_s:
            own = Rate(said.per_s, said.burst or max(1.0, said.per_s), "key")
        there = rate_of(self._rates, namespace, queue) if self._rates and queue else None
        if there is None or queue is None:
            return None if own is None else ("", own)
        if own is None:
            return queue, there
        return queue, Rate(min(own.per_s, there.per_s), min(own.burst, there.burst), "key")

    def _key(self, place: _Place, rate: Rate, now_us: int) -> _Key:
        """The key's bucket; of two steps that say different rates the one that came last holds."""
        key = self._keys.get(place)
        if key is None:
            if len(self._keys) >= MAX_KEYS:
                self._give_up()
            key = self._keys[place] = _Key(place, rate, now_us, self._is_here)
        elif key.rate != rate:
            key.bucket.whole(now_us)
            key.bucket.change(rate.per_s, rate.burst)
            key.rate = rate
        return key

    def _give_up(self) -> None:
        """Make room for another key."""
        idle = [place for place, key in self._keys.items() if not key.waiting and not key.passed]
        for place in idle[: max(1, len(idle) // 2)]:
            del self._keys[place]

    def _look_at(self, key: _Key, now_us: int) -> None:
        """See to it that a key is looked at when it has its next token."""
        if key.due or not key.waiting:
            if not key.waiting and not key.passed and key.bucket.is_full:
                self._keys.pop(key.place, None)
            return
        wait_us = 0 if key.bucket.whole(now_us) else key.bucket.wait_us()
        if key.bucket.comes:
            self._number += 1
            key.due = True
            heapq.heappush(self._due, (now_us + wait_us, self._number, key))

    def _end_token(self, id_: str, become: Callable[[Bucket], None], now_us: int) -> bool:
        """Let the token of one that has passed be spent, or given back; whether it had passed."""
        found = self._passed.pop(id_, None)
        if found is None:
            return False
        key = found[1]
        key.bucket.whole(now_us)
        become(key.bucket)
        key.passed -= 1
        self._look_at(key, now_us)
        return True

    def _leave(self, id_: str, key: _Key) -> Ticket:
        ticket = self._waiting.pop(id_)
        del self._of[id_]
        key.waiting -= 1
        self._bytes -= len(ticket.attempt.payload)
        return ticket

    def _is_here(self, attempt: Attempt) -> bool:
        ticket = self._waiting.get(attempt.id)
        return ticket is not None and ticket.attempt is attempt

    @staticmethod
    def _tell(key: _Key, now_us: int) -> Told:
        bucket = key.bucket
        next_us = 0 if bucket.whole(now_us) else bucket.wait_us() if bucket.comes else None
        place = key.place
        return Told(place.namespace, place.key, key.rate, key.waiting, next_us, place.queue)


def rate_sentence(told: Told) -> str:
    """Say what those wait for that count for a key."""
    text = f"for the rate of key {told.key!r}: {rate_text(told.rate)}, "
    if told.next_us is None:
        text += "taken by what waits for a slot"
    else:
        text += f"1 in {max(1, round(told.next_us / 1_000_000))} s"
    before = told.waiting - 1
    others = "1 other waits" if before == 1 else f"{before} others wait"
    return f"{text}; {others} for it" if before else text


def rate_text(rate: Rate) -> str:
    """Write a rate as people do: `20/m`."""
    many, unit = next(
        (rate.per_s * seconds, unit)
        for seconds, unit in ((1, "s"), (60, "m"), (3_600, "h"), (86_400, "d"))
        if rate.per_s * seconds >= 1 or unit == "d"
    )
    return f"{many:g}/{unit}"
