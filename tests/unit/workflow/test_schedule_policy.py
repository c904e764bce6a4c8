"""What schedules do, in virtual time: which instants fire, which are missed, what overlaps."""

import json

import msgspec
import pytest

from services.workflow.schedules.asking import Asked, applied
from services.workflow.schedules.policy import MAX_WAITING, ON_TIME_US, Book, advance, aimed
from services.workflow.schedules.records import (
    OPEN,
    Cause,
    Firing,
    FiringStatus,
    Schedule,
    shard_of_schedule,
)
from services.workflow.schedules.store import Decided
from stretto.contracts.schedules import ScheduleRequest, ScheduleSpec
from stretto.runtime.clock import US_PER_S, parse_rfc3339, rfc3339
from stretto.schedule import Timing

NOON = parse_rfc3339("2026-07-01T12:00:00Z")
MINUTE_US = 60 * US_PER_S
HOUR_US = 60 * MINUTE_US


class Desk:
    """A schedule whose clock is moved, and whose runs end when they are told to."""

    def __init__(self, **fields: object) -> None:
        given: dict[str, object] = {"every_s": 60.0} if "cron" not in fields else {}
        self.spec = ScheduleSpec(schedule="s", workflow="w", **(given | fields))  # type: ignore[arg-type]
        self.timing = Timing(self.spec)
        self.now_us = NOON
        schedule = Schedule(
            namespace="default",
            name="s",
            shard=shard_of_schedule("default", "s"),
            revision=1,
            turn=1,
            spec=self.spec,
            source="",
            created_us=NOON,
            changed_us=NOON,
            covered_us=NOON,
        )
        self.schedule = aimed(schedule, self.timing, NOON)
        self.firings: dict[str, Firing] = {}

    @property
    def held(self) -> list[Firing]:
        kept = (FiringStatus.WAITING, *OPEN)
        return [f for f in self.firings.values() if f.status in kept]

    def to(self, now_us: int) -> list[str]:
        """Move the clock and let what is due happen; the firings of this, as `cause status`."""
        self.now_us = now_us
        book = Book(self.schedule, self.held, now_us)
        self.schedule = advance(self.schedule, self.timing, book, now_us)
        return self.keep(book)

    def later(self, us: int) -> list[str]:
        return self.to(self.now_us + us)

    def keep(self, book: Book) -> list[str]:
        assert not {f.id for f in book.added} & self.firings.keys()
        for firing in [*book.added, *book.changed]:
            firing.was = None
            self.firings[firing.id] = firing
        return [f"{f.cause} {f.status}" for f in book.added]

    def end_runs(self) -> None:
        for firing in self.firings.values():
            if firing.status in OPEN:
                firing.status = FiringStatus.ENDED

    def statuses(self) -> list[str]:
        return [str(f.status) for f in self.firings.values()]


def test_an_instant_fires_when_it_has_come_and_once() -> None:
    desk = Desk()

    assert desk.later(59 * US_PER_S) == []
    assert desk.later(US_PER_S) == ["time starting"]
    assert desk.later(0) == []
    assert desk.later(1) == []
    assert desk.schedule.next_us == desk.schedule.due_us == NOON + 2 * MINUTE_US


def test_the_run_of_an_instant_knows_it() -> None:
    desk = Desk(
        input=msgspec.Raw(b'{"site":"bern"}'),
        time_as="at",
        labels={"team": "x"},
        version=4,
    )

    desk.later(MINUTE_US)

    [firing] = desk.firings.values()
    at = "2026-07-01T12:01:00.000000Z"
    assert firing.request is not None
    request = json.loads(firing.request)
    assert request.pop("run_id")
    assert request == {
        "input": {"site": "bern", "at": at},
        "id": "schedule:s:2026-07-01T12:01:00Z",
        "version": 4,
        "labels": {"team": "x", "schedule": "s", "schedule.time": at},
    }


def test_time_as_makes_an_input_where_there_is_none() -> None:
    desk = Desk(time_as="at")

    desk.later(MINUTE_US)

    [firing] = desk.firings.values()
    assert json.loads(firing.request or b"")["input"] == {"at": "2026-07-01T12:01:00.000000Z"}


def test_a_year_of_firings_in_a_second() -> None:
    desk = Desk(cron=["30 */4 * * *"], timezone="Europe/Zurich")

    fired = 0
    while desk.now_us < NOON + 365 * 24 * HOUR_US:
        assert desk.schedule.due_us is not None
        fired += len(desk.to(desk.schedule.due_us))
        desk.end_runs()
        desk.firings.clear()

    assert fired == 365 * 6 + 1, "the last of them is past the year"


# --- overlap

OVERLAPS = {
    "skip": ["starting", "skipped", "skipped"],
    "queue_one": ["starting", "waiting", "skipped"],
    "queue_all": ["starting", "waiting", "waiting"],
    "cancel": ["starting", "skipped", "waiting"],
    "terminate": ["starting", "skipped", "waiting"],
    "allow": ["starting", "starting", "starting"],
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_three_instants_while_the_first_run_is_open(overlap: str) -> None:
    desk = Desk(overlap=overlap)

    for _ in range(3):
        desk.later(MINUTE_US)

    assert desk.statuses() == OVERLAPS[overlap]
    endings = [f.ending for f in desk.firings.values()]
    assert endings[0] == (overlap if overlap in ("cancel", "terminate") else None)
    skipped = [f for f in desk.firings.values() if f.status == "skipped"]
    assert all(f.reason for f in skipped)


@pytest.mark.parametrize(
    ("overlap", "started"),
    [("queue_one", [0, 1]), ("queue_all", [0, 1, 2]), ("cancel", [0, 2]), ("terminate", [0, 2])],
)
def test_what_waits_starts_when_nothing_is_open_one_after_the_other(
    overlap: str, started: list[int]
) -> None:
    desk = Desk(overlap=overlap)
    for _ in range(3):
        desk.later(MINUTE_US)

    order = []
    for _ in range(5):
        order += [i for i, f in enumerate(desk.firings.values()) if f.status in OPEN]
        desk.end_runs()
        desk.to(desk.now_us)

    assert order == started
    assert not desk.held


def test_what_was_told_to_be_cancelled_may_still_be_terminated() -> None:
    desk = Desk(overlap="cancel")
    desk.later(MINUTE_US)
    desk.later(MINUTE_US)
    book = Book(desk.schedule, desk.held, desk.now_us)

    book.fire(desk.now_us, Cause.TRIGGER, "terminate", suffix="#1")
    desk.keep(book)

    first = next(iter(desk.firings.values()))
    assert (first.ending, first.told) == ("terminate", False)
    assert desk.statuses() == ["starting", "skipped", "waiting"]


def test_no_more_wait_than_the_limit_says() -> None:
    desk = Desk(overlap="queue_all")
    desk.later(MINUTE_US)
    book = Book(desk.schedule, desk.held, desk.now_us)

    for n in range(MAX_WAITING + 1):
        book.fire(desk.now_us, Cause.TRIGGER, suffix=f"#{n}")

    statuses = [f.status for f in book.added]
    assert statuses.count(FiringStatus.WAITING) == MAX_WAITING
    assert statuses[-1] == FiringStatus.SKIPPED
    assert "were waiting" in (book.added[-1].reason or "")


# --- being late

LATE = 3 * HOUR_US + ON_TIME_US + US_PER_S


@pytest.mark.parametrize(
    ("fields", "fired", "missed"),
    [
        ({}, 1, 179),  # a day back, the last one
        ({"catch_up": 5}, 5, 175),
        ({"catch_up": 1000}, 180, 0),
        ({"catch_up": 1000, "window_s": 3600.0}, 60, 120),
        ({"catch_up": 0}, 0, 180),
        ({"window_s": 0.0}, 0, 180),
    ],
)
def test_what_was_missed_is_made_up_for_within_limits(
    fields: dict[str, object], fired: int, missed: int
) -> None:
    desk = Desk(overlap="allow", **fields)

    said = desk.later(LATE)

    firings = list(desk.firings.values())
    assert said.count("catch_up starting") == fired
    assert sum(f.count for f in firings if f.status == "missed") == missed
    if missed:
        assert firings[0].until_us == NOON + missed * MINUTE_US
        assert firings[0].id.endswith("#missed")
    made_up = [f.instant_us for f in firings if f.status == "starting"]
    assert made_up == [NOON + (missed + n + 1) * MINUTE_US for n in range(fired)]
    assert desk.later(0) == []


def test_a_service_that_was_away_for_seconds_misses_nothing() -> None:
    desk = Desk(cron=["* * * * * *"], overlap="allow", catch_up=0)

    said = desk.later(8 * US_PER_S)

    assert said == ["time starting"] * 8


def test_years_of_seconds_are_missed_without_being_counted_one_by_one() -> None:
    desk = Desk(cron=["* * * * * *"], catch_up=1)

    desk.later(3 * 365 * 24 * HOUR_US)

    firings = list(desk.firings.values())
    assert firings[0].count == 10_000  # "at least"
    assert firings[0].until_us is not None
    assert firings[0].until_us > desk.now_us - 20 * US_PER_S
    assert len(firings) < 20


def test_a_clock_that_goes_back_fires_nothing_twice() -> None:
    desk = Desk()
    desk.later(MINUTE_US)
    desk.end_runs()

    assert desk.to(NOON - HOUR_US) == []
    assert desk.to(NOON + MINUTE_US) == []
    assert desk.to(NOON + 2 * MINUTE_US) == ["time starting"]


# --- jitter


def test_with_jitter_a_run_starts_later_and_is_on_time() -> None:
    desk = Desk(every_s=3600.0, jitter_s=1800.0, catch_up=0)
    due = desk.schedule.due_us
    assert due is not None
    assert NOON + HOUR_US < due < NOON + HOUR_US + 30 * MINUTE_US

    assert desk.to(due - 1) == []
    assert desk.schedule.due_us == due
    assert desk.to(due) == ["time starting"]
    [firing] = desk.firings.values()
    assert rfc3339(firing.instant_us) == "2026-07-01T13:00:00.000000Z"


# --- standing still


def test_a_paused_schedule_starts_nothing_and_holds_what_waits() -> None:
    desk = Desk(overlap="queue_all")
    desk.later(MINUTE_US)
    desk.later(MINUTE_US)
    desk.end_runs()
    desk.schedule = msgspec.structs.replace(desk.schedule, paused_us=desk.now_us)

    assert desk.later(HOUR_US) == []
    assert desk.statuses() == ["ended", "waiting"]
    assert aimed(desk.schedule, desk.timing, desk.now_us).due_us is None


def test_a_paused_schedule_does_all_that_a_person_asked_for_and_nothing_of_the_clock() -> None:
    desk = Desk(overlap="queue_all")
    desk.later(MINUTE_US)
    desk.later(MINUTE_US)
    desk.schedule = msgspec.structs.replace(desk.schedule, paused_us=desk.now_us)
    book = Book(desk.schedule, desk.held, desk.now_us)
    for minutes in (30, 20):
        book.fire(NOON - minutes * MINUTE_US, Cause.BACKFILL, "queue_all")
    desk.keep(book)
    assert desk.statuses() == ["starting", "waiting", "waiting", "waiting"]

    for _ in range(3):
        desk.end_runs()
        desk.later(HOUR_US)

    assert [(str(f.cause), str(f.status)) for f in desk.firings.values()] == [
        ("time", "ended"), ("time", "waiting"), ("backfill", "ended"), ("backfill", "ended"),
    ]  # fmt: skip


def test_a_removed_schedule_does_nothing_any_more() -> None:
    desk = Desk()
    desk.schedule = msgspec.structs.replace(desk.schedule, removed_us=desk.now_us)

    assert desk.later(HOUR_US) == []
    assert desk.firings == {}


def test_a_spent_schedule_is_not_due() -> None:
    desk = Desk(end="2026-07-01T12:01:30.000000Z")

    desk.later(HOUR_US)

    assert desk.schedule.status == "spent"
    assert desk.schedule.due_us is None


def test_a_run_that_is_asked_to_cancel_and_then_to_terminate_is_written_once() -> None:
    desk = Desk(overlap="cancel")
    desk.later(MINUTE_US)
    book = Book(desk.schedule, desk.held, desk.now_us)

    book.fire(desk.now_us + 1, Cause.TIME)
    book.fire(desk.now_us + 2, Cause.TIME, "terminate")

    [changed] = book.changed
    assert (changed.ending, changed.was) == ("terminate", FiringStatus.STARTING)


def test_a_schedule_that_says_the_same_times_anew_fires_no_instant_twice() -> None:
    desk = Desk()
    desk.later(MINUTE_US)
    before = msgspec.structs.replace(desk.schedule, covered_us=NOON)
    request = ScheduleRequest(command="apply", name="s")
    asked = Asked(request=request, key="k", namespace="default", now_us=NOON + MINUTE_US)

    other = msgspec.structs.replace(desk.spec, description="other words")
    later = msgspec.structs.replace(desk.spec, every_s=7.0)

    kept, moved = (applied(asked, spec, "", before, []) for spec in (other, later))
    assert isinstance(kept, Decided) and isinstance(moved, Decided)
    assert (kept.schedule.covered_us, moved.schedule.covered_us) == (NOON, NOON + MINUTE_US)


def test_a_schedule_that_was_removed_goes_no_further() -> None:
    desk = Desk()
    removed = msgspec.structs.replace(desk.schedule, removed_us=NOON)
    book = Book(removed, [], NOON + HOUR_US)

    assert advance(removed, desk.timing, book, NOON + HOUR_US) is removed
    assert not book.added
