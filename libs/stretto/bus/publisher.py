"""Publishing with acknowledgement, through one reply inbox for all messages of a publisher.

A message is *out* from when it is sent until its acknowledgement came, or it failed. Its reply
subject is the inbox and a number, so an answer finds its message without a subscription of its own.

1. At most ``window`` messages and ``window_bytes`` bytes are out; who wants more waits.
2. A message without an answer (timeout, no responders, lost connection, an error that may pass) is
   sent again, byte for byte, until its deadline; then it fails with a ``TransientError``.
3. The server drops a repeated one by its ``Nats-Msg-Id``. Without an id it may be stored twice.
4. One timer for all messages; an acknowledged message costs no timer of its own.

Order is kept as long as nothing is sent again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from stretto.runtime.errors import StrettoError, TransientError
from stretto.telemetry.names import LOG_DETAIL

from .api_errors import ApiError, no_responders, translate
from .closing import Closing
from .connection import Connection
from .request import NO_RESPONDERS
from .wire import header_block, new_inbox, parse_status, publish_command, subject_bytes

logger = logging.getLogger(__name__)

WINDOW_MESSAGES = 1000
"""Beyond a few hundred out at once the server is the bottleneck and latency only grows."""

WINDOW_BYTES = 32 * 1024 * 1024
"""Memory that messages without an answer may take."""

ACK_TIMEOUT_S = 5.0
"""An answer takes a millisecond; after so long the message or its answer was lost."""

DEADLINE_S = 30.0
"""After so long the caller hears that it failed, and decides."""

_BACKOFF_FIRST_S = 0.05
_BACKOFF_MAX_S = 1.0
_TICK_S = 0.05


class Outgoing(NamedTuple):
    """A message to publish. ``msg_id`` is deterministic: the same fact has the same id."""

    subject: str
    data: bytes
    msg_id: str | None = None
    headers: Mapping[str, str] | None = None


class PubAck(msgspec.Struct, frozen=True, gc=False):
    """The server's answer: where the message is stored, or that it had it already."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: ApiError | None = None


_decode = msgspec.json.Decoder(PubAck).decode


class _Batch:
    """Messages that are awaited together."""

    __slots__ = ("acks", "error", "future", "left")

    def __init__(self, future: asyncio.Future[list[PubAck]], size: int) -> None:
        self.future = future
        self.acks: list[PubAck] = [_NO_ACK] * size
        self.left = size
        self.error: StrettoError | None = None

    def settle(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.future.done():
            if self.error is None:
                self.future.set_result(self.acks)
            else:
                self.future.set_exception(self.error)


_NO_ACK = PubAck()


class _Out:
    """One message that is out."""

    __slots__ = ("batch", "command", "deadline", "due", "index", "reason", "tries")

    def __init__(
        self, command: bytes, batch: _Batch, index: int, due: float, deadline: float
    ) -> None:
        self.command = command
        self.batch = batch
        self.index = index
        self.due = due
        self.deadline = deadline
        self.tries = 1
        self.reason: StrettoError | None = None


class Publisher(Closing):
    """Publish to JetStream over one connection; for any number of tasks.

    Args:
        connection: where to.
        window, window_bytes: how much may be out.
        ack_timeout_s: when to send again.
        deadline_s: when to give up.
        on_missing: a plain function, called when no stream takes a subject; for instance
            ``StoreWatch.look_now``.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        window: int = WINDOW_MESSAGES,
        window_bytes: int = WINDOW_BYTES,
        ack_timeout_s: float = ACK_TIMEOUT_S,
        deadline_s: float = DEADLINE_S,
        on_missing: Callable[[], None] | None = None,
    ) -> None:
        self._connection = connection
        self._window = window
        self._window_bytes = window_bytes
        self._ack_timeout_s = ack_timeout_s
        self._deadline_s = deadline_s
        self._on_missing = on_missing
        self._inbox = new_inbox(connection.inbox_prefix).encode()
        self._prefix = len(self._inbox)
        self._out: dict[int, _Out] = {}
        self._out_bytes = 0
        self._last = 0
        self._room: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._subscribed = False
        self._hears = False
        self._closed = False
        self._forget = connection.on_change(lost=lambda: None, back=self._back)

    @property
    def out(self) -> int:
        """How many messages are without an answer now."""
        return len(self._out)

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        msg_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PubAck:
        """Publish one message and return its acknowledgement.

        Raises:
            TransientError: no acknowledgement until the deadline; the message may be stored.
            PermanentError: the server refuses it, or it is malformed or too large.
        """
        future = await self.send(subject, data, msg_id=msg_id, headers=headers)
        if len(self._out) == 1:
            self._connection.push()  # alone: nothing gathers that it could go with
        return (await future)[0]

    async def send(
        self,
        subject: str,
        data: bytes,
        *,
        msg_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> asyncio.Future[list[PubAck]]:
        """Send one message as soon as there is room; the future is its acknowledgement, in a list.

        For who does something else before awaiting it. Raises as ``publish``.
        """
        batch = _Batch(self._loop.create_future(), 1)
        await self._submit(Outgoing(subject, data, msg_id, headers), batch, 0)
        return batch.future

    def send_now(
        self, subject: str, data: bytes, *, msg_id: str | None = None
    ) -> asyncio.Future[list[PubAck]] | None:
        """Send one message and write it, without waiting; None where it would have to wait: use
        ``send``. Raises PermanentError as ``publish``."""
        if not self._hears or self._is_full or not self._connection.is_connected:
            return None
        block = header_block(msg_id, None)
        self._connection.check_size(len(block) + len(data))
        batch = _Batch(self._loop.create_future(), 1)
        self._put(Outgoing(subject, data, msg_id), block, batch, 0)
        self._connection.push()
        return batch.future

    async def publish_many(self, messages: Iterable[Outgoing]) -> list[PubAck]:
        """Publish messages and return their acknowledgements, in the same order, when all are in.

        Raises:
            StrettoError: that of one that failed, after all have been answered or have failed; the
                others are stored. Sending all again is right: they have ids.
        """
        wanted = list(messages)
        batch = _Batch(self._loop.create_future(), len(wanted))
        if not wanted:
            return []
        for index, message in enumerate(wanted):
            try:
                await self._submit(message, batch, index)
            except StrettoError as error:
                batch.error = error
                batch.settle()
        return await batch.future

    async def publish_core(
        self, subject: str, data: bytes, *, headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish without acknowledgement (core NATS): at most once, at the lowest cost."""
        await self._connection.publish(subject, data, headers=headers)

    async def publish_encoded(self, commands: Sequence[bytes]) -> None:
        """Publish encoded messages without acknowledgement; see ``Connection.publish_encoded``."""
        await self._connection.publish_encoded(commands)

    def push(self) -> None:
        """Write what was published in this turn now; see ``Connection.push``."""
        self._connection.push()

    async def close(self) -> None:
        """Stop; what is out fails. Await your acknowledgements first."""
        if self._closed:
            return
        self._closed = True
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
        error = TransientError(
            "bus.closed", "expected an acknowledgement, but the publisher was closed"
        )
        for number in list(self._out):
            self._fail(number, error)
        if self._subscribed and not self._connection.is_closed:
            await self._connection.unsubscribe(self._subscription)

    # --- out

    async def _submit(self, message: Outgoing, batch: _Batch, index: int) -> None:
        block = header_block(message.msg_id, message.headers)
        self._connection.check_size(len(block) + len(message.data))
        if not self._subscribed:
            self._subscribed = True
            self._subscription = await self._connection.subscribe(
                (self._inbox + b"*").decode(), self._answered
            )
            self._hears = True
        if self._is_full:
            await self._wait_for_room()
        if self._closed or self._connection.is_closed:
            raise TransientError("bus.closed", "expected to publish, but the bus was closed")
        self._put(message, block, batch, index)

    def _put(self, message: Outgoing, block: bytes, batch: _Batch, index: int) -> None:
        subject = subject_bytes(message.subject)
        self._last = number = self._last + 1
        command = publish_command(subject, b"%b%d" % (self._inbox, number), block, message.data)
        now = self._loop.time()
        self._out[number] = _Out(
            command, batch, index, now + self._ack_timeout_s, now + self._deadline_s
        )
        self._out_bytes += len(command)
        if self._connection.is_connected:  # else: sent when it is back
            self._connection.send(command)
        if self._timer is None:
            first_s = min(self._ack_timeout_s / 2, self._deadline_s)
            self._timer = self._loop.call_later(first_s, self._tick)

    @property
    def _is_full(self) -> bool:
        return len(self._out) >= self._window or self._out_bytes >= self._window_bytes

    async def _wait_for_room(self) -> None:
        while self._is_full:
            turn: asyncio.Future[None] = self._loop.create_future()
            self._room.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._let_in()  # the turn was ours and we cannot use it
                raise

    def _let_in(self) -> None:
        while self._room:
            turn = self._room.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _remove(self, number: int) -> _Out | None:
        out = self._out.pop(number, None)
        if out is not None:
            self._out_bytes -= len(out.command)
            if self._room:
                self._let_in()
        return out

    def _fail(self, number: int, error: StrettoError) -> None:
        out = self._remove(number)
        assert out is not None, "it is failed while it is out, once"
        out.batch.error = error
        out.batch.settle()

    # --- answers

    def _answered(self, subject: bytes, _reply: bytes, block: bytes, data: bytes) -> None:
        try:
            number = int(subject[self._prefix :])
        except ValueError:
            return  # somebody else's guess at our inbox
        if block:
            if parse_status(block)[0] == NO_RESPONDERS:
                self._missing(number)
            return
        try:
            ack = _decode(data)
        except msgspec.DecodeError:
            logger.warning("answer to a publish is not understood", extra={LOG_DETAIL: data[:200]})
            return  # tried again until the deadline
        if ack.error is not None:
            self._refused(number, ack.error)
            return
        out = self._remove(number)
        if out is not None:  # None: the second answer to a message that was sent twice
            batch = out.batch
            batch.acks[out.index] = ack
            batch.settle()

    def _missing(self, number: int) -> None:
        out = self._out.get(number)
        if out is None:
            return
        subject = out.command.split(b" ", 2)[1].decode()
        self._later(out, no_responders(f"store a message at {subject}"))
        if self._on_missing is not None:
            self._on_missing()

    def _refused(self, number: int, error: ApiError) -> None:
        out = self._out.get(number)
        if out is None:
            return
        translated = translate(error, "store a message")
        if isinstance(translated, TransientError):
            self._later(out, translated)
        else:
            self._fail(number, translated)

    def _later(self, out: _Out, reason: StrettoError) -> None:
        """Send again after a wait that doubles."""
        out.reason = reason
        wait_s = min(_BACKOFF_FIRST_S * 2 ** min(out.tries, 10), _BACKOFF_MAX_S)
        out.due = self._loop.time() + wait_s
        assert self._timer is not None, "it is set while something is out"
        self._timer.cancel()
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    # --- again

    def _tick(self) -> None:
        """Look at everything that is out; at most a window of messages."""
        self._timer = None
        now = self._loop.time()
        connected = self._connection.is_connected
        soonest = now + self._ack_timeout_s / 2
        for number, out in list(self._out.items()):
            if now >= out.deadline or self._connection.is_closed:
                self._fail(number, self._gave_up(out))
                continue
            if now >= out.due and connected:
                self._again(out, now)
            soonest = min(soonest, out.deadline, max(out.due, now + _TICK_S))
        if self._out:
            self._timer = self._loop.call_later(max(soonest - now, _TICK_S), self._tick)

    def _again(self, out: _Out, now: float) -> None:
        out.tries += 1
        out.due = now + self._ack_timeout_s
        self._connection.send(out.command)

    def _back(self) -> None:
        """The connection is back: whatever was out may be lost."""
        now = self._loop.time()
        for out in self._out.values():
            self._again(out, now)

    def _gave_up(self, out: _Out) -> TransientError:
        reason = out.reason
        if self._connection.is_closed:
            why = "the connection was closed"
        elif reason is not None:
            why = f"after {out.tries} tries: {reason.message}"
        elif not self._connection.is_connected:
            why = "the server is away"
        else:
            why = f"no answer came to {out.tries} tries"
        return TransientError(
            "bus.publish_timeout",
            f"expected an acknowledgement within {self._deadline_s:g} s, but {why}",
            {} if reason is None else reason.detail,
        )
