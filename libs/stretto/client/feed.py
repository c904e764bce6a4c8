"""The events of one run, in order and without gaps, from its first to its last.

Live messages come by core NATS; what they leave out (the time before, a gap, a last message that
was lost) is read from the log through the workflow service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from stretto.bus.connection import Connection
from stretto.client.asking import Asks
from stretto.client.endings import Followed
from stretto.client.errors import Rejected, rejection
from stretto.contracts.codec import json_encode
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.errors import NotReachable, PermanentError

PAGE = 1000
"""Events asked for at a time: a page is some hundred kilobytes."""

CUT_BYTES = 2 * 1024 * 1024
"""An answer smaller than this was not cut for its size: there is no event after it."""

WAITING_MESSAGES = 256
"""Live messages kept for a slow reader; beyond it they are dropped and read from the log."""

SILENCE_S = 5.0
"""After this long without a message the log is asked, then after twice as long, and so on."""

MAX_SILENCE_S = 60.0

UNKNOWN_POLL_S = 0.2
ASKED_OFTEN_S = 2.0
"""A run that is not known yet is asked for so often, for so long: its start is being taken."""

LAST_TYPES = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})


class RunEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A fact about a run. `seq` counts from 1; `step` is the path of the step it is about."""

    seq: int
    type: str
    at: datetime
    data: dict[str, Any] = {}
    step: str | None = None


class _Live(msgspec.Struct):
    """What of an `EventsMessage` is read."""

    events: list[RunEvent]


class HistoryPage(msgspec.Struct):
    """The answer of `workflow.history`."""

    run_id: str = ""
    events: list[RunEvent] = []


_decode_live = msgspec.json.Decoder(_Live).decode
_decode_page = msgspec.json.Decoder(HistoryPage).decode


async def history(
    asks: Asks, run_id: str, after_seq: int = 0, limit: int | None = None
) -> list[RunEvent]:
    """Read the events of a run after `after_seq`, all of them or the first `limit`.

    Raises Rejected if there is no such run, NotReachable if nobody answers.
    """
    found: list[RunEvent] = []
    while limit is None or len(found) < limit:
        size = PAGE if limit is None else min(PAGE, limit - len(found))
        request = {"run_id": run_id, "after_seq": after_seq, "limit": size}
        data = await asks.ask_raw("workflow", "history", json_encode(request))
        page = _read_page(data)
        found += page
        # A page is also cut where it gets too large for a message.
        if not page or (len(page) < size and len(data) < CUT_BYTES):
            break
        after_seq = page[-1].seq
    return found


def _read_page(data: bytes) -> list[RunEvent]:
    try:
        return _decode_page(data).events
    except UNREADABLE as error:
        raise PermanentError(
            "client.not_understood",
            f"expected a history in a form that this client knows, but {error}",
        ) from error


class Feed:
    """Subscribes to one run; `events` gives what happened and what happens.

    Args:
        subject: where its events are published.
        after_seq: the last event that is known already.
    """

    def __init__(
        self, connection: Connection, asks: Asks, run_id: str, subject: str, after_seq: int = 0
    ) -> None:
        self._connection = connection
        self._asks = asks
        self._run_id = run_id
        self._subject = subject
        self._live: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MESSAGES)
        self._seq = after_seq
        self._reached = False
        self._unknown = False

    async def events(
        self, followed: Followed | None = None, unknown_until: float = 0.0
    ) -> AsyncGenerator[RunEvent, None]:
        """Give events until the run's last one; see `batches`."""
        async with aclosing(self.batches(followed, unknown_until)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def batches(
        self,
        followed: Followed | None = None,
        unknown_until: float = 0.0,
        max_silence_s: float = MAX_SILENCE_S,
    ) -> AsyncGenerator[list[RunEvent], None]:
        """Give events as they come, until the run's last one; an empty list after a silence.

        Args:
            followed: is woken when the run's start was refused, when it has ended, and when the
                connection is back.
            unknown_until: up to this time of the event loop's clock the run need not be known: its
                start may not have been taken yet.
            max_silence_s: the log is asked when nothing was heard for so long.

        Raises:
            Rejected: the start was refused, or there is no such run.
            NotReachable: the log could not be read at the beginning.
        """
        subscription = await self._connection.subscribe(self._subject, self._heard)
        stop_listening = followed.listen(self._wake) if followed else None
        try:
            clock = asyncio.get_running_loop().time
            asked_often_until = clock() + ASKED_OFTEN_S
            silence_s = 0.0  # the first thing is to read what happened before
            while True:
                batch = await self._next(silence_s, unknown_until)
                if batch:
                    self._seq = batch[-1].seq
                elif followed and followed.ending and followed.ending.refused:
                    raise rejection(followed.ending.refused)
                yield batch
                if batch and batch[-1].type in LAST_TYPES:
                    return
                silence_s = min(SILENCE_S if batch else _longer(silence_s), max_silence_s)
                if self._unknown and clock() < asked_often_until:
                    silence_s = UNKNOWN_POLL_S
        finally:
            if stop_listening is not None:
                stop_listening()
            await self._connection.unsubscribe(subscription)

    def _heard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        if not self._live.full():
            self._live.put_nowait(data)

    def _wake(self) -> None:
        """Let the log be read: something may have happened that was not heard."""
        self._heard(b"", b"", b"", b"")

    async def _next(self, silence_s: float, unknown_until: float) -> list[RunEvent]:
        """Give the next events in order; empty if nothing happened for `silence_s`."""
        try:
            async with asyncio.timeout(silence_s):
                data = await self._live.get()
        except TimeoutError:
            return await self._logged(unknown_until)
        if not data:
            return await self._logged(unknown_until)
        events = [e for e in _decode_live(data).events if e.seq > self._seq]
        if events and events[0].seq != self._seq + 1:
            return await self._logged(unknown_until)
        return events

    async def _logged(self, unknown_until: float) -> list[RunEvent]:
        try:
            events = await history(self._asks, self._run_id, self._seq)
        except NotReachable:
            if not self._reached:
                raise
            return []  # being restarted: tried again after a while
        except Rejected:
            if asyncio.get_running_loop().time() >= unknown_until:
                raise
            self._unknown = True
            events = []
        else:
            self._unknown = False
        self._reached = True
        return events


def _longer(silence_s: float) -> float:
    return min(max(SILENCE_S, silence_s * 2), MAX_SILENCE_S)
