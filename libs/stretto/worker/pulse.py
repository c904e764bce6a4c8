"""Signs of life of one attempt: at once, then three times within the allowed silence."""

import asyncio
from collections.abc import Callable

import msgspec

from stretto.contracts.payload import NULL
from stretto.contracts.public import Progress

BEATS_WITHIN_SILENCE = 3
"""One lost message, or a busy moment, must not look like the death of a worker."""

MIN_INTERVAL_S = 0.05
"""What a handler says more often than this is joined: the last word counts."""


class Pulse:
    """Sends `Progress` for an attempt until it is stopped. Used within the event loop only.

    Args:
        id_, worker: who lives.
        heartbeat_s: how long it may be silent; None: it speaks only when the handler does.
        send: sends one message; never waits.
    """

    __slots__ = (
        *("_heartbeat_s", "_id", "_loop", "_new", "_next", "_said", "_send", "_sent_at", "_worker"),
        "details",
    )

    def __init__(
        self, id_: str, worker: str, heartbeat_s: float | None, send: Callable[[Progress], None]
    ) -> None:
        self._id = id_
        self._worker = worker
        self._heartbeat_s = heartbeat_s
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._next: asyncio.TimerHandle | None = None
        self._sent_at = float("-inf")
        self._said: tuple[float | None, str | None] = (None, None)
        self.details = NULL
        """What the handler last said for the next attempt to go on from."""
        self._new = False

    def start(self) -> None:
        """Send the first sign now, where signs are wanted."""
        if self._heartbeat_s is not None:
            self._beat()

    def say(self, progress: float | None, message: str | None, details: msgspec.Raw = NULL) -> None:
        """Send what the handler says, at once or joined with what it said a moment ago."""
        self._said = (progress, message)
        if details is not NULL:
            self.details, self._new = details, True
        due = self._sent_at + MIN_INTERVAL_S
        if due <= self._loop.time():
            self._beat()
        elif self._next is None or self._next.when() > due:
            self._at(due)

    def stop(self) -> None:
        """Send what was said and not sent yet; then nothing more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._said != (None, None) or self._new:
            self._emit()

    def _beat(self) -> None:
        self._emit()
        self._sent_at = self._loop.time()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._heartbeat_s is not None:
            wait_s = max(self._heartbeat_s / BEATS_WITHIN_SILENCE, MIN_INTERVAL_S)
            self._at(self._sent_at + wait_s)

    def _emit(self) -> None:
        progress, message = self._said
        details = self.details if self._new else NULL
        self._said, self._new = (None, None), False
        self._send(
            Progress(
                id=self._id,
                progress=progress,
                message=message,
                worker=self._worker,
                details=details,
            )
        )

    def _at(self, due: float) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = self._loop.call_at(due, self._beat)
