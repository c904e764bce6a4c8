"""Which attempts are here, and which messages wait for them. Pure: no bus, no clock.

::

              take                begin            finish              stored
    message ────────► queued ───────────► running ────────► finished ────────► remembered
                         │  withdraw         │ withdraw                            │ take
                         └───────────────────┴──► cancelled → finished ◄───────────┘ (answer again)

Invariants

1. An attempt that is here is never begun twice: a message that brings it again waits as well.
2. A message is acknowledged when the results of all its attempts are stored, not before.
3. What was finished is remembered with its result, within limits, and answered from memory.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

from stretto.contracts.public import Task, TaskResult

MAX_REMEMBERED = 10_000
"""Results kept to answer what is delivered again: more than any worker has out in a few minutes."""

MAX_REMEMBERED_BYTES = 32 * 1024 * 1024
"""Outputs kept for that, so that large ones do not fill the memory."""

MAX_WITHDRAWN = 10_000
"""Ids of withdrawn attempts that are kept in case the attempt is delivered later."""


class Stoppable(Protocol):
    """What runs an attempt and can be told that nobody wants it any more."""

    @property
    def started_at(self) -> str: ...
    def stop(self, reason: str) -> None: ...


class Delivery:
    """A message that is open: `message` is the bus's own, `waiting` counts its attempts, `running`
    those that have begun, by it first, and not finished."""

    __slots__ = ("message", "running", "waiting")

    def __init__(self, message: object) -> None:
        self.message = message
        self.running = 0
        self.waiting = 0


class Attempt:
    """An attempt that is here: its task, the messages that wait for it, who runs it."""

    __slots__ = ("deliveries", "finished", "runner", "task", "withdrawn")

    def __init__(self, task: Task, delivery: Delivery) -> None:
        self.task = task
        self.deliveries = [delivery]
        self.runner: Stoppable | None = None
        self.withdrawn = False
        self.finished = False


class Ledger:
    """See the module's docstring. One event loop uses it."""

    def __init__(self) -> None:
        self._here: dict[str, Attempt] = {}
        self._queue: deque[Attempt] = deque()
        self._open: dict[Delivery, None] = {}
        self._remembered: OrderedDict[str, tuple[str, TaskResult]] = OrderedDict()
        self._remembered_bytes = 0
        self._withdrawn: OrderedDict[str, None] = OrderedDict()
        self.running = 0
        """Attempts that have begun and not finished: each holds a slot."""

    @property
    def queued(self) -> int:
        """How many wait here for a slot (withdrawn ones among them until their turn)."""
        return len(self._queue)

    @property
    def open(self) -> list[Delivery]:
        """The messages that are not acknowledged yet, oldest first."""
        return list(self._open)

    def longest(self, limit: int, look_at: int) -> list[tuple[str, str]]:
        """Give id and start of attempts that run, those that came first; looks at some only."""
        found: list[tuple[str, str]] = []
        for attempt in islice(self._here.values(), look_at):
            if attempt.runner is not None and not attempt.finished:
                found.append((attempt.task.id, attempt.runner.started_at))
                if len(found) >= limit:
                    break
        return found

    def take(self, delivery: Delivery, tasks: Iterable[Task]) -> list[tuple[str, TaskResult]]:
        """Put the attempts of a message into the queue.

        Returns:
            Reply subject and result of those that are finished already: to be sent again. The
            message waits for these as well.
        """
        again: list[tuple[str, TaskResult]] = []
        for task in tasks:
            attempt = self._here.get(task.id)
            if attempt is not None:
                if delivery in attempt.deliveries:
                    continue
                attempt.deliveries.append(delivery)
            else:
                attempt = self._here[task.id] = Attempt(task, delivery)
                remembered = self._remembered.get(task.id)
                if remembered is not None:
                    attempt.finished = True
                    again.append(remembered)
                else:
                    attempt.withdrawn = task.id in self._withdrawn
                    self._queue.append(attempt)
            delivery.waiting += 1
        if delivery.waiting:
            self._open[delivery] = None
        return again

    def holds(self, id_: str) -> bool:
        """Whether an attempt is here: it waits, runs, or its result is not safe yet."""
        return id_ in self._here

    def next(self) -> Attempt | None:
        """Take the next attempt out of the queue; it has a slot until `finish`."""
        if not self._queue:
            return None
        attempt = self._queue.popleft()
        self.running += 1
        attempt.deliveries[0].running += 1
        return attempt

    def finish(self, attempt: Attempt, result: TaskResult) -> bool:
        """Note the result of an attempt that `next` gave; it is remembered from now on.

        Returns:
            Whether others that came in the same message run still.
        """
        assert not attempt.finished, f"{attempt.task.id} finished twice"
        attempt.finished = True
        attempt.runner = None
        self.running -= 1
        came_by = attempt.deliveries[0]
        came_by.running -= 1
        self._remember(attempt.task.reply, result)
        return came_by.running > 0

    def abandon(self, attempt: Attempt) -> None:
        """Forget an attempt that was stopped because the worker ends: another worker will do it."""
        self.running -= 1
        attempt.deliveries[0].running -= 1
        self._here.pop(attempt.task.id, None)

    def stored(self, ids: Iterable[str]) -> list[Delivery]:
        """Note that the results of these attempts are safe.

        Returns:
            The messages that wait for nothing any more: to be acknowledged.
        """
        done: list[Delivery] = []
        for id_ in ids:
            attempt = self._here.pop(id_, None)
            if attempt is None:
                continue
            for delivery in attempt.deliveries:
                delivery.waiting -= 1
                if delivery.waiting == 0:
                    del self._open[delivery]
                    done.append(delivery)
        return done

    def withdraw(self, ids: Iterable[str]) -> list[Stoppable]:
        """Note that nobody wants these attempts any more.

        Returns:
            What runs those that run here: to be stopped.
        """
        running: list[Stoppable] = []
        for id_ in ids:
            self._withdrawn[id_] = None
            attempt = self._here.get(id_)
            if attempt is not None and not attempt.finished:
                attempt.withdrawn = True
                if attempt.runner is not None:
                    running.append(attempt.runner)
        while len(self._withdrawn) > MAX_WITHDRAWN:
            self._withdrawn.popitem(last=False)
        return running

    def close(self) -> list[Delivery]:
        """Empty the queue and give the messages that are open: nobody will answer them here."""
        self._queue.clear()
        return self.open

    def _remember(self, reply: str, result: TaskResult) -> None:
        self._remembered[result.id] = (reply, result)
        self._remembered_bytes += len(bytes(result.output)) if result.output else 0
        while (
            len(self._remembered) > MAX_REMEMBERED or self._remembered_bytes > MAX_REMEMBERED_BYTES
        ):
            _, (_, oldest) = self._remembered.popitem(last=False)
            self._remembered_bytes -= len(bytes(oldest.output))
