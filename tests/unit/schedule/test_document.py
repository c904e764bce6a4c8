"""Documents of schedules: what they become, and every mistake with its place."""

import jsonschema_rs
import msgspec
import pytest

from stretto.contracts.payload import MAX_PAYLOAD_BYTES
from stretto.runtime.clock import parse_rfc3339
from stretto.schedule import is_schedule, load_schedule
from stretto.schedule.document import json_schema

WHOLE = """
schedule: nightly-report
description: The report of the day.
workflow: report
version: 3
input: {site: bern, depth: 2}
time_as: day
labels: {team: finance}
cron: ["30 2 * * *", "@monthly"]
timezone: Europe/Zurich
start: 2026-07-01T00:00
end: 2027-01-01T00:00:00Z
overlap: queue_one
catch_up: {window: 2h, limit: 3}
jitter: 5m
"""
SHORT = "schedule: s\nworkflow: w\n"


def problems(text: str) -> list[str]:
    return [str(mistake) for mistake in load_schedule(text, "s.yaml").mistakes]


def test_a_document_becomes_a_spec_in_which_all_is_written_out() -> None:
    spec = load_schedule(WHOLE).spec

    assert spec is not None
    assert msgspec.json.decode(msgspec.json.encode(spec)) == {
        "schedule": "nightly-report",
        "workflow": "report",
        "version": 3,
        "description": "The report of the day.",
        "input": {"site": "bern", "depth": 2},
        "time_as": "day",
        "labels": {"team": "finance"},
        "cron": ["30 2 * * *", "@monthly"],
        "timezone": "Europe/Zurich",
        "start": "2026-06-30T22:00:00.000000Z",
        "end": "2027-01-01T00:00:00.000000Z",
        "overlap": "queue_one",
        "window_s": 7200.0,
        "catch_up": 3,
        "jitter_s": 300.0,
        "every_s": None,
        "anchor": None,
        "at": [],
    }


def test_what_is_left_out_is_usual() -> None:
    spec = load_schedule(SHORT + "every: 15m\n").spec

    assert spec is not None
    assert (spec.every_s, spec.overlap, spec.window_s, spec.catch_up) == (900.0, "skip", 86400.0, 1)
    assert (spec.timezone, bytes(spec.input)) == ("UTC", b"null")


def test_catch_up_may_be_a_window_alone() -> None:
    spec = load_schedule(SHORT + "every: 1m\ncatch_up: 2h\n").spec

    assert spec is not None
    assert (spec.window_s, spec.catch_up) == (7200.0, 1)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00.000000Z"),
        ("2026-12-24T18:00:00+05:30", "2026-12-24T12:30:00.000000Z"),
        ("2026-12-24 18:00", "2026-12-24T17:00:00.000000Z"),
        ("2026-03-29T02:30", "2026-03-29T01:00:00.000000Z"),  # left out by the clocks
        ("2026-10-25T02:30", "2026-10-25T00:30:00.000000Z"),  # twice: the first
    ],
)
def test_an_instant_without_an_offset_is_in_the_time_zone(written: str, instant: str) -> None:
    spec = load_schedule(SHORT + f"timezone: Europe/Zurich\nat: '{written}'\n").spec

    assert spec is not None
    assert spec.at == [instant]


MISTAKES = {
    "nothing": ("[]", ["s.yaml:1:1: expected a mapping with the keys schedule and workflow"]),
    "no timing": (SHORT, ["s.yaml:1:1: expected a schedule to have cron, every or at"]),
    "no workflow": ("schedule: s\nevery: 1m\n", ['expected a schedule to have "workflow"']),
    "two timings": (
        SHORT + "cron: '@daily'\nevery: 1m\n",
        ['s.yaml:4:1: every: expected one of cron, every and at, but "cron" is there already'],
    ),
    "cron": (
        SHORT + 'cron: "0 25 * * *"\n',
        ["s.yaml:3:10: cron: expected the hour to be 0 to 23, but got '25'"],
    ),
    "cron in a list": (
        SHORT + "cron:\n  - '@daily'\n  - 0 0 * * frei\n",
        ["s.yaml:5:13: cron[1]: expected the day of the week"],
    ),
    "cron of no date": (
        SHORT + "cron: 0 0 30 2 *\n",
        ["s.yaml:3:7: cron: expected an expression that some date fits"],
    ),
    "no cron at all": (SHORT + "cron: []\n", ["cron: expected at least one instant"]),
    "no string": (SHORT + "cron: [5]\n", ["cron[0]: expected a cron expression (a string)"]),
    "too often": (SHORT + "every: 100ms\n", ["every: expected a duration from 1 seconds"]),
    "no duration": (SHORT + "every: 5 minutes\n", ["every: expected a duration like", "write 5m"]),
    "anchor": (
        SHORT + "cron: '@daily'\nanchor: 2026-01-01T00:00:00Z\n",
        ["anchor: expected anchor beside every"],
    ),
    "zone": (
        SHORT + "every: 1m\ntimezone: Zurich\n",
        ["timezone: expected a time zone", 'did you mean "Europe/Zurich"?'],
    ),
    "zone that is none": (SHORT + "every: 1m\ntimezone: 3\n", ["timezone: expected a time zone"]),
    "zone misspelt": (
        SHORT + "every: 1m\ntimezone: Europe/Zürich\n",
        ['did you mean "Europe/Zurich"?'],
    ),
    "instant": (SHORT + "at: tomorrow\n", ["at: expected an instant like", '"tomorrow"']),
    "date alone": (SHORT + "at: 2026-12-24\n", ["at: expected an instant like"]),
    "year": (SHORT + "at: 9999-12-24T00:00:00Z\n", ["at: expected an instant of the years"]),
    "bounds": (
        SHORT + "every: 1m\nstart: 2026-02-01T00:00:00Z\nend: 2026-01-01T00:00:00Z\n",
        ["s.yaml:5:6: end: expected the end to be after the start"],
    ),
    "expression": (
        SHORT + "every: 1m\ninput: {a: ['${{ now }}']}\n",
        ["input.a[0]: expected JSON without expressions", "time_as"],
    ),
    "time into nothing": (
        SHORT + "every: 1m\ninput: [1]\ntime_as: day\n",
        ["input: expected a mapping that time_as can be put into, but got a list"],
    ),
    "label": (
        SHORT + "every: 1m\nlabels: {schedule.time: x}\n",
        ['labels["schedule.time"]: expected another label'],
    ),
    "overlap": (SHORT + "every: 1m\noverlap: queue\n", ["overlap: expected", "queue_one"]),
    "catch up": (
        SHORT + "every: 1m\ncatch_up: {limit: 5000, windows: 1h}\n",
        ["catch_up.limit: expected a number of runs from 0 to 1000", 'did you mean "window"?'],
    ),
    "name": ("schedule: Nightly Report\nworkflow: w\nevery: 1m\n", ['write "nightly-report"']),
    "unknown": (SHORT + "every: 1m\ntimezon: UTC\n", ['did you mean "timezone"?']),
    "input too deep": (
        SHORT + "every: 1m\ninput: " + "[" * 80 + "]" * 80 + "\n",
        ["expected values nested at most"],
    ),
    "input too large": (
        SHORT + f"every: 1m\ninput: [&a {'x' * 60_000}{', *a' * 20}]\n",
        [f"input: expected at most {MAX_PAYLOAD_BYTES} bytes, but got 1260"],
    ),
    "an instant that is a number": (
        SHORT + "at: [20261224]\n",
        ["expected an instant like 2026-12-24T18:00:00Z", "but got the integer 20261224"],
    ),
    "yaml": (SHORT + "every: [\n", ["expected the document to be YAML or JSON"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_says_where_what_and_what_was_meant(case: str) -> None:
    text, expected = MISTAKES[case]

    found = "\n".join(problems(text))

    for words in expected:
        assert words in found
    assert load_schedule(text).spec is None


def test_all_mistakes_are_told_at_once() -> None:
    text = "schedule: S!\nworkflow: 3\ncron: x\nevery: y\ntimezone: z\nfoo: 1\n"

    assert len(problems(text)) >= 6


def test_a_schedule_that_never_fires_again_gets_a_warning() -> None:
    text = SHORT + "at: 2020-01-01T00:00:00Z\n"

    loaded = load_schedule(text, "s.yaml", parse_rfc3339("2026-01-01T00:00:00Z"))

    assert loaded.spec is not None
    assert [w.code for w in loaded.warnings] == ["never_fires"]
    assert load_schedule(text).warnings == []


def test_a_document_is_told_from_a_definition() -> None:
    assert is_schedule(WHOLE)
    assert not is_schedule("workflow: w\nsteps: {}\n")
    assert not is_schedule("[")


def test_the_schema_for_editors_takes_what_is_right_and_refuses_what_is_not() -> None:
    schema = json_schema()
    jsonschema_rs.meta.validate(schema)

    assert jsonschema_rs.is_valid(schema, {"schedule": "s", "workflow": "w", "every": "15m"})
    assert jsonschema_rs.is_valid(
        schema, {"schedule": "s", "workflow": "w", "cron": "@daily", "catch_up": {"limit": 2}}
    )
    assert not jsonschema_rs.is_valid(schema, {"schedule": "s", "workflow": "w"})
    assert not jsonschema_rs.is_valid(schema, {"schedule": "s", "every": "1m"})
    assert not jsonschema_rs.is_valid(
        schema, {"schedule": "s", "workflow": "w", "every": "1m", "cron": "@daily"}
    )
