"""Events of the bus for one listener: bounded, dropping rather than buffering.

`events`  every event message of what is watched, as it came
`heads`   of each run the latest head only, a few times a second: for lists
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from nats.aio.subscription import Subscription

from stretto.bus.connection import Connection

MAX_WAITING = 512
"""Messages kept for a listener that is slow; what comes on top is dropped, and said so."""

MAX_WAITING_BYTES = 4 * 1024 * 1024
MAX_HEADS = 500
"""Heads sent at once; more runs than that change nobody can read."""

HEADS_EVERY_S = 0.3
SILENCE_S = 20.0
"""After so long without a message one is sent that says nothing, so that a dead listener is
noticed."""

_EVENTS_AT = b',"events":'
_HEAD_AT = b'{"run":'
_RUN_ID_AT = b'"run_id":"'
_RUN_ID_CHARS = 36


class Relay:
    """Subscribes to one subject; `messages` gives what is to be sent, as JSON."""

    def __init__(self, connection: Connection, subject: str, heads: bool) -> None:
        self._connection = connection
        self._subject = subject
        self._heads = heads
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._latest: dict[bytes, bytes] = {}
        self._dropped = 0
        self._changed = asyncio.Event()
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> "Relay":
        self._subscription = await self._connection.subscribe(
            self._subject, self._head if self._heads else self._event
        )
        self._stop_hearing = self._connection.on_change(lost=lambda: None, back=self._back)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop_hearing()
        assert self._subscription is not None, "it was entered"
        await self._connection.unsubscribe(self._subscription)

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """Give messages for ever: `events`, `heads`, `lagged`, and `quiet` after a silence."""
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    await self._changed.wait()
            except TimeoutError:
                yield b'{"type":"quiet"}'
                continue
            self._changed.clear()
            dropped, self._dropped = self._dropped, 0
            if dropped:
                yield b'{"type":"lagged","dropped":%d}' % dropped
            if self._latest:
                latest, self._latest = self._latest, {}
                yield b'{"type":"heads","runs":[%b]}' % b",".join(latest.values())
                await asyncio.sleep(HEADS_EVERY_S)
            while self._waiting:
                data = self._waiting.popleft()
                self._bytes -= len(data)
                yield b'{"type":"events","data":%b}' % data

    def _event(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        if len(self._waiting) >= MAX_WAITING or self._bytes + len(data) > MAX_WAITING_BYTES:
            self._dropped += 1
        else:
            self._waiting.append(data)
            self._bytes += len(data)
        self._changed.set()

    def _head(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        end = data.find(_EVENTS_AT)
        at = data.find(_RUN_ID_AT)
        if not data.startswith(_HEAD_AT) or end < 0 or at < 0 or at > end:
            return
        at += len(_RUN_ID_AT)
        run_id = data[at : at + _RUN_ID_CHARS]
        if run_id not in self._latest and len(self._latest) >= MAX_HEADS:
            self._dropped += 1
        else:
            self._latest[run_id] = data[len(_HEAD_AT) : end]
        self._changed.set()

    def _back(self) -> None:
        """The connection was lost and is back: nobody knows what was missed."""
        self._dropped += 1
        self._changed.set()
