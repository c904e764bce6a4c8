"""The lines of all queues: which there are, and what of them may go out now."""

from collections.abc import Callable, Collection, Mapping

from services.execution.core.attempt import Attempt
from services.execution.core.line import Line, Sending
from services.execution.core.rates import LineRate, rate_of
from services.execution.core.resources import Pool
from services.execution.core.roster import Roster
from stretto.contracts.admission import Rate


class Lines:
    """See the module's docstring.

    Args:
        rates: what is configured, by queue; those by key are not ours (`gate`).
        lanes: how many share a rate.
    """

    def __init__(self, roster: Roster, pool: Pool, rates: Mapping[str, Rate], lanes: int) -> None:
        self._roster = roster
        self._pool = pool
        self._rates = {at: rate for at, rate in rates.items() if rate.per != "key"}
        self._lanes = lanes
        self._lines: dict[tuple[str, str | None], Line] = {}
        self.ready: dict[Line, None] = {}
        """Those of which something may go out: looked at by the next `cut`."""

    @property
    def all(self) -> Collection[Line]:
        """The lines of all queues that there is or was something for."""
        return self._lines.values()

    @property
    def waiting(self) -> int:
        """How many attempts are held, over all queues."""
        return sum(line.waiting for line in self._lines.values())

    def there(self, namespace: str, queue: str | None) -> Line | None:
        """The line of a queue, where there is one."""
        return self._lines.get((namespace, queue))

    def of(self, attempt: Attempt) -> Line:
        """The line that an attempt is in."""
        return self._lines[attempt.namespace, attempt.queue]

    def line(self, namespace: str, queue: str) -> Line:
        """The line of a queue; made where there is none."""
        key = (namespace, queue)
        line = self._lines.get(key)
        if line is None:
            rate = rate_of(self._rates, namespace, queue) if self._rates else None
            line = Line(namespace, queue, None if rate is None else LineRate(rate, self._lanes))
            self._lines[key] = line
        return line

    def load(self, namespace: str, queue: str) -> float:
        """How much there is to do for a slot of a queue."""
        return self.line(namespace, queue).load(self._roster.crew(namespace, queue))

    def forget_idle(self) -> None:
        """Drop the lines of queues that nobody serves and nobody needs."""
        for key, line in list(self._lines.items()):
            crew = self._roster.crew(line.namespace, line.queue)
            if not line.waiting and not line.out and not crew.workers:
                del self._lines[key]
                self.ready.pop(line, None)

    def cut(self, now_us: int, goes_alone: Callable[[Attempt], bool]) -> list[Sending]:
        """Take the messages that may go out now."""
        messages: list[Sending] = []
        if self._pool.dirty or (self._rates and self._pool.has_waiting):
            self._grant(messages, now_us)
        for line in list(self.ready):
            crew = self._roster.crew(line.namespace, line.queue)
            messages += line.cut(crew, goes_alone, now_us)
        self.ready.clear()
        if self._rates:
            self._ready_later()
        return messages

    def pause_us(self, now_us: int) -> int | None:
        """How long until a rate lets something out that is held now; None: no rate is in the
        way."""
        if not self._rates:
            return None
        waits = [
            line.rate.wait_us(now_us)
            for line in self._lines.values()
            if line.rate is not None and line.waiting
        ]
        return min((wait for wait in waits if wait is not None), default=None)

    def _grant(self, messages: list[Sending], now_us: int) -> None:
        """Give out resources; whoever has got them is sent at once, alone."""
        for line in self._lines.values():
            if line.rate is not None:
                line.rate.room(now_us)
        for line, attempt in self._pool.grant(now_us, self._has_slot):
            messages.append(Sending(line.namespace, line.queue, [attempt]))

    def _has_slot(self, line: Line) -> bool:
        """Whether a worker is there for one more attempt that has resources: nothing is given to
        what would then wait for a slot."""
        crew = self._roster.crew(line.namespace, line.queue)
        allowed = line.rate is None or line.rate.by_workflow or line.rate.allows("")
        return allowed and line.charged < crew.slots and line.out < line.limit(crew)

    def _ready_later(self) -> None:
        """Lines that a rate keeps back are looked at again with the next cut."""
        for line in self._lines.values():
            if line.rate is not None and line.waiting:
                self.ready[line] = None
