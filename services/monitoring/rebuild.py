"""Read the log again, page by page, beside the live events: all of it, or from an instant on."""

import logging

import msgspec

from services.monitoring.book import Book
from services.monitoring.core.projection import RunProjection, Took
from services.monitoring.history import Log, LoggedEvent, key_of
from stretto.contracts.ids import parse_run_id, run_id_text, uuid7
from stretto.contracts.unreadable import UNREADABLE
from stretto.telemetry.names import LOG_COUNT

logger = logging.getLogger(__name__)

MARGIN_MS = 10 * 60 * 1000
"""When only the lately started runs are read again: so much earlier than what is known."""


class RebuildState(msgspec.Struct, frozen=True):
    """How far it is: the last run that is whole in Postgres; `done` when there is nothing to do.

    `reset`: the statistics are counted anew.
    """

    done: bool = True
    after: str | None = None
    reset: bool = False
    events: int = 0


ALL = RebuildState(done=False, reset=True)


def since(instant_us: int) -> RebuildState:
    """What reads the runs that began after an instant (less a margin): their ids hold the time."""
    floor = uuid7(max(0, instant_us // 1000 - MARGIN_MS), b"")[:6] + bytes(10)
    return RebuildState(done=False, after=run_id_text(floor))


class Rebuild:
    """One reading of the log; `step` reads a page."""

    def __init__(self, log: Log, book: Book, state: RebuildState) -> None:
        self._log = log
        self._book = book
        self._state = state
        after = None if state.after is None else (parse_run_id(state.after), 2**31 - 1)
        self._at = after
        self._building: RunProjection | None = None
        self._tooks: list[tuple[Took, int]] = []

    @property
    def state(self) -> RebuildState:
        """How far it is: up to here everything is in the book, or written."""
        return self._state

    async def step(self) -> None:
        """Read one page; raises NotReachable when the workflow service is not there."""
        page = await self._log.page(self._at)
        for event in page:
            self._take(event)
        if page:
            self._at = key_of(page[-1])
        else:
            self._finish_run()
        self._state = msgspec.structs.replace(
            self._state, done=not page, events=self._state.events + len(page)
        )
        if not page:
            logger.info("log read again", extra={LOG_COUNT: self._state.events})

    def _take(self, event: LoggedEvent) -> None:
        run_id = parse_run_id(event.run_id)
        run = self._building
        if run is None or run.run_id != run_id:
            self._finish_run()
            run = self._building = RunProjection(
                run_id, event.namespace, event.workflow, event.version, event.id
            )
        try:
            took = run.apply(event.seq, event.type, event.at_us, bytes(event.data))
        except UNREADABLE:
            run.last_seq = event.seq
            return
        if took is not None:
            self._tooks.append((took, event.at_us))

    def _finish_run(self) -> None:
        run, self._building = self._building, None
        if run is not None:
            self._book.adopt(run, self._tooks if self._state.reset else None)
            self._tooks = []
            self._state = msgspec.structs.replace(self._state, after=run_id_text(run.run_id))
