"""Requests for schedules: understood, decided about, written with who and why, answered. Pure but
for the reading of documents, which costs time and nothing else."""

import msgspec

from services.workflow.core import Rejection
from services.workflow.schedules.policy import Book, aimed
from services.workflow.schedules.records import (
    UNSERVED,
    Cause,
    Firing,
    FiringStatus,
    Schedule,
    firing_id,
    shard_of_schedule,
)
from services.workflow.schedules.store import Change, Decided
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text
from stretto.contracts.schedules import Scheduled, ScheduleRequest, ScheduleSpec
from stretto.runtime.clock import parse_rfc3339, rfc3339
from stretto.schedule.timing import Timing

MAX_BACKFILL = 1_000
"""Instants of one backfill: as many as may wait."""

_TIMING_FIELDS = ("cron", "every_s", "anchor", "at", "timezone", "start", "end")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came: its own key, and when it is decided about."""

    request: ScheduleRequest
    key: str
    namespace: str
    now_us: int


class Range(msgspec.Struct, frozen=True):
    """The instants of a backfill: without the beginning, with the end."""

    after_us: int
    until_us: int


def applied(
    asked: Asked,
    spec: ScheduleSpec,
    source: str,
    before: Schedule | None,
    warnings: list[dict[str, object]],
) -> Decided | Scheduled:
    """Make a schedule of a document, or change it; the answer alone when it is just so already."""
    now_us = asked.now_us
    if before is not None and before.removed_us is None and same(before.spec, spec):
        return answer(asked, before, changed=False, warnings=warnings)
    if before is None:
        schedule = Schedule(
            namespace=asked.namespace,
            name=spec.schedule,
            shard=shard_of_schedule(asked.namespace, spec.schedule),
            revision=0,
            turn=0,
            spec=spec,
            source=source,
            created_us=now_us,
            changed_us=now_us,
            covered_us=now_us,
        )
        covered_us = now_us
    else:
        schedule = msgspec.structs.replace(before, spec=spec, source=source)
        covered_us = before.covered_us
        if before.removed_us is not None:
            schedule = msgspec.structs.replace(
                schedule, removed_us=None, paused_us=None, paused_by=None, paused_reason=None
            )
            covered_us = max(covered_us, now_us)
        elif _timing(before.spec) != _timing(spec):
            covered_us = max(covered_us, now_us)
    created = before is None or before.removed_us is not None
    aim = aimed(schedule, Timing(spec), covered_us)
    return _decided(asked, aim, created=created, warnings=warnings)


def paused(asked: Asked, schedule: Schedule) -> Decided | Rejection:
    """Let nothing start by itself any more."""
    if schedule.paused_us is not None:
        return Rejection(
            code="schedule_paused",
            message=f"expected schedule {schedule.name!r} to be running, but it is paused already",
        )
    request = asked.request
    changed = msgspec.structs.replace(
        schedule,
        paused_us=asked.now_us,
        paused_by=request.by,
        paused_reason=request.reason,
        due_us=None,
    )
    return _decided(asked, changed)


def resumed(asked: Asked, schedule: Schedule) -> Decided | Rejection:
    """Go on from now: what came while it was paused is left out."""
    if schedule.paused_us is None:
        return Rejection(
            code="schedule_not_paused",
            message=f"expected schedule {schedule.name!r} to be paused, but it is not",
        )
    changed = msgspec.structs.replace(schedule, paused_us=None, paused_by=None, paused_reason=None)
    covered_us = max(schedule.covered_us, asked.now_us)
    return _decided(asked, aimed(changed, Timing(changed.spec), covered_us))


def removed(asked: Asked, schedule: Schedule, held: list[Firing]) -> Decided:
    """Fire no more; what waits is dropped, what runs goes on."""
    book = Book(schedule, held, asked.now_us)
    book.drop("the schedule was removed")
    changed = msgspec.structs.replace(schedule, removed_us=asked.now_us, due_us=None, next_us=None)
    return _decided(asked, changed, book=book)


def triggered(asked: Asked, schedule: Schedule, held: list[Firing]) -> Decided:
    """Fire now, beside the clock; also while it is paused."""
    book = Book(schedule, held, asked.now_us)
    firing = book.fire(
        asked.now_us,
        Cause.TRIGGER,
        asked.request.overlap,
        suffix=f"#{schedule.revision + 1}",
    )
    run_id = None if firing.status == FiringStatus.SKIPPED else run_id_text(firing.run_id)
    return _decided(asked, schedule, book=book, run_id=run_id, status=str(firing.status))


def backfill_range(asked: Asked, schedule: Schedule) -> Range | Rejection:
    """Read the range of a backfill: of instants that were decided about only."""
    request = asked.request
    if request.start is None or request.end is None:
        return _invalid("expected a backfill to have start and end, but one is missing")
    try:
        start_us, end_us = parse_rfc3339(request.start), parse_rfc3339(request.end)
    except ValueError as error:
        return _invalid(str(error))
    if end_us < start_us:
        return _invalid("expected the end not to be before the start, but it is")
    if start_us > asked.now_us:
        return _invalid(f"expected a range of the past, but {request.start} is to come")
    found = Range(start_us - 1, min(end_us, schedule.covered_us))
    count = Timing(schedule.spec).count(found.after_us, found.until_us, MAX_BACKFILL + 1)
    if count > MAX_BACKFILL:
        return Rejection(
            code="backfill_too_large",
            message=f"expected at most {MAX_BACKFILL} instants in a backfill, but there are more: "
            "ask for a shorter range",
        )
    return found


def backfilled(
    asked: Asked, schedule: Schedule, held: list[Firing], there: list[Firing], wanted: Range
) -> Decided:
    """Fire for the instants of a range. Those that had a run are left out, unless asked for
    `again`."""
    request = asked.request
    book = Book(schedule, held, asked.now_us)
    by_id = {firing.id: firing for firing in there}
    served = {f.instant_us for f in there if f.status not in UNSERVED}
    suffix = f"#{schedule.revision + 1}" if request.again else ""
    fired = skipped = 0
    for instant in Timing(schedule.spec).between(wanted.after_us, wanted.until_us):
        if instant in served and not request.again:
            skipped += 1
            continue
        firing = book.fire(
            instant,
            Cause.BACKFILL,
            request.overlap or "queue_all",
            suffix=suffix,
            over=None if request.again else by_id.get(firing_id(schedule.name, instant)),
        )
        if firing.status == FiringStatus.SKIPPED:
            skipped += 1
        else:
            fired += 1
    return _decided(asked, schedule, book=book, firings=fired, skipped=skipped)


def same(left: ScheduleSpec, right: ScheduleSpec) -> bool:
    """Tell whether two specs say the same; the order of fields in an input does not matter."""
    read = msgspec.json.decode
    return bool(read(json_encode(left)) == read(json_encode(right)))


def _timing(spec: ScheduleSpec) -> list[object]:
    return [getattr(spec, name) for name in _TIMING_FIELDS]


def answer(asked: Asked, schedule: Schedule, **told: object) -> Scheduled:
    """Say what became of a request."""
    return Scheduled(
        schedule=schedule.name,
        command=asked.request.command,
        revision=schedule.revision,
        next=None if schedule.next_us is None else rfc3339(schedule.next_us),
        **told,  # type: ignore[arg-type]
    )


def _decided(
    asked: Asked, schedule: Schedule, *, book: Book | None = None, **told: object
) -> Decided:
    request = asked.request
    schedule = msgspec.structs.replace(
        schedule, revision=schedule.revision + 1, changed_us=asked.now_us
    )
    change = Change(
        number=schedule.revision,
        at_us=asked.now_us,
        command=request.command,
        by=request.by,
        reason=request.reason,
        data=json_encode(request),
        request=asked.key,
        answer=json_encode(answer(asked, schedule, **told)),
    )
    added = [] if book is None else book.added
    changed = [] if book is None else book.changed
    return Decided(schedule, added, changed, change)


def _invalid(message: str) -> Rejection:
    return Rejection(code="backfill_invalid", message=message)
