"""Notice that streams were lost or made again: the store was deleted under us.

What was published and not taken is gone then; the log knows what has to be sent again. The watch
has them made (``make``), and then tells (``on_recreated``): the service sends its effects again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON, LOG_STREAM

from .api import Answer, ask_api
from .connection import Connection

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0
"""Streams that are missing stop everything; looking costs one request."""


class _Named(msgspec.Struct, frozen=True):
    name: str


class _Listed(msgspec.Struct, frozen=True):
    config: _Named
    created: str


class _Page(Answer, frozen=True, kw_only=True):
    total: int = 0
    streams: list[_Listed] | None = None


class StoreWatch:
    """Compare the streams with what they were, again and again; ``run`` does it.

    Args:
        connection: whose account is watched.
        streams: the names that matter.
        make: makes those that are missing, with what belongs to them.
        on_recreated: called after that with the names of the streams that are missing or were made
            again since the last look. The first look of all reports what is missing. Both are
            called again at the next look when one raises a ``TransientError``. A stream that is
            deleted while this runs is reported by the next look: what was sent is lost again.
        interval_s: between two looks.
    """

    def __init__(
        self,
        connection: Connection,
        streams: Iterable[str],
        make: Callable[[], Awaitable[None]],
        on_recreated: Callable[[list[str]], Awaitable[None]],
        *,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._connection = connection
        self._names = list(streams)
        self._make = make
        self._on_recreated = on_recreated
        self._interval_s = interval_s
        self._known: dict[str, str] = {}
        self._unreported: set[str] = set()
        self._now = asyncio.Event()
        self._blind = False

    def look_now(self) -> None:
        """Do not wait for the interval: somebody has a reason to think that a stream is gone."""
        self._now.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            try:
                async with asyncio.timeout(self._interval_s):
                    await self._now.wait()
            except TimeoutError:
                continue

    async def look(self) -> list[str]:
        """Look once and report; return the names that were lost or made again."""
        self._now.clear()
        try:
            seen = await self._created()
            lost = [
                name
                for name in self._names
                if name in self._unreported
                or name not in seen
                or self._known.get(name, seen[name]) != seen[name]
            ]
            if lost:
                logger.warning("streams were lost", extra={LOG_STREAM: lost})
                self._unreported.update(lost)  # made again or not: until it was reported
                await self._make()
                seen = await self._created()
                await self._on_recreated(lost)
                self._unreported.clear()
        except TransientError as error:
            if not self._blind:
                logger.warning("cannot watch the store", extra={LOG_REASON: str(error)})
            self._blind = True
            return []
        self._blind = False
        self._known.update((name, seen[name]) for name in self._names if name in seen)
        return lost

    async def _created(self) -> dict[str, str]:
        """Return when each stream of the account was made, by name."""
        created: dict[str, str] = {}
        while True:
            page = await ask_api(
                self._connection,
                "STREAM.LIST",
                {"offset": len(created)},
                _Page,
                asked="list the streams",
            )
            streams = page.streams or []
            created.update((stream.config.name, stream.created) for stream in streams)
            if not streams or len(created) >= page.total:
                return created
