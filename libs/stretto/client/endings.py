"""How runs end: one subscription hears of all of them, and wakes who waits for one.

Messages are hints: a waiter that hears nothing asks the workflow service after a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakValueDictionary

import msgspec

from stretto.bus.connection import Connection
from stretto.contracts import codec
from stretto.contracts.failures import Failure, Reason
from stretto.contracts.payload import NULL
from stretto.contracts.public import Rejected as RejectedMessage
from stretto.contracts.unreadable import UNREADABLE
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

_RUN_ID_KEY = b'"run_id":"'
_RUN_ID_CHARS = 36

_decode_rejected = msgspec.json.Decoder(RejectedMessage).decode


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. `refused`: its start was refused, so there is no such run."""

    status: str
    output: msgspec.Raw = NULL
    failure: Failure | None = None
    refused: Reason | None = None


class Followed:
    """A run that somebody may wait for: keeps its ending once it is known."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._listeners: list[Callable[[], None]] = []

    def settle(self, ending: Ending) -> None:
        """Keep the ending and wake all who wait. The first one stands."""
        if self.ending is None:
            self.ending = ending
        self.wake()

    def wake(self) -> None:
        """Wake all who wait, so that they look or ask for themselves."""
        for listener in list(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call a plain function at each `wake`; gives back a function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def change(self, timeout_s: float) -> None:
        """Wait until the ending is known, somebody calls `wake`, or `timeout_s` have passed."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def finish() -> None:
            if not waiter.done():
                waiter.set_result(None)

        alarm = loop.call_later(timeout_s, finish)
        end = self.listen(finish)
        try:
            await waiter
        finally:
            alarm.cancel()
            end()


class Endings:
    """Hears the ends of all runs of a namespace and settles those that are followed.

    A followed run that nobody holds any more is forgotten by itself.
    """

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace
        self._followed: WeakValueDictionary[bytes, Followed] = WeakValueDictionary()
        self._open = False

    async def open(self) -> None:
        """Subscribe; a second time does nothing. What is published after it is heard."""
        if self._open:
            return
        self._open = True
        for subject, heard in (
            (f"stretto.closed.{self._namespace}.>", self._closed),
            (f"stretto.rejected.{self._namespace}", self._rejected),
        ):
            await self._connection.subscribe(subject, heard)

    def follow(self, run_id: str) -> Followed:
        """Give what knows the ending of a run; the same for all handles of the run."""
        key = run_id.encode()
        followed = self._followed.get(key)
        if followed is None or (followed.ending is not None and followed.ending.refused):
            # What was refused may be started again under the same id.
            followed = self._followed[key] = Followed()
        return followed

    def reconnected(self) -> None:
        """Wake every waiter: what was said meanwhile was not heard."""
        for followed in list(self._followed.values()):
            followed.wake()

    def _closed(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        followed = self._of(data)
        if followed is None:
            return
        try:
            closed = codec.decode_closed(data)
        except UNREADABLE as error:
            logger.warning("closing not understood", extra={LOG_REASON: str(error)})
            return
        followed.settle(Ending(status=closed.status, output=closed.output, failure=closed.failure))

    def _rejected(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        followed = self._of(data)
        if followed is None:
            return
        try:
            rejected = _decode_rejected(data)
        except UNREADABLE as error:
            logger.warning("rejection not understood", extra={LOG_REASON: str(error)})
            return
        if rejected.subject.startswith("stretto.start."):
            followed.settle(Ending(status="rejected", refused=rejected.reason))

    def _of(self, data: bytes) -> Followed | None:
        """Find the run that a message is about, without decoding it: most are somebody else's."""
        at = data.find(_RUN_ID_KEY)
        if at < 0:
            return None
        at += len(_RUN_ID_KEY)
        return self._followed.get(data[at : at + _RUN_ID_CHARS])
