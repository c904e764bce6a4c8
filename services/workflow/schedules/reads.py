"""What can be asked about schedules: a list, one of them, the instants to come."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from services.workflow.schedules.records import Firing as FiringRow
from services.workflow.schedules.records import FiringStatus, Schedule
from services.workflow.schedules.store import ScheduleStore
from stretto.bus.queries import read_query
from stretto.bus.service import Refusal
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text
from stretto.contracts.schedules import (
    Firing,
    Preview,
    PreviewInstant,
    PreviewQuery,
    ScheduleChange,
    SchedulePage,
    ScheduleQuery,
    SchedulesQuery,
    ScheduleSummary,
    ScheduleView,
)
from stretto.runtime.clock import Clock, datetime_of, parse_rfc3339, rfc3339
from stretto.schedule import Timing, load_schedule
from stretto.schedule.timing import jitter_key
from stretto.schedule.words import timing_words

MAX_PAGE = 500
MAX_FIRINGS = 500
MAX_PREVIEW = 1_000
UPCOMING = 5
"""Instants shown with a schedule."""

Handler = Callable[[bytes], Awaitable[bytes]]

_WITH_RUN = (FiringStatus.STARTING, FiringStatus.STARTED, FiringStatus.ENDED)


class ScheduleReads:
    """The operations of `stretto.api.workflow.*` that are about schedules."""

    def __init__(self, store: ScheduleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def operations(self) -> dict[str, Handler]:
        return {
            "schedules": self.schedules,
            "schedule": self.schedule,
            "preview": self.preview,
        }

    async def schedules(self, data: bytes) -> bytes:
        """A page of the schedules of a namespace, each with its last firing."""
        query = read_query(SchedulesQuery, data)
        limit = max(1, min(query.limit, MAX_PAGE))
        found = await self._store.page(query.namespace, query.after, limit)
        last = await self._store.last_firings([s.key for s in found])
        views = [_summary(s, last.get(s.key)) for s in found]
        following = found[-1].name if len(found) == limit else None
        return json_encode(SchedulePage(schedules=views, next=following))

    async def schedule(self, data: bytes) -> bytes:
        """A schedule: what it does next, what it did, who changed it."""
        query = read_query(ScheduleQuery, data)
        found = await self._find(query.namespace, query.name)
        count = max(0, min(query.firings, MAX_FIRINGS))
        firings = await self._store.latest_firings(found.key, max(1, count))
        changes = await self._store.changes(found.key, count)
        upcoming: list[int] = []
        if found.status == "active":
            upcoming = await asyncio.to_thread(
                Timing(found.spec).upcoming, found.covered_us, UPCOMING
            )
        view = ScheduleView(
            schedule=_summary(found, firings[0] if firings else None),
            spec=found.spec,
            source=found.source,
            revision=found.revision,
            created_at=rfc3339(found.created_us),
            changed_at=rfc3339(found.changed_us),
            upcoming=[rfc3339(at) for at in upcoming],
            firings=[_firing(f) for f in firings[:count]],
            changes=[_change(row) for row in changes],
        )
        return json_encode(view)

    async def preview(self, data: bytes) -> bytes:
        """The instants to come of a schedule, or of a document."""
        query = read_query(PreviewQuery, data)
        try:
            after_us = self._clock.now_us() if query.after is None else parse_rfc3339(query.after)
        except ValueError as error:
            raise Refusal("request_invalid", f"after: {error}") from error
        if query.source is not None:
            loaded = await asyncio.to_thread(load_schedule, query.source)
            if loaded.spec is None:
                mistakes = [msgspec.to_builtins(m) for m in loaded.mistakes]
                return json_encode(Preview(instants=[], timezone="UTC", mistakes=mistakes))
            spec = loaded.spec
        elif query.name is not None:
            spec = (await self._find(query.namespace, query.name)).spec
        else:
            raise Refusal("request_invalid", "expected a name or a source, but got neither")
        count = max(1, min(query.count, MAX_PREVIEW))
        key = jitter_key(query.namespace, spec.schedule)
        timing = Timing(spec)
        found = await asyncio.to_thread(timing.upcoming, after_us, count)
        instants = [
            PreviewInstant(
                instant=rfc3339(at),
                local=datetime_of(at).astimezone(timing.zone).isoformat(),
                starts_at=rfc3339(timing.starts_at(key, at)),
            )
            for at in found
        ]
        return json_encode(Preview(instants=instants, timezone=spec.timezone))

    async def _find(self, namespace: str, name: str) -> Schedule:
        found = await self._store.load([(namespace, name)])
        if not found:
            raise Refusal(
                "schedule_unknown",
                f"expected schedule {name[:100]!r} to exist in namespace {namespace[:100]!r}, "
                "but it does not",
            )
        return found[0]


def _summary(schedule: Schedule, last: FiringRow | None) -> ScheduleSummary:
    spec = schedule.spec
    due = schedule.next_us if schedule.status == "active" else None
    return ScheduleSummary(
        schedule=schedule.name,
        namespace=schedule.namespace,
        workflow=spec.workflow,
        status=schedule.status,
        timing=timing_words(spec),
        timezone=spec.timezone,
        overlap=spec.overlap,
        next=None if due is None else rfc3339(due),
        description=spec.description,
        paused_by=schedule.paused_by,
        paused_reason=schedule.paused_reason,
        last=None if last is None else _firing(last),
    )


def _firing(row: FiringRow) -> Firing:
    return Firing(
        id=row.id,
        instant=rfc3339(row.instant_us),
        cause=row.cause,
        status=row.status,
        decided_at=rfc3339(row.decided_us),
        run_id=run_id_text(row.run_id) if row.status in _WITH_RUN else None,
        outcome=row.outcome,
        reason=row.reason,
        count=row.count,
        until=None if row.until_us is None else rfc3339(row.until_us),
    )


def _change(row: Sequence[Any]) -> ScheduleChange:
    number, at_us, command, by, reason = row
    return ScheduleChange(number=number, at=rfc3339(at_us), command=command, by=by, reason=reason)
