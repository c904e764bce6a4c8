"""What was missed: noticed by where the stream is, read again from the log.

======================================== =======================================================
noticed                                  read again
======================================== =======================================================
no position: the schema is new           the whole log; statistics are counted anew
somebody asks for it (`rebuild`)         the same
the stream is another one                runs that began since the last commit, and open ones
it begins behind our position            the same: it was full, or nobody was there to keep it for
it is nearly full                        the same, once it has room again: the oldest may be gone
======================================== =======================================================
"""

import logging
from collections.abc import Awaitable, Callable

import msgspec

from services.monitoring.book import Book
from services.monitoring.history import Log
from services.monitoring.rebuild import ALL, Rebuild, RebuildState, since
from services.monitoring.statistics import Statistics
from services.monitoring.store import Store
from stretto.contracts.codec import json_encode
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

STATE_POSITION = "position"
STATE_REBUILD = "rebuild"
STATE_WANTED = "rebuild_wanted"

RETRY_S = 2.0
"""Pause after nobody answered: the workflow service is being started."""

FULL = 0.8
ROOM = 0.5
"""Of the stream's bytes: above the first the oldest frames may go before we see them; below the
second we have caught up."""

RECHECK_PAGE = 500


class StreamInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at of the log stream. `filled` is the share of its bytes that are taken."""

    created: str
    first_seq: int
    filled: float


class Position(msgspec.Struct, frozen=True):
    """Up to where the stream is committed, in which life of it, and when that was."""

    created: str = ""
    seq: int = 0
    at_us: int = 0


_decode_position = msgspec.json.Decoder(Position).decode
_decode_rebuild = msgspec.json.Decoder(RebuildState).decode


class CatchingUp:
    """Knows the position, and reads again what was missed, a page at a time.

    Args:
        look: asks how the stream stands.
    """

    def __init__(
        self,
        *,
        store: Store,
        log: Log,
        book: Book,
        statistics: Statistics,
        clock: Clock,
        look: Callable[[], Awaitable[StreamInfo]],
    ) -> None:
        self._store = store
        self._log = log
        self._book = book
        self._statistics = statistics
        self._clock = clock
        self._look = look
        self._position = Position()
        self._rebuild: Rebuild | None = None
        self._state = RebuildState()
        self._recheck_after: bytes | None = None
        self._next_at = 0.0
        self._full_since_us: int | None = None
        self.unwritten = False
        """Whether there is something new to keep, beside the position."""

    @property
    def active(self) -> bool:
        """Whether something is being read again."""
        return self._rebuild is not None or self._recheck_after is not None

    async def begin(self) -> None:
        """Find out where we were, and whether something was missed since."""
        kept = await self._store.state(STATE_POSITION)
        unfinished = await self._unfinished()
        info = await self._look()
        if kept is None:
            self._read_again(unfinished if unfinished is not None else ALL)
            self._position = Position(info.created, info.first_seq - 1, self._clock.now_us())
            return
        self._position = _decode_position(kept)
        if unfinished is not None:
            self._read_again(unfinished)
        elif info.created != self._position.created or info.first_seq > self._position.seq + 1:
            self._missed(self._position.at_us)
        self._position = msgspec.structs.replace(self._position, created=info.created)

    async def look(self) -> None:
        """Look for a wanted rebuild and at how full the stream is; every few seconds."""
        if await self._store.take(STATE_WANTED) is not None:
            self._read_again(ALL)
        info = await self._look()
        if info.created != self._position.created:
            self._missed(self._position.at_us)
            self._position = Position(info.created, 0, self._position.at_us)
        elif info.filled > FULL and self._full_since_us is None:
            logger.warning("log stream is nearly full: monitoring is behind")
            self._full_since_us = self._position.at_us
        elif info.filled < ROOM and self._full_since_us is not None:
            self._missed(self._full_since_us)
            self._full_since_us = None

    async def step(self) -> None:
        """Read a page again, if there is something to read and the last one is long enough ago."""
        began = self._clock.monotonic()
        if not self.active or began < self._next_at:
            return
        try:
            if self._rebuild is not None:
                await self._rebuild.step()
                self._state = self._rebuild.state
                self.unwritten = True
                if self._state.done:
                    self._rebuild = None
            else:
                assert self._recheck_after is not None, "something is being read again"
                await self._recheck(self._recheck_after)
        except TransientError as error:
            logger.info("waits for the log", extra={LOG_REASON: error.message})
            self._next_at = self._clock.monotonic() + RETRY_S
            return
        # Half of the time at most: who starts runs has precedence.
        now = self._clock.monotonic()
        self._next_at = now + (now - began)

    def committed(self, seq: int) -> dict[str, bytes]:
        """What to write with a commit whose last frame is `seq` (0: none)."""
        at_us = self._clock.now_us()
        self._position = Position(self._position.created, max(seq, self._position.seq), at_us)
        state = {STATE_POSITION: json_encode(self._position)}
        if self.unwritten:
            state[STATE_REBUILD] = json_encode(self._state)
            self.unwritten = False
        return state

    async def _unfinished(self) -> RebuildState | None:
        kept = await self._store.state(STATE_REBUILD)
        if kept is None:
            return None
        state = _decode_rebuild(kept)
        return None if state.done else state

    def _missed(self, since_us: int) -> None:
        logger.warning("a part of the log stream was missed; it is read again")
        self._read_again(since(since_us))
        self._recheck_after = bytes(16)

    def _read_again(self, state: RebuildState) -> None:
        if state.reset and state.events == 0:
            self._statistics.reset()
            self._book.forget_closed()
        self._rebuild = Rebuild(self._log, self._book, state)
        self._state = state
        self.unwritten = True

    async def _recheck(self, after: bytes) -> None:
        """Let a page of the open runs be compared with the log."""
        page = await self._store.open_runs(after, RECHECK_PAGE)
        self._book.recheck(page)
        self._recheck_after = page[-1] if len(page) == RECHECK_PAGE else None
