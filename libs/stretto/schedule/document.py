"""A document `schedule: name` → its spec, or every mistake of it in one pass."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from stretto.contracts.bounds import MAX_LABEL_CHARS
from stretto.contracts.schedules import (
    DEFAULT_CATCH_UP,
    DEFAULT_WINDOW_S,
    LABEL_SCHEDULE,
    LABEL_TIME,
    ScheduleSpec,
)
from stretto.contracts.subjects import NAME_PATTERN
from stretto.definition.container_shapes import ListOf, MapOf, Placed, Record, Short
from stretto.definition.durations import Duration
from stretto.definition.limits import MAX_NAME_CHARS
from stretto.definition.mistakes import Mistake, Report
from stretto.definition.nodes import Mapping, Node, Scalar, describe, quoted, strings_in
from stretto.definition.policies import LABEL_NAME, WORKFLOW_NAME
from stretto.definition.positions import Inside
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.scalar_shapes import Choice, Name, Number, Text
from stretto.definition.shapes import Field, Located, Schema, json_of, wrong_type
from stretto.definition.steps import DESCRIPTION
from stretto.definition.yaml_reader import read
from stretto.runtime.clock import instant_of, rfc3339
from stretto.schedule.fields import (
    MAX_CATCH_UP,
    MAX_CRONS,
    MAX_INSTANTS,
    MAX_SCHEDULE_LABELS,
    MIN_INTERVAL_S,
    CronText,
    Input,
    InstantText,
    WrittenInstant,
    Zone,
)
from stretto.schedule.timing import Timing
from stretto.schedule.zones import instant_of_local, zone_of

_SCHEDULE_NAME = Name(
    "the name of a schedule", NAME_PATTERN, WORKFLOW_NAME.rule, WORKFLOW_NAME.repair
)
_FIELD_NAME = Text("the name of a field of the input", MAX_NAME_CHARS)


def _catch_up(**values: Any) -> tuple[float, int]:
    return values.get("window", DEFAULT_WINDOW_S), int(values.get("limit", DEFAULT_CATCH_UP))


CATCH_UP = Short(
    Record(
        "catch_up (a mapping)",
        _catch_up,
        {
            "window": Field(Duration(0.0), "How long ago an instant may have been missed."),
            "limit": Field(
                Number("a number of runs", 0, MAX_CATCH_UP, whole=True),
                "How many are made up for at most, the latest ones.",
            ),
        },
    ),
    Duration(0.0),
    lambda window: (window, DEFAULT_CATCH_UP),
)

OVERLAP = Choice(
    "what happens when a run of the schedule is open still",
    {
        "skip": "The instant is left out. The default.",
        "queue_one": "One waits until nothing is open; further ones are left out.",
        "queue_all": "All wait, and run one after the other.",
        "cancel": "What is open is cancelled, with its compensations; then the run starts.",
        "terminate": "What is open is ended at once; then the run starts.",
        "allow": "The run starts beside it.",
    },
)

FIELDS: dict[str, Field] = {
    "schedule": Field(_SCHEDULE_NAME, "The name of the schedule.", required=True),
    "description": Field(DESCRIPTION, "What the schedule is for."),
    "workflow": Field(WORKFLOW_NAME, "What it starts.", required=True),
    "version": Field(
        Number("a version", 1, 2**31 - 1, whole=True),
        "Of the workflow; left out: the latest when a run is started.",
    ),
    "input": Field(Input(), "What each run works on: JSON, without expressions."),
    "time_as": Field(_FIELD_NAME, "The field of the input that gets the instant (RFC 3339)."),
    "labels": Field(
        MapOf(
            "labels (a mapping of strings)",
            LABEL_NAME,
            Text("a string", MAX_LABEL_CHARS, empty=True),
            MAX_SCHEDULE_LABELS,
        ),
        "Labels of each run, beside `schedule` and `schedule.time`.",
    ),
    "cron": Field(
        ListOf("a cron expression or a list of them", Placed(CronText()), MAX_CRONS, lone=True),
        "minute hour day month weekday; six fields: seconds first; or @daily and its like.",
    ),
    "every": Field(Placed(Duration(MIN_INTERVAL_S)), "An interval, counted from `anchor`."),
    "anchor": Field(Placed(InstantText()), "Where intervals are counted from. Default 1970, UTC."),
    "at": Field(
        ListOf("an instant or a list of them", Placed(InstantText()), MAX_INSTANTS, lone=True),
        "Single instants.",
    ),
    "timezone": Field(Zone(), "Where times are read that say no offset. Default UTC."),
    "start": Field(Placed(InstantText()), "No instant before this."),
    "end": Field(Placed(InstantText()), "No instant from this on."),
    "overlap": Field(OVERLAP, "What happens when a run of the schedule is open still."),
    "catch_up": Field(CATCH_UP, "Which missed instants are made up for. Default 1d, limit 1."),
    "jitter": Field(Duration(0.0), "Runs start up to so much later, each always the same."),
}

_TIMINGS = ("cron", "every", "at")


class LoadedSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """What a text turned out to be. `spec` is None exactly if there are mistakes."""

    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    spec: ScheduleSpec | None = None
    target_at: tuple[int, int] = (1, 1)
    """Where the workflow is named: line and column, from 1."""


def is_schedule(text: str) -> bool:
    """Tell whether a document is meant to be a schedule: it has the key `schedule` at the top."""
    node = read(text, Report("<document>"))
    return isinstance(node, Mapping) and "schedule" in node.entries


def load_schedule(text: str, file: str = "<schedule>", now_us: int | None = None) -> LoadedSchedule:
    """Read and check a schedule in YAML or JSON. Never raises for any text.

    `now_us`: a schedule that never fires after this instant gets a warning.
    """
    report = Report(file)
    node = read(text, report)
    spec = None if node is None else _read(node, report)
    if spec is None or report.count:
        return LoadedSchedule(mistakes=report.mistakes(), warnings=report.warnings())
    assert isinstance(node, Mapping)
    if now_us is not None and Timing(spec).next(now_us) is None:
        report.warn(node, (), "never_fires", "expected an instant to come, but all are past")
    place = node.entries["workflow"].position
    return LoadedSchedule(
        spec=spec, warnings=report.warnings(), target_at=(place.line, place.column)
    )


def json_schema() -> Schema:
    """Write the JSON Schema (2020-12) of a schedule, for editors; `load_schedule` checks more."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stretto schedule",
        "description": "What starts runs of a workflow by the clock.",
        **record_schema(FIELDS),
        "oneOf": [{"required": [name]} for name in _TIMINGS],
    }


def _read(node: Node, report: Report) -> ScheduleSpec | None:
    if not isinstance(node, Mapping):
        wrong_type(node, (), report, "a mapping with the keys schedule and workflow")
        return None
    unknown_keys(node, (), report, FIELDS)
    values, complete = read_fields(node, (), report, FIELDS, "a schedule")
    _check_timing(node, report)
    _check_input(node, values, report)
    _check_labels(node, values, report)
    if not complete or report.count:
        return None
    spec = _spec(values)
    _check_bounds(node, values, spec, report)
    return None if report.count else spec


def _check_timing(node: Mapping, report: Report) -> None:
    given = [name for name in _TIMINGS if name in node.entries]
    if not given:
        report.mistake(
            node, (), "missing", "expected a schedule to have cron, every or at, but it has none"
        )
    for name in given[1:]:
        report.mistake(
            node.key(name),
            (name,),
            "bad_value",
            f"expected one of cron, every and at, but {quoted(given[0])} is there already",
        )
    if "anchor" in node.entries and "every" not in node.entries:
        report.mistake(
            node.key("anchor"), ("anchor",), "bad_value",
            "expected anchor beside every, but that is not there",
        )  # fmt: skip
    for name in ("cron", "at"):
        entry = node.entries.get(name)
        if entry is not None and not entry.data:
            report.mistake(
                entry, (name,), "bad_value",
                f"expected at least one instant, but got {describe(entry)}",
            )  # fmt: skip


def _check_input(node: Mapping, values: dict[str, Any], report: Report) -> None:
    given: Node | None = node.entries.get("input")
    if given is None:
        return
    for scalar, path in strings_in(given, ("input",)):
        if "${{" in str(scalar.value):
            report.mistake(
                scalar, path, "bad_value",
                "expected JSON without expressions: nothing is there yet to compute from",
                "the instant comes with time_as, and in the label schedule.time",
            )  # fmt: skip
    if "time_as" in values and not isinstance(given, Mapping):
        report.mistake(
            given, ("input",), "wrong_type",
            f"expected a mapping that time_as can be put into, but got {describe(given)}",
        )  # fmt: skip


def _check_labels(node: Mapping, values: dict[str, Any], report: Report) -> None:
    labels = node.entries.get("labels")
    for name in (LABEL_SCHEDULE, LABEL_TIME):
        if isinstance(labels, Mapping) and name in labels.entries:
            report.mistake(
                labels.key(name), ("labels", name), "bad_name",
                f"expected another label than {quoted(name)}: every run of a schedule gets that",
            )  # fmt: skip


def _spec(values: dict[str, Any]) -> ScheduleSpec:
    timezone = values.get("timezone", "UTC")

    def instant(name: str) -> str | None:
        found: Located[WrittenInstant] | None = values.get(name)
        return None if found is None else _utc(found.value, timezone)

    window_s, limit = values.get("catch_up", (DEFAULT_WINDOW_S, DEFAULT_CATCH_UP))
    every = values.get("every")
    given: Node | None = values.get("input")
    return ScheduleSpec(
        schedule=values["schedule"],
        workflow=values["workflow"],
        version=values.get("version"),
        description=values.get("description"),
        input=msgspec.Raw(b"null" if given is None else json_of(given)),
        time_as=values.get("time_as"),
        labels=values.get("labels", {}),
        cron=[" ".join(found.value.split()) for found in values.get("cron", [])],
        every_s=None if every is None else every.value,
        anchor=instant("anchor"),
        at=[_utc(found.value, timezone) for found in values.get("at", [])],
        timezone=timezone,
        start=instant("start"),
        end=instant("end"),
        overlap=values.get("overlap", "skip"),
        window_s=window_s,
        catch_up=limit,
        jitter_s=values.get("jitter", 0.0),
    )


def _utc(written: WrittenInstant, timezone: str) -> str:
    moment = written.moment
    if moment.tzinfo is None:
        moment = instant_of_local(moment, zone_of(timezone))
    return rfc3339(instant_of(moment.astimezone(UTC)))


def _check_bounds(
    node: Mapping, values: dict[str, Any], spec: ScheduleSpec, report: Report
) -> None:
    if spec.start is not None and spec.end is not None and spec.end <= spec.start:
        report.mistake(
            node.entries["end"], ("end",), "bad_value",
            f"expected the end to be after the start ({spec.start}), but it is {spec.end}",
        )  # fmt: skip
        return
    for found in values.get("cron", []):
        alone = msgspec.structs.replace(spec, cron=[found.value], start=None, end=None)
        if Timing(alone).next(_SOME_INSTANT_US) is None:
            at = Inside(found.node, 0) if isinstance(found.node, Scalar) else found.node
            report.mistake(
                at, found.path, "bad_value",
                "expected an expression that some date fits, but none in ten years does",
            )  # fmt: skip


_SOME_INSTANT_US = instant_of(datetime(2024, 1, 1, tzinfo=UTC))
"""Where a date that fits is looked for: what a document is does not depend on when it is read."""
