"""Instants of schedules: intervals, single ones, bounds, jitter, and what is cheap to ask."""

import pytest

from stretto.contracts.schedules import ScheduleSpec
from stretto.runtime.clock import US_PER_S, parse_rfc3339, rfc3339
from stretto.schedule import Timing
from stretto.schedule.timing import jitter_key
from stretto.schedule.words import duration_words, timing_words

NOON = parse_rfc3339("2026-07-01T12:00:00Z")
HOUR_US = 3_600 * US_PER_S
DAY_US = 24 * HOUR_US
YEAR_US = 365 * DAY_US


def spec(**fields: object) -> ScheduleSpec:
    return ScheduleSpec(schedule="s", workflow="w", **fields)  # type: ignore[arg-type]


def texts(instants: list[int]) -> list[str]:
    return [rfc3339(at)[:19] for at in instants]


def test_an_interval_is_counted_from_the_epoch_or_its_anchor() -> None:
    quarters = Timing(spec(every_s=900.0))
    anchored = Timing(spec(every_s=900.0, anchor="2026-01-01T00:05:00.000000Z"))

    assert texts(quarters.upcoming(NOON, 2)) == ["2026-07-01T12:15:00", "2026-07-01T12:30:00"]
    assert texts(anchored.upcoming(NOON, 2)) == ["2026-07-01T12:05:00", "2026-07-01T12:20:00"]


def test_an_interval_with_an_anchor_to_come_goes_back_from_it_too() -> None:
    timing = Timing(spec(every_s=3600.0, anchor="2030-01-01T00:30:00.000000Z"))

    assert texts(timing.upcoming(NOON, 1)) == ["2026-07-01T12:30:00"]


def test_single_instants_come_in_their_order_and_once() -> None:
    at = ["2026-07-03T00:00:00Z", "2026-07-02T00:00:00Z", "2026-07-03T02:00:00+02:00"]

    timing = Timing(spec(at=at))

    assert texts(timing.upcoming(NOON, 9)) == ["2026-07-02T00:00:00", "2026-07-03T00:00:00"]
    assert timing.next(parse_rfc3339("2026-07-03T00:00:00Z")) is None


def test_instants_of_several_expressions_count_once() -> None:
    timing = Timing(spec(cron=["0 * * * *", "0 13 * * *", "30 12 * * *"]))

    assert texts(timing.upcoming(NOON, 3)) == [
        *("2026-07-01T12:30:00", "2026-07-01T13:00:00", "2026-07-01T14:00:00")
    ]
    assert texts(list(timing.between(NOON, NOON + 2 * HOUR_US))) == [
        *("2026-07-01T12:30:00", "2026-07-01T13:00:00", "2026-07-01T14:00:00")
    ]


@pytest.mark.parametrize("fields", [{"cron": ["0 * * * *"]}, {"every_s": 3600.0}])
def test_the_start_is_within_and_the_end_is_not(fields: dict[str, object]) -> None:
    timing = Timing(
        spec(start="2026-07-01T15:00:00.000000Z", end="2026-07-01T17:00:00.000000Z", **fields)
    )

    assert texts(timing.upcoming(NOON, 9)) == ["2026-07-01T15:00:00", "2026-07-01T16:00:00"]
    assert list(timing.between(NOON, NOON + HOUR_US)) == []
    assert timing.next(NOON + DAY_US) is None


def test_a_range_is_without_its_beginning_and_with_its_end() -> None:
    for fields in ({"cron": ["0 * * * *"]}, {"every_s": 3600.0}, {"at": [rfc3339(NOON)]}):
        timing = Timing(spec(**fields))
        assert NOON not in timing.between(NOON, NOON + HOUR_US)
        assert NOON in timing.between(NOON - 1, NOON)


def test_the_latest_of_a_long_range_are_found_without_walking_it() -> None:
    seconds = Timing(spec(cron=["* * * * * *"]))
    years = Timing(spec(cron=["0 0 1 1 *"]))

    assert seconds.latest(0, NOON, 2) == [NOON - US_PER_S, NOON]
    assert texts(years.latest(0, NOON, 2)) == ["2025-01-01T00:00:00", "2026-01-01T00:00:00"]
    assert years.latest(NOON - HOUR_US, NOON, 2) == []
    assert seconds.latest(0, NOON, 0) == []


def test_counting_stops_where_it_is_told_to() -> None:
    seconds = Timing(spec(cron=["* * * * * *"]))

    assert seconds.count(NOON, NOON + YEAR_US, 10_000) == 10_000
    assert seconds.count(NOON, NOON + 5 * US_PER_S, 10_000) == 5


def test_jitter_is_the_same_whenever_it_is_asked_for_and_keeps_the_order() -> None:
    timing = Timing(spec(every_s=60.0, jitter_s=3600.0))
    instants = timing.upcoming(NOON, 500)

    starts = [timing.starts_at("default:s", at) for at in instants]

    assert starts == [timing.starts_at("default:s", at) for at in instants]
    assert starts == sorted(set(starts))
    assert all(at <= start < at + 60 * US_PER_S for at, start in zip(instants, starts, strict=True))
    late = [start - at for at, start in zip(instants, starts, strict=True)]
    assert min(late) < 6 * US_PER_S
    assert max(late) > 54 * US_PER_S
    assert starts != [timing.starts_at("default:other", at) for at in instants]


def test_jitter_of_the_last_instant_is_its_own_width() -> None:
    timing = Timing(spec(at=[rfc3339(NOON)], jitter_s=10.0))

    assert NOON <= timing.starts_at("k", NOON) < NOON + 10 * US_PER_S
    assert Timing(spec(at=[rfc3339(NOON)])).starts_at("k", NOON) == NOON
    assert jitter_key("default", "s") == "default:s"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cron": ["0 8 * * *", "0 12 * * *"]}, "0 8 * * * | 0 12 * * *"),
        ({"every_s": 900.0}, "every 15m"),
        ({"at": ["2026-12-24T18:00:00.000000Z"]}, "at 2026-12-24T18:00:00Z"),
        (
            {"at": ["2026-12-24T18:00:00.000000Z", "2026-12-31T18:00:00.000000Z"]},
            "at 2026-12-24T18:00:00Z and 1 more",
        ),
    ],
)
def test_when_it_fires_is_said_in_words(fields: dict[str, object], words: str) -> None:
    assert timing_words(spec(**fields)) == words


def test_lengths_of_time_are_written_as_documents_have_them() -> None:
    assert [duration_words(s) for s in (1.5, 90_061.0, 0.25, 0.0)] == [
        *("1s500ms", "1d1h1m1s", "250ms", "0ms")
    ]
