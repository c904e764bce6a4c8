"""A pull consumer with a request outstanding at all times, and natural batches.

::

               the consumer is there, and whether it is the same one is known
      ┌──────────┐ ────────────────────────────────────────────► ┌──────────┐
      │  unsure  │                                                │ pulling  │
      └──────────┘ ◄──────────────────────────────────────────── └──────────┘
        │      ▲    connection lost, heartbeats missed, request       │
        │      │    ended without a count (409)                       │
        ▼      │                                                      │
      ┌──────────┐                                                    │
      │ missing  │ ◄──────────────────────────────────────────────────┘
      └──────────┘  nobody there (503): ``on_missing()``, then unsure

1. What was asked for, what is buffered and what is held never exceed ``capacity``.
2. What the server owes us is known exactly, or void (``PullRequests``).
3. A lost request is noticed by missing heartbeats. Then the inbox is given up and a new one is
   used: what was owed to the old one is void.
4. Acknowledgements of a consumer that is gone are dropped; while that is not known, they wait
   (``Settling``).
5. Nothing runs in the background: requests are sent when messages arrive, everything else
   happens in ``next_batch``.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import assert_never

from nats.aio.subscription import Subscription

from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.telemetry.names import LOG_CONSUMER, LOG_REASON

from .api import API_TIMEOUT_S, ask_api
from .api_errors import Missing
from .closing import Closing
from .connection import Connection
from .ensure import ConsumerAnswer
from .message import Message
from .pull_requests import Ended, PullRequests
from .pull_settling import Settling
from .pull_waiting import OneWaiter
from .wire import new_inbox

logger = logging.getLogger(__name__)

BATCH = 500
"""A group commit of a few hundred rows is where more does not help."""

REQUEST_BYTES = 64 * 1024 * 1024
"""What one request may bring: several of the largest messages; bounds the buffer in bytes."""

EXPIRES_S = 30.0
PINNED_EXPIRES_S = 1.0
HEARTBEAT_S = 5.0
# The server beats every HEARTBEAT_S while a request waits; two missed ones and a bit are a loss.
_SILENCE = 2.5
_BACKOFF_FIRST_S = 0.05
_BACKOFF_MAX_S = 2.0
# Whether the consumer is there is asked for so long at least, however short the caller's time is.
_ASK_AT_LEAST_S = 1.0


class PullLoop(OneWaiter, Closing):
    """Pull from a durable consumer; one task calls ``next_batch`` in a loop.

    Args:
        connection: over which.
        stream, consumer: which; made by ``ensure``.
        batch: the most that one request asks for and one batch holds.
        capacity: how many messages may be asked for, buffered and held together; default twice
            the batch. Change it with ``set_capacity``.
        hold: messages count against the capacity from when they are handed out until
            ``release``: for workers, who pull no more than their free slots.
        expires_s: how long a request waits at the server; default 30, with ``group`` 1. With
            ``group`` it must be below the consumer's ``priority_timeout_s``: asking again is what
            keeps the pin.
        group: the priority group of a pinned consumer.
        on_missing: called when stream or consumer is not there; makes it, for instance with
            ``ensure``. Without it the loop waits until somebody else does.

    Attributes:
        at_once: offered a message in the callback in which it arrives, while the task waits in
            ``next_batch`` and nothing is before it; a plain, quick function that does not raise,
            True: it has taken it. Saves the task's turn.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        consumer: str,
        batch: int = BATCH,
        *,
        capacity: int | None = None,
        hold: bool = False,
        expires_s: float | None = None,
        heartbeat_s: float = HEARTBEAT_S,
        max_bytes: int = REQUEST_BYTES,
        group: str | None = None,
        on_missing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._connection = connection
        self.stream = stream
        self.consumer = consumer
        self._batch = batch
        self._capacity = 2 * batch if capacity is None else capacity
        self._hold = hold
        usual_s = EXPIRES_S if group is None else PINNED_EXPIRES_S
        self._expires_s = usual_s if expires_s is None else expires_s
        # The server wants at least two heartbeats before a request expires.
        self._heartbeat_s = min(heartbeat_s, self._expires_s / 2.5)
        self._on_missing = on_missing
        self._requests = PullRequests(
            stream,
            consumer,
            batch=batch,
            expires_s=self._expires_s,
            heartbeat_s=self._heartbeat_s,
            max_bytes=max_bytes,
            group=group,
        )
        super().__init__()
        self._forget = connection.on_change(lost=self._lost, back=self._wake)

        self._buffer: deque[Message] = deque()
        self._held = 0
        self._subscription: Subscription | None = None

        self._settling = Settling(connection)
        self._sure = False
        self._missing = False
        self._refused: str | None = None
        self._failures = 0
        self._retry_at = 0.0

        self.at_once: Callable[[Message], bool] | None = None
        self._heard = 0.0
        self._closed = False

    # --- how it is

    @property
    def buffered(self) -> int:
        """How many messages are here and not handed out yet."""
        return len(self._buffer)

    @property
    def capacity(self) -> int:
        """What may be asked for, buffered and held together."""
        return self._capacity

    @property
    def is_pinned(self) -> bool:
        """Whether the server sends the group's messages to us, as far as we know."""
        return self._requests.pin is not None

    @property
    def dropped_acks(self) -> int:
        """How many acknowledgements were dropped because their store is gone."""
        return self._settling.dropped

    def set_capacity(self, capacity: int) -> None:
        """Change how much may be ahead; less takes effect as requests are used up or expire."""
        self._capacity = capacity
        self._top_up()

    def release(self, count: int) -> None:
        """Free the capacity that messages have held (``hold``): they are done."""
        self._held = max(0, self._held - count)
        self._top_up()

    # --- taking

    async def next_batch(
        self, max_messages: int | None = None, timeout_s: float | None = None
    ) -> list[Message]:
        """Return what has arrived, at least one message; at most ``max_messages``.

        With ``timeout_s`` it returns an empty list when nothing came in that time, and never
        raises for what may pass. Lost connections, a lost store and a missing consumer are
        handled in here.

        Raises:
            PermanentError: the server refuses the request or the consumer: our mistake.
            TransientError: the loop was closed.
        """
        limit = self._batch if max_messages is None else max_messages
        deadline = None if timeout_s is None else self._loop.time() + timeout_s
        while not self._buffer:
            if self._closed or self._connection.is_closed:
                raise TransientError(
                    "bus.closed", f"expected to pull from {self.consumer}, but it was closed"
                )
            if deadline is not None and self._loop.time() >= deadline:
                return []
            if self._connection.is_connected and not self._sure:
                await self._make_sure(deadline)
            else:
                await self._wait(deadline)
        taken = [self._buffer.popleft() for _ in range(min(limit, len(self._buffer)))]
        if self._hold:
            self._held += len(taken)
        self._top_up()
        return taken

    async def close(self) -> None:
        """Stop pulling and give back what was not handed out, so that others get it now."""
        if self._closed:
            return
        self._closed = True
        self._settling.close()
        self._forget()
        self._no_alarm()
        await self._drop_inbox()  # first: else they would be given to us again
        for message in self._buffer:
            message.give_back()
        self._buffer.clear()
        self._wake()

    async def _wait(self, deadline: float | None) -> None:
        """Wait for a message or a change; notice silence."""
        now = self._loop.time()
        silent_at = self._heard + self._heartbeat_s * _SILENCE
        if self._sure and self._requests.owed > 0 and now >= silent_at:
            logger.warning("pull request lost", extra={LOG_CONSUMER: self.consumer})
            self._lost()
            return
        until = silent_at if self._sure and self._requests.owed > 0 else now + _BACKOFF_MAX_S
        if deadline is not None:
            until = min(until, deadline)
        if self._waiter is not None:
            raise AssertionError("next_batch is called by one task at a time")
        self._waiter = waiter = self._loop.create_future()
        self._wake_at = until
        if self._alarm is None or self._alarm_at > until:
            self._set_alarm(until)
        try:
            await waiter
        finally:
            self._waiter = None

    # --- being sure

    def _lost(self) -> None:
        """The connection or a request is lost: whatever was owed is void."""
        self._sure = False
        self._settling.lost()
        self._requests.void()
        self._wake()

    async def _make_sure(self, deadline: float | None) -> None:
        """Find out whether the consumer is there and the same, and pull through a new inbox."""
        if self._refused is not None:
            raise PermanentError(
                "bus.pull_refused",
                f"expected to pull from {self.consumer} of {self.stream}, but the server says: "
                f"{self._refused}",
            )
        now = self._loop.time()
        if now < self._retry_at:
            await asyncio.sleep(self._until(deadline, self._retry_at - now))
            if self._loop.time() < self._retry_at:
                return  # the caller's time is up; the next call goes on waiting
        try:
            if self._missing and self._on_missing is not None:
                await self._on_missing()
            answer = await ask_api(
                self._connection,
                f"CONSUMER.INFO.{self.stream}.{self.consumer}",
                None,
                ConsumerAnswer,
                asked=f"pull from {self.consumer} of {self.stream}",
                timeout_s=max(self._until(deadline, API_TIMEOUT_S), _ASK_AT_LEAST_S),
            )
            generation = self._connection.generation
            await self._drop_inbox()
            await self._new_inbox()
        except (Missing, NotReachable) as error:
            self._missing = True
            self._failed(error)
            return
        except TransientError as error:
            self._failed(error)
            return
        if not self._connection.is_connected or generation != self._connection.generation:
            return  # lost again meanwhile
        self._found(answer.created)

    def _found(self, created: str) -> None:
        if self._settling.found(created):
            logger.warning("consumer was made again", extra={LOG_CONSUMER: self.consumer})
        self._sure = True
        self._missing = False
        self._heard = self._loop.time()
        self._top_up()

    def _failed(self, error: TransientError) -> None:
        if self._failures == 0:
            logger.warning(
                "cannot pull, trying again",
                extra={LOG_CONSUMER: self.consumer, LOG_REASON: str(error)},
            )
        self._back_off()
        self._failures += 1

    def _back_off(self) -> None:
        """Say when to try again. It outlives the call: who takes with a short time, again and
        again, must not spend all of it on waiting, and never come to ask."""
        wait_s = min(_BACKOFF_FIRST_S * 2 ** min(self._failures, 10), _BACKOFF_MAX_S)
        self._retry_at = self._loop.time() + wait_s

    def _until(self, deadline: float | None, seconds: float) -> float:
        """Return the seconds, or less when the deadline is nearer."""
        return seconds if deadline is None else max(0, min(seconds, deadline - self._loop.time()))

    async def _new_inbox(self) -> None:
        inbox = new_inbox(self._connection.inbox_prefix)
        self._requests.begin(inbox)
        self._subscription = await self._connection.subscribe(inbox + "*", self._received)

    async def _drop_inbox(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await self._connection.unsubscribe(subscription)

    # --- asking and receiving

    def _top_up(self) -> None:
        """Ask for more when there is room and what is owed runs low."""
        if not self._sure or self._closed:
            return
        asks = self._requests
        want = asks.wanted(self._capacity - len(self._buffer) - self._held - asks.owed)
        if want == 0:
            return
        if asks.owed == 0:
            self._heard = self._loop.time()
            self._connection.send(asks.ask(want))
        else:
            self._connection.send_later(asks.ask(want))

    def _received(self, subject: bytes, reply: bytes, block: bytes, data: bytes) -> None:
        self._heard = self._loop.time()
        if block and self._requests.is_status(subject, block):
            self._ended(subject, block)
        elif reply:
            self._requests.delivered(block)
            self._failures = 0
            settling = self._settling
            message = Message(subject, reply, block, data, settling, settling.epoch)
            if not self._is_taken(message):
                self._buffer.append(message)
                self._wake()
            self._top_up()

    def _is_taken(self, message: Message) -> bool:
        """Whether it was taken at once: not before others, and not while they are handled."""
        if self.at_once is None or self._buffer or self._waiter is None:
            return False
        return not self._waiter.done() and self.at_once(message)

    def _ended(self, subject: bytes, block: bytes) -> None:
        meaning, text = self._requests.ended(subject, block)
        match meaning:
            case Ended.NOT:
                self._failures = 0
            case Ended.COUNTED:
                self._top_up()
            case Ended.MISSING:
                self._missing = True
                self._lost()
            case Ended.REFUSED:
                self._refused = text
                self._lost()
            case Ended.UNCLEAR:
                logger.info(
                    "pull request ended", extra={LOG_CONSUMER: self.consumer, LOG_REASON: text}
                )
                self._failures += 1
                if self._failures > 1:
                    # It ended without a message or a heartbeat since: do not ask in a hot loop.
                    self._back_off()
                self._lost()
            case _:
                assert_never(meaning)
