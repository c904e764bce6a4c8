"""The line of one queue: attempts that are held, in order, and how many are out; cuts messages."""

from collections import deque
from collections.abc import Callable

from services.execution.core.attempt import Attempt, State
from services.execution.core.roster import Crew

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


EMPTY_PLACES = 64
"""So many places of attempts that are gone, beside as many as wait, are not worth clearing."""


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

    def __init__(self, namespace: str, queue: str) -> None:
        self.namespace = namespace
        self.queue = queue
        self.waiting = 0
        """Attempts that are held."""
        self.out = 0
        """Attempts that are being sent, in the stream, or at a worker."""
        self._held: deque[Attempt] = deque()

    @staticmethod
    def limit(crew: Crew) -> int:
        """How many attempts may be out."""
        return max(MIN_LIMIT, LIMIT_PER_SLOT * crew.slots)

    def load(self, crew: Crew) -> float:
        """How much there is to do for a slot."""
        return (self.waiting + self.out) / max(1, crew.slots)

    def hold(self, attempt: Attempt, *, first: bool = False) -> None:
        """Put an attempt at the end of the line, or at its front."""
        attempt.become(State.HELD)
        attempt.queue = self.queue
        attempt.seq = 0
        self.waiting += 1
        if first:
            self._held.appendleft(attempt)
        else:
            self._held.append(attempt)

    def drop(self) -> None:
        """Note that an attempt that was held is gone; its place is cleared now and then."""
        self.waiting -= 1
        if len(self._held) > 2 * self.waiting + EMPTY_PLACES:
            self._held = deque(a for a in self._held if self._is_here(a))

    def cut(self, crew: Crew, goes_alone: Callable[[Attempt], bool]) -> list[Sending]:
        """Take what may go out now, as messages; they are `SENDING` and count as out."""
        room = min(self.limit(crew) - self.out, self.waiting)
        if room <= 0:
            return []
        size = message_size(room, crew)
        messages: list[Sending] = []
        together: list[Attempt] = []
        together_bytes = 0
        taken = 0
        while taken < room:
            attempt = self._held.popleft()
            if not self._is_here(attempt):
                continue  # gone, or bound elsewhere, while it was held
            taken += 1
            attempt.become(State.SENDING)
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
        self.waiting -= taken
        self.out += taken
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
