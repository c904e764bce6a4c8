"""The line of one queue: attempts that are held, in order, and how many are out; cuts messages.

As long as all that wait are of one workflow and the usual priority they go as they came. Otherwise
`order` says who is next, once somebody has to wait.
"""

from collections import deque
from collections.abc import Callable

from services.execution.core.attempt import Attempt, State
from services.execution.core.order import EMPTY_PLACES, Order
from services.execution.core.rates import LineRate
from services.execution.core.roster import Crew
from stretto.contracts.admission import DEFAULT_PRIORITY

MIN_LIMIT = 1_000
"""So many attempts of a queue may be out although nobody who says so is present: a plain worker
finds something to do, and the stream stays small."""

LIMIT_PER_SLOT = 4
"""So many attempts a slot may be out: while one is worked on, the next are there already."""

MAX_ATTEMPTS_A_MESSAGE = 100
"""More do not make a record cheaper, and would keep it longer from a free worker."""

SHARE_OF_SLOTS = 4
"""A message holds at most this part of the slots of the smallest worker."""

MAX_MESSAGE_BYTES = 512 * 1024
"""A work message is closed here: below the 1 MiB that a NATS server takes by default."""

AHEAD_US = 50_000
"""Where the order matters, a slot is given no more than what it does in this time beside the
attempt that it has: what is in the stream cannot be passed any more."""

ENOUGH_US = 1_000_000
"""Where nobody has to be passed yet, the slots are given no more than what they do in this time:
whoever comes next and is to be passed on waits for all of it."""

LEAST_AHEAD = 2
"""So many may be out all the same, and nobody's slots need to be known."""

WEIGHT = 0.2
"""Of the newest sample in the mean time that the attempts of a line take."""


class Sending:
    """A work message on its way into the stream."""

    __slots__ = ("attempts", "namespace", "queue")

    def __init__(self, namespace: str, queue: str, attempts: list[Attempt]) -> None:
        self.namespace = namespace
        self.queue = queue
        self.attempts = attempts

    @property
    def data(self) -> bytes:
        """The message: a `Work` as JSON."""
        return b'{"tasks":[' + b",".join([a.payload for a in self.attempts]) + b"]}"


class Line:
    """See the module's docstring."""

    def __init__(self, namespace: str, queue: str, rate: LineRate | None = None) -> None:
        self.namespace = namespace
        self.queue = queue
        self.rate = rate
        """How many may go out in a time; None: any number."""
        self.waiting = 0
        """Attempts that are held, with those that wait for resources."""
        self.out = 0
        """Attempts that are being sent, in the stream, or at a worker."""
        self.charged = 0
        """Those of them that have resources."""
        self.mean_us = 0.0
        """How long an attempt takes; 0: not known."""
        self._held: deque[Attempt] = deque()
        """As they came, while the order is that."""
        self._order: Order | None = None
        """Who is next, once it is not."""
        self._flow: str | None = None
        self._mixed = False

    def limit(self, crew: Crew) -> int:
        """How many attempts may be out. Where the order matters, or attempts are known to take
        long, that is what the slots have enough with."""
        many = max(MIN_LIMIT, LIMIT_PER_SLOT * crew.slots)
        mean_us = self.mean_us
        if mean_us < AHEAD_US and not self._mixed:
            if not mean_us or not crew.workers:
                return many
            enough = int(crew.slots * ENOUGH_US / mean_us)
            return min(many, max(LIMIT_PER_SLOT * crew.slots, enough))
        if not crew.workers:
            return LEAST_AHEAD if self._mixed else many
        ahead = int(crew.slots * AHEAD_US / mean_us) if mean_us else crew.slots
        return min(many, max(LEAST_AHEAD, crew.slots + ahead + crew.workers))

    def learn(self, took_us: int) -> None:
        """Take how long an attempt took as a sample."""
        mean_us = self.mean_us
        self.mean_us = float(took_us) if not mean_us else mean_us + WEIGHT * (took_us - mean_us)

    def load(self, crew: Crew) -> float:
        """How much there is to do for a slot."""
        return (self.waiting + self.out) / max(1, crew.slots)

    def hold(self, attempt: Attempt, *, first: bool = False) -> None:
        """Put an attempt at the end of the line, or at its front."""
        attempt.become(State.HELD)
        attempt.queue = self.queue
        attempt.seq = 0
        self.waiting += 1
        if attempt.workflow != self._flow or attempt.priority != DEFAULT_PRIORITY:
            self._mixed = self._flow is not None or attempt.priority != DEFAULT_PRIORITY
            self._flow = self._flow or attempt.workflow
        if attempt.demand is not None and not attempt.has_resources:
            return  # it waits in the pool
        if self._order is not None:
            self._order.add(attempt, first=first)
        elif first:
            self._held.appendleft(attempt)
        else:
            self._held.append(attempt)

    def drop(self) -> None:
        """Note that an attempt that was held is gone; its place is cleared now and then."""
        self.waiting -= 1
        if len(self._held) > 2 * self.waiting + EMPTY_PLACES:
            self._held = deque(a for a in self._held if self._is_here(a))
        elif self._order is not None and self._order.size > 2 * self.waiting + EMPTY_PLACES:
            self._order.clear_gone()

    def let_out(self, attempt: Attempt) -> None:
        """Note that an attempt has got its resources and is sent, alone."""
        attempt.become(State.SENDING)
        attempt.alone = True
        self.waiting -= 1
        self.out += 1
        self.charged += 1
        if self.rate is not None:
            self.rate.take(attempt.workflow)

    def cut(
        self, crew: Crew, goes_alone: Callable[[Attempt], bool], now_us: int = 0
    ) -> list[Sending]:
        """Take what may go out now, as messages; they are `SENDING` and count as out."""
        room = min(self.limit(crew) - self.out, self.waiting)
        if room <= 0:
            return []
        if self._mixed or self.rate is not None:
            return self._packed(self._in_order(room, now_us), crew, goes_alone)
        taken: list[Attempt] = []
        held = self._held
        while len(taken) < room and held:
            attempt = held.popleft()
            if self._is_here(attempt):  # else gone, or bound elsewhere, while it was held
                attempt.become(State.SENDING)
                taken.append(attempt)
        if not held and len(taken) == self.waiting:
            self._flow = None
        return self._packed(taken, crew, goes_alone)

    def _in_order(self, room: int, now_us: int) -> list[Attempt]:
        """Take attempts by the order, and by the rate."""
        rate = self.rate
        if rate is not None:
            left = rate.room(now_us)
            room = room if left is None else min(room, left)
        order = self._order
        if order is None:
            order = self._order = Order(self._is_here)
            for attempt in self._held:
                order.add(attempt)
            self._held.clear()
        taken: list[Attempt] = []
        while len(taken) < room:
            found = order.take(None if rate is None else rate.allows)
            if found is None:
                break
            found.become(State.SENDING)
            taken.append(found)
            if rate is not None:
                rate.take(found.workflow)
        if len(taken) == self.waiting:
            self._order, self._flow, self._mixed = None, None, False
        return taken

    def _packed(
        self, taken: list[Attempt], crew: Crew, goes_alone: Callable[[Attempt], bool]
    ) -> list[Sending]:
        size = message_size(len(taken), crew)
        messages: list[Sending] = []
        together: list[Attempt] = []
        together_bytes = 0
        for attempt in taken:
            if size == 1 or goes_alone(attempt):
                attempt.alone = True
                messages.append(Sending(self.namespace, self.queue, [attempt]))
                continue
            length = len(attempt.payload)
            if together and (len(together) == size or together_bytes + length > MAX_MESSAGE_BYTES):
                messages.append(self._closed(together))
                together, together_bytes = [], 0
            together.append(attempt)
            together_bytes += length
        if together:
            messages.append(self._closed(together))
        self.waiting -= len(taken)
        self.out += len(taken)
        return messages

    def _is_here(self, attempt: Attempt) -> bool:
        return attempt.state is State.HELD and attempt.queue == self.queue

    def _closed(self, attempts: list[Attempt]) -> Sending:
        alone = len(attempts) == 1
        for attempt in attempts:
            attempt.alone = alone
        return Sending(self.namespace, self.queue, attempts)


def message_size(count: int, crew: Crew) -> int:
    """How many of `count` attempts go into a message: fair to all who are present, at least 1."""
    if crew.workers == 0:
        return 1
    fair = -(-count // crew.workers)
    return max(1, min(fair, crew.smallest // SHARE_OF_SLOTS, MAX_ATTEMPTS_A_MESSAGE))
