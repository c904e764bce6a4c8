"""What is sent to the API about schedules."""

import msgspec

from stretto.contracts.schedules import Overlap


class ScheduleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A schedule, as YAML in a string; who applies it and why."""

    source: str
    namespace: str = "default"
    by: str | None = None
    reason: str | None = None


class ScheduleActionBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a schedule is to do. `start` and `end` (RFC 3339) are the range of a backfill."""

    namespace: str = "default"
    by: str | None = None
    reason: str | None = None
    overlap: Overlap | None = None
    start: str | None = None
    end: str | None = None
    again: bool = False
