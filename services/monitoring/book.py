"""The runs that are open, in memory: events go in, rows that changed come out.

A run leaves memory when it has ended, and when too many are held; then its steps go into its row,
from where it comes back. What is missing between two events is read from the log.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import Protocol

from services.monitoring.core.projection import RunProjection, Took
from services.monitoring.history import Log, LoggedEvent
from services.monitoring.statistics import Statistics
from services.monitoring.store import Row
from stretto.client.errors import Rejected
from stretto.contracts.frames import LogEvent, LogRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON, LOG_RUN_ID

logger = logging.getLogger(__name__)

MAX_RUNS = 20_000
"""Open runs held in memory; those that changed least lately leave it."""

MAX_STEPS = 200_000
"""Steps of the runs that are held: about 100 MB."""

LATELY_CLOSED = 10_000
"""Ids of runs that ended lately, so that what is told again about them is known as such."""

MAX_MOVED = 50
"""Changed runs of one commit whose estimates are told: when there are more, nobody watches all."""

ASKS_AT_ONCE = 8
"""Histories asked for at the same time: the workflow service has other things to do."""

ENDINGS = frozenset({"run.completed", "run.failed", "run.cancelled", "run.terminated"})

RETRY_GAP_S = 5.0
"""Pause before the history of a run is asked for again after nobody answered."""


class Shelf(Protocol):
    """Where runs are that left memory: the store."""

    async def load(self, run_ids: Iterable[bytes]) -> dict[bytes, RunProjection]: ...


class Book:
    """The projections in memory.

    Args:
        log: where gaps are filled from.
        shelf: where runs come back from.
        statistics: told what ended.
    """

    def __init__(self, log: Log, shelf: Shelf, statistics: Statistics) -> None:
        self._log = log
        self._shelf = shelf
        self._statistics = statistics
        self._runs: dict[bytes, RunProjection] = {}
        self._steps = 0
        self._changed: dict[bytes, RunProjection] = {}
        self.moved: dict[bytes, None] = {}
        """Some of the runs that changed lately: who tells how far they are empties it."""
        self._closed: dict[bytes, int] = {}
        """The last event of each."""
        self._unsure: dict[bytes, list[LogRecord]] = {}
        self._retry_at: dict[bytes, float] = {}

    def get(self, run_id: bytes) -> RunProjection | None:
        """A run that is in memory."""
        return self._runs.get(run_id)

    @property
    def held(self) -> int:
        """How many runs are in memory."""
        return len(self._runs)

    @property
    def unsure(self) -> int:
        """How many runs wait for a part of their history."""
        return len(self._unsure) + len(self._retry_at)

    @property
    def changed(self) -> int:
        """How many runs have a row to be written."""
        return len(self._changed)

    def take(self, record: LogRecord) -> None:
        """Apply the events of a run that are new; keep those behind a gap for `settle`."""
        run_id = record.run_id
        if run_id in self._unsure:
            self._unsure[run_id].append(record)
            return
        run = self._runs.get(run_id)
        if run is None:
            ended_at = self._closed.get(run_id)
            if ended_at is not None and record.events[-1].seq <= ended_at:
                return
            if ended_at is not None:
                del self._closed[run_id]  # a person has opened it again
            if record.events[0].seq != 1:
                self._unsure[run_id] = [record]
                return
            run = self._hold(_empty(record))
        if not self._apply(run, record.events):
            self._unsure[run_id] = [record]

    async def settle(self) -> None:
        """Fill the gaps that `take` found, and those that could not be filled before."""
        now = asyncio.get_running_loop().time()
        for run_id in [r for r, at in self._retry_at.items() if at <= now]:
            del self._retry_at[run_id]
            self._unsure.setdefault(run_id, [])
        if not self._unsure:
            return
        unsure, self._unsure = self._unsure, {}
        absent = [run_id for run_id in unsure if run_id not in self._runs]
        for run in (await self._shelf.load(absent)).values():
            self._hold(run)
        gate = asyncio.Semaphore(ASKS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for run_id, records in unsure.items():
                group.create_task(self._fill(gate, run_id, records))

    def recheck(self, run_ids: Iterable[bytes]) -> None:
        """Ask for what may be missing of some runs, at the next `settle`."""
        for run_id in run_ids:
            self._unsure.setdefault(run_id, [])

    def adopt(self, run: RunProjection, tooks: Sequence[tuple[Took, int]] | None) -> None:
        """Take a run that was folded from the whole log, unless a later state is known.

        Args:
            tooks: its tasks that completed and when, to be counted; None: not to be counted.
        """
        if run.run_id in self._closed:
            return
        known = self._runs.get(run.run_id)
        if known is not None and known.last_seq >= run.last_seq:
            return
        self._drop(run.run_id)
        self._hold(run)
        self._changed[run.run_id] = run
        if tooks is None:
            return
        for took, at_us in tooks:
            self._statistics.took(run, took, at_us)
        if run.closed:
            self._statistics.run_closed(run)

    def forget_closed(self) -> None:
        """Forget which runs ended lately, so that they can be adopted."""
        self._closed.clear()

    def rows(self) -> list[Row]:
        """What is to be written: the runs that changed, and those that have to leave memory."""
        leaving = {} if self._within_limits() else self._oldest()
        rows = [
            Row(run=run, with_steps=run.closed or run_id in leaving)
            for run_id, run in self._changed.items()
        ]
        rows += [
            Row(run=run, with_steps=True)
            for run_id, run in leaving.items()
            if run_id not in self._changed
        ]
        return rows

    def written(self, rows: Sequence[Row]) -> None:
        """Say that rows of `rows()` are committed; nothing may be taken between the two."""
        self._changed.clear()
        for row in rows[:MAX_MOVED]:
            self.moved[row.run.run_id] = None
        for row in rows:
            if row.with_steps:
                run_id = row.run.run_id
                self._drop(run_id)
                if row.run.closed:
                    self._closed[run_id] = row.run.last_seq
        for run_id in list(self._closed)[: max(0, len(self._closed) - LATELY_CLOSED)]:
            del self._closed[run_id]

    def clear(self) -> None:
        """Forget everything: what is not committed comes again."""
        for part in (self._runs, self._changed, self._closed, self._unsure, self._retry_at):
            part.clear()
        self._steps = 0

    # --- inside

    def _apply(self, run: RunProjection, events: Sequence[LogEvent]) -> bool:
        """Apply what is new; False: there is a gap before one of them."""
        if not events:
            return True
        before = len(run.steps)
        for event in events:
            if event.seq == run.last_seq + 1:
                self._apply_one(run, event.seq, event.type, event.at_us, event.data)
            elif event.seq > run.last_seq:
                break
        self._steps += len(run.steps) - before
        self._changed[run.run_id] = run
        return events[-1].seq <= run.last_seq

    def _apply_one(self, run: RunProjection, seq: int, type_: str, at_us: int, data: bytes) -> None:
        try:
            took = run.apply(seq, type_, at_us, data)
        except UNREADABLE as error:
            # The log is the truth: what cannot be read of it here is passed over and said.
            logger.warning(
                "event not understood",
                extra={LOG_RUN_ID: run_id_text(run.run_id), LOG_REASON: str(error)},
            )
            run.last_seq = seq
            return
        if took is not None:
            self._statistics.took(run, took, at_us)
        elif type_ in ENDINGS:
            self._statistics.run_closed(run)

    async def _fill(self, gate: asyncio.Semaphore, run_id: bytes, records: list[LogRecord]) -> None:
        """Read what is missing of a run and apply it, then what waited behind it."""
        run = self._runs.get(run_id)
        if run is None:
            if run_id in self._closed or not records:
                return
            run = self._hold(_empty(records[0]))
            run.started_us = records[0].events[0].at_us
            self._changed[run_id] = run
        try:
            async with gate:
                missing = await self._log.of_run(run_id, run.last_seq)
        except Rejected:
            self._pass_over(run, records)
            return
        except TransientError:
            self._retry_at[run_id] = asyncio.get_running_loop().time() + RETRY_GAP_S
            return
        self._apply(run, [LogEvent(e.seq, e.type, e.at_us, bytes(e.data)) for e in missing])
        for record in records:
            if not self._apply(run, record.events):
                self._retry_at[run_id] = asyncio.get_running_loop().time() + RETRY_GAP_S

    def _pass_over(self, run: RunProjection, records: list[LogRecord]) -> None:
        """The log does not have the run any more: show what is known."""
        for record in records:
            run.last_seq = max(run.last_seq, record.events[0].seq - 1)
            self._apply(run, record.events)

    def _hold(self, run: RunProjection) -> RunProjection:
        self._runs[run.run_id] = run
        self._steps += len(run.steps)
        return run

    def _drop(self, run_id: bytes) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None:
            self._steps -= len(run.steps)

    def _within_limits(self) -> bool:
        return len(self._runs) <= MAX_RUNS and self._steps <= MAX_STEPS

    def _oldest(self) -> dict[bytes, RunProjection]:
        """The runs that have to leave: a tenth at once, those held longest first."""
        runs, steps = MAX_RUNS * 9 // 10, MAX_STEPS * 9 // 10
        leaving: dict[bytes, RunProjection] = {}
        left, left_steps = len(self._runs), self._steps
        for run_id, run in self._runs.items():
            if left <= runs and left_steps <= steps:
                break
            leaving[run_id] = run
            left -= 1
            left_steps -= len(run.steps)
        return leaving


def _empty(record: LogRecord) -> RunProjection:
    return RunProjection(
        record.run_id, record.namespace, record.workflow, record.version, record.id
    )


def fold(events: Sequence[LoggedEvent], run: RunProjection) -> None:
    """Apply events of the log to a run, those that are new."""
    for event in events:
        if event.seq > run.last_seq:
            run.apply(event.seq, event.type, event.at_us, bytes(event.data))
