"""What the places of a schedule hold that a definition has not: cron, instants, time zones."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import available_timezones

from stretto.contracts.payload import payload_problem
from stretto.definition.limits import MAX_LABELS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, Scalar, describe, quoted
from stretto.definition.positions import Inside
from stretto.definition.shapes import Schema, json_of, wrong_type
from stretto.schedule.cron import MAX_CRON_CHARS, parse_cron
from stretto.schedule.cron_fields import CronError
from stretto.schedule.zones import MAX_ZONE_CHARS, zone_of

MIN_INTERVAL_S = 1.0
"""More often than once a second is work for a loop, not for a schedule."""

MAX_CATCH_UP = 1_000
"""Runs that may be started at once after a time of silence."""

MAX_CRONS = 20
MAX_INSTANTS = 1_000
"""Single instants of one schedule: more are a table, and belong into a workflow's input."""

MAX_SCHEDULE_LABELS = MAX_LABELS - 2
"""Two labels are the schedule's own."""

MIN_YEAR, MAX_YEAR = 1970, 9000
"""Beyond it other parts of the world's software give up first."""


class WrittenInstant(NamedTuple):
    """An instant as it was written; without an offset it is in the schedule's time zone."""

    moment: datetime


class CronText:
    """A cron expression."""

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            wrong_type(node, path, report, "a cron expression (a string)")
            return None
        try:
            parse_cron(value)
        except CronError as error:
            report.mistake(Inside(node, error.offset), path, "bad_value", error.message, error.hint)
            return None
        return value

    def schema(self) -> Schema:
        return {
            "type": "string",
            "maxLength": MAX_CRON_CHARS,
            "examples": ["30 8 * * mon-fri", "*/15 * * * *", "0 0 L * *", "@daily"],
        }


class InstantText:
    """An instant: RFC 3339, or a local time without an offset."""

    def read(self, node: Node, path: Path, report: Report) -> WrittenInstant | None:
        value = node.value if isinstance(node, Scalar) else None
        moment = None
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                moment = None  # told below
        if moment is None or len(str(value)) <= len("2026-12-24"):
            report.mistake(
                node,
                path,
                "bad_value",
                "expected an instant like 2026-12-24T18:00:00Z, or without an offset in the "
                f"schedule's time zone, but got {describe(node)}",
            )
            return None
        if not MIN_YEAR < moment.year < MAX_YEAR:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected an instant of the years {MIN_YEAR + 1} to {MAX_YEAR - 1}, "
                f"but got {describe(node)}",
            )
            return None
        return WrittenInstant(moment)

    def schema(self) -> Schema:
        return {
            "type": "string",
            "examples": ["2026-12-24T18:00:00Z", "2026-12-24T18:00:00+01:00", "2026-12-24T18:00"],
        }


class Zone:
    """A time zone of the IANA database."""

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            wrong_type(node, path, report, "a time zone (a string)")
            return None
        try:
            zone_of(value)
        except ValueError:
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected a time zone like Europe/Zurich or UTC, but got {quoted(value)}",
                self._meant(value, report),
            )
            return None
        return value

    def _meant(self, value: str, report: Report) -> str:
        zones = available_timezones()
        last = value.rpartition("/")[2].replace(" ", "_").lower()
        same = sorted(zone for zone in zones if zone.rpartition("/")[2].lower() == last)
        return f"did you mean {quoted(same[0])}?" if same else report.meant(value, zones)

    def schema(self) -> Schema:
        return {
            "type": "string",
            "maxLength": MAX_ZONE_CHARS,
            "examples": ["UTC", "Europe/Zurich", "America/New_York"],
        }


class Input:
    """Any JSON within the limits of a payload; expressions are looked for by who reads it all."""

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        problem = payload_problem(json_of(node))
        if problem is not None:
            report.mistake(node, path, "too_large", problem)
            return None
        return node

    def schema(self) -> Schema:
        return {"description": "any JSON"}
