"""Cron expressions: which instants they name, and what is said of those that are none."""

from itertools import islice

import pytest

from stretto.runtime.clock import US_PER_S, parse_rfc3339, rfc3339
from stretto.schedule.cron import parse_cron
from stretto.schedule.cron_fields import CronError
from stretto.schedule.zones import LAST_S, cron_instants, zone_of


def instants(text: str, after: str, count: int = 3, zone: str = "UTC") -> list[str]:
    """The first instants of an expression after another, to the second."""
    after_s = parse_rfc3339(after) // US_PER_S
    found = cron_instants(parse_cron(text), zone_of(zone), after_s, LAST_S)
    return [rfc3339(at * US_PER_S)[:19] for at in islice(found, count)]


# Expression → what comes after Wednesday 2026-07-01T12:00:00Z.
TABLE = {
    "* * * * *": ["2026-07-01T12:01:00", "2026-07-01T12:02:00", "2026-07-01T12:03:00"],
    "*/15 * * * *": ["2026-07-01T12:15:00", "2026-07-01T12:30:00", "2026-07-01T12:45:00"],
    "5/20 * * * *": ["2026-07-01T12:05:00", "2026-07-01T12:25:00", "2026-07-01T12:45:00"],
    "30 8 * * *": ["2026-07-02T08:30:00", "2026-07-03T08:30:00", "2026-07-04T08:30:00"],
    "0 9-17/4 * * *": ["2026-07-01T13:00:00", "2026-07-01T17:00:00", "2026-07-02T09:00:00"],
    "0 0 * * mon-fri": ["2026-07-02T00:00:00", "2026-07-03T00:00:00", "2026-07-06T00:00:00"],
    "0 0 * * FRI-MON": ["2026-07-03T00:00:00", "2026-07-04T00:00:00", "2026-07-05T00:00:00"],
    "0 0 * * 7": ["2026-07-05T00:00:00", "2026-07-12T00:00:00", "2026-07-19T00:00:00"],
    "0 0 * * 0": ["2026-07-05T00:00:00", "2026-07-12T00:00:00", "2026-07-19T00:00:00"],
    "0 0 1,15 * *": ["2026-07-15T00:00:00", "2026-08-01T00:00:00", "2026-08-15T00:00:00"],
    "0 0 L * *": ["2026-07-31T00:00:00", "2026-08-31T00:00:00", "2026-09-30T00:00:00"],
    "0 0 * * fri#2": ["2026-07-10T00:00:00", "2026-08-14T00:00:00", "2026-09-11T00:00:00"],
    "0 0 * * friL": ["2026-07-31T00:00:00", "2026-08-28T00:00:00", "2026-09-25T00:00:00"],
    "0 0 * * mon,tue#1": ["2026-07-06T00:00:00", "2026-07-07T00:00:00", "2026-07-13T00:00:00"],
    "0 0 13 * fri": ["2026-07-03T00:00:00", "2026-07-10T00:00:00", "2026-07-13T00:00:00"],
    "0 0 */2 * mon": ["2026-07-13T00:00:00", "2026-07-27T00:00:00", "2026-08-03T00:00:00"],
    "0 0 ? * wed": ["2026-07-08T00:00:00", "2026-07-15T00:00:00", "2026-07-22T00:00:00"],
    "0 0 31 * *": ["2026-07-31T00:00:00", "2026-08-31T00:00:00", "2026-10-31T00:00:00"],
    "0 0 29 feb *": ["2028-02-29T00:00:00", "2032-02-29T00:00:00", "2036-02-29T00:00:00"],
    "0 0 1 jan,JUL *": ["2027-01-01T00:00:00", "2027-07-01T00:00:00", "2028-01-01T00:00:00"],
    "*/20 * * * * *": ["2026-07-01T12:00:20", "2026-07-01T12:00:40", "2026-07-01T12:01:00"],
    "59 59 23 31 12 *": ["2026-12-31T23:59:59", "2027-12-31T23:59:59", "2028-12-31T23:59:59"],
    "@hourly": ["2026-07-01T13:00:00", "2026-07-01T14:00:00", "2026-07-01T15:00:00"],
    "@daily": ["2026-07-02T00:00:00", "2026-07-03T00:00:00", "2026-07-04T00:00:00"],
    "@weekly": ["2026-07-05T00:00:00", "2026-07-12T00:00:00", "2026-07-19T00:00:00"],
    " @Monthly ": ["2026-08-01T00:00:00", "2026-09-01T00:00:00", "2026-10-01T00:00:00"],
    "@yearly": ["2027-01-01T00:00:00", "2028-01-01T00:00:00", "2029-01-01T00:00:00"],
}


@pytest.mark.parametrize("text", TABLE)
def test_an_expression_names_these_instants(text: str) -> None:
    assert instants(text, "2026-07-01T12:00:00Z") == TABLE[text]


def test_february_29_is_found_over_a_century_without_one() -> None:
    assert instants("0 0 29 2 *", "2096-03-01T00:00:00Z", 1) == ["2104-02-29T00:00:00"]


# --- clocks that are changed. Zurich: +1 → +2 on 2026-03-29 at 01:00Z, back on 2026-10-25, 01:00Z

SKIPPED, DOUBLED = "2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z"

CHANGES = [
    # A time of day that is left out comes when the clocks go forward, once.
    ("30 2 * * *", SKIPPED, "Europe/Zurich", ["2026-03-29T01:00:00", "2026-03-30T00:30:00"]),
    ("*/10 2 * * *", SKIPPED, "Europe/Zurich", ["2026-03-29T01:00:00", "2026-03-30T00:00:00"]),
    ("0 2,3 * * *", SKIPPED, "Europe/Zurich", ["2026-03-29T01:00:00", "2026-03-30T00:00:00"]),
    # So does one in half an hour that is left out, and one after it comes in its time.
    (
        "15 2 * * *",
        "2026-10-03T00:00:00Z",
        "Australia/Lord_Howe",
        ["2026-10-03T15:30:00", "2026-10-04T15:15:00"],
    ),
    (
        "45 2 * * *",
        "2026-10-03T00:00:00Z",
        "Australia/Lord_Howe",
        ["2026-10-03T15:45:00", "2026-10-04T15:45:00"],
    ),
    # One that exists twice comes the first time.
    ("30 2 * * *", DOUBLED, "Europe/Zurich", ["2026-10-25T00:30:00", "2026-10-26T01:30:00"]),
    ("0 2,3 * * *", DOUBLED, "Europe/Zurich", ["2026-10-25T00:00:00", "2026-10-25T02:00:00"]),
    # Every hour follows the time that passes: nothing twice as long, nothing made up for.
    (
        "30 * * * *",
        "2026-03-28T23:45:00Z",
        "Europe/Zurich",
        ["2026-03-29T00:30:00", "2026-03-29T01:30:00", "2026-03-29T02:30:00"],
    ),
    (
        "30 * * * *",
        "2026-10-24T23:45:00Z",
        "Europe/Zurich",
        ["2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00"],
    ),
    # Every second hour of the clock: 0, 2, 4. There are two 2s in autumn, and none in spring.
    (
        "0 */2 * * *",
        "2026-10-24T22:30:00Z",
        "Europe/Zurich",
        ["2026-10-25T00:00:00", "2026-10-25T01:00:00", "2026-10-25T03:00:00"],
    ),
    ("0 */2 * * *", "2026-03-28T23:30:00Z", "Europe/Zurich", ["2026-03-29T02:00:00"]),
    # New York: midnight stays midnight.
    (
        "0 0 * * *",
        "2026-03-07T12:00:00Z",
        "America/New_York",
        ["2026-03-08T05:00:00", "2026-03-09T04:00:00"],
    ),
    # Lord Howe changes by half an hour: 02:00 becomes 02:30.
    ("15 2 * * *", "2026-10-03T00:00:00Z", "Australia/Lord_Howe", ["2026-10-03T15:30:00"]),
    # Havana and Beirut leave out midnight itself.
    ("0 0 * * *", "2026-03-07T12:00:00Z", "America/Havana", ["2026-03-08T05:00:00"]),
    # Samoa left out a whole day, 2011-12-30: it is made up for when the next one begins.
    (
        "0 9 30 12 *",
        "2011-12-29T00:00:00Z",
        "Pacific/Apia",
        ["2011-12-30T10:00:00", "2012-12-29T19:00:00"],
    ),
]


@pytest.mark.parametrize(("text", "after", "zone", "expected"), CHANGES)
def test_clocks_that_are_changed(text: str, after: str, zone: str, expected: list[str]) -> None:
    assert instants(text, after, len(expected), zone) == expected


@pytest.mark.parametrize("text", ["30 2 * * *", "*/7 * * * *", "0 */3 * * *", "59 1-3 * * *"])
@pytest.mark.parametrize("after", [SKIPPED, DOUBLED])
def test_it_does_not_matter_where_one_begins_to_look(text: str, after: str) -> None:
    cron, zone = parse_cron(text), zone_of("Europe/Zurich")
    begin = parse_rfc3339(after) // US_PER_S
    end = begin + 36 * 3_600
    whole = list(cron_instants(cron, zone, begin, end))

    for at in range(begin, end, 1_337):
        later = [i for i in whole if i > at]
        assert list(cron_instants(cron, zone, at, end)) == later

    assert whole == sorted(set(whole))


# --- what is none

BROKEN = {
    "": (0, "expected 5 fields"),
    "* * * *": (0, "expected 5 fields"),
    "* * * * * * *": (0, "expected 5 fields"),
    "60 * * * *": (0, "the minute to be 0 to 59, but got '60'"),
    "0 24 * * *": (2, "the hour to be 0 to 23, but got '24'"),
    "0 0 0 * *": (4, "the day of the month to be 1 to 31"),
    "0 0 * 13 *": (6, "the month to be 1 to 12 or jan to dec"),
    "0 0 * * fry": (8, "the day of the week to be 0 to 7 or sun to sat, but got 'fry'"),
    "0 0 * * mon,8": (12, "but got '8'"),
    "0 17-9 * * *": (2, "the hour to go upwards"),
    "0 1-2-3 * * *": (2, "expected a range like 1-5"),
    "*/0 * * * *": (2, "expected a step of the minute from 1 to 59, but got '0'"),
    "*/x * * * *": (2, "expected a step"),
    "*/2/2 * * * *": (4, "expected one step"),
    "-1 * * * *": (0, "but got ''"),
    "1, * * * *": (2, "but got ''"),
    "\u0661 * * * *": (0, "expected the minute"),
    "0 0 * * fri#6": (8, "1 to 5, after '#'"),
    "0 0 * * fri#": (8, "1 to 5, after '#'"),
    "0 0 * * xL": (8, "but got 'x'"),
    "@fortnightly": (0, "expected one of @yearly"),
    "  @every 5m": (2, "expected one of @yearly"),
    "1" * 201: (0, "at most 200 characters"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_mistake_has_its_place_and_says_what_was_expected(text: str) -> None:
    offset, words = BROKEN[text]

    with pytest.raises(CronError) as caught:
        parse_cron(text)

    assert words in caught.value.message
    assert caught.value.offset == offset


@pytest.mark.parametrize("name", ["", "Zurich", "../etc/passwd", "Europe", "x" * 100, "\0"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected a time zone"):
        zone_of(name)
