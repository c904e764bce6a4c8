"""Schedules on the bus: what is asked of them, what they are, what became of each instant.

Additive changes only; instants are RFC 3339 in UTC.
"""

from typing import Any, Literal

import msgspec

from stretto.contracts.payload import NULL

ScheduleCommand = Literal["apply", "pause", "resume", "remove", "trigger", "backfill"]

Overlap = Literal["skip", "queue_one", "queue_all", "cancel", "terminate", "allow"]
OVERLAPS: tuple[str, ...] = ("skip", "queue_one", "queue_all", "cancel", "terminate", "allow")

DAY_S = 86_400.0
DEFAULT_WINDOW_S = DAY_S
DEFAULT_CATCH_UP = 1

LABEL_SCHEDULE = "schedule"
LABEL_TIME = "schedule.time"
"""Labels of every run that a schedule starts: its name, and the instant that the run is for."""


class ScheduleSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as it was applied, written out: one of `cron`, `every_s` and `at` is there."""

    schedule: str
    """Its name."""
    workflow: str
    """What it starts."""
    version: int | None = None
    """Of the workflow; left out: the latest when a run is started."""
    description: str | None = None
    input: msgspec.Raw = NULL
    """What each run works on."""
    time_as: str | None = None
    """The field of the input that gets the instant."""
    labels: dict[str, str] = {}
    cron: list[str] = []
    """Cron expressions; an instant of any of them counts once."""
    every_s: float | None = None
    """An interval in seconds, counted from `anchor`."""
    anchor: str | None = None
    """Left out: 1970-01-01T00:00:00Z, so that 15 minutes are the quarters of the hour."""
    at: list[str] = []
    """Single instants."""
    timezone: str = "UTC"
    """Where the cron expressions are read: a name of the IANA database."""
    start: str | None = None
    """No instant before this."""
    end: str | None = None
    """No instant from this on."""
    overlap: Overlap = "skip"
    """What happens when a run of the schedule is open still."""
    window_s: float = DEFAULT_WINDOW_S
    """An instant that was missed longer ago than this is not made up for."""
    catch_up: int = DEFAULT_CATCH_UP
    """How many missed instants are made up for at most, the latest ones."""
    jitter_s: float = 0.0
    """A run is started up to so much later than its instant, always the same for the same one."""


class ScheduleRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stretto.schedules.<ns>`: change a schedule, or let it fire. Fields belong to the command."""

    command: ScheduleCommand
    name: str | None = None
    """Which schedule; for `apply` the document says it."""
    source: str | None = None
    """`apply`: the document, YAML or JSON in a string."""
    by: str | None = None
    """Who asks."""
    reason: str | None = None
    """Why, for people and the history."""
    overlap: Overlap | None = None
    """`trigger`, `backfill`: other than the schedule's own (`backfill`: `queue_all`)."""
    start: str | None = None
    """`backfill`: the first instant of the range, RFC 3339."""
    end: str | None = None
    """`backfill`: the last instant of the range, RFC 3339; not after now."""
    again: bool = False
    """`backfill`: also the instants that had a run."""


class Scheduled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a request that was carried out."""

    schedule: str
    """Its name."""
    command: str
    revision: int
    """Grows with every change of the schedule."""
    created: bool = False
    """`apply`: there was none of that name."""
    changed: bool = True
    """`apply`: False when it was just so already."""
    next: str | None = None
    """The instant that comes next."""
    run_id: str | None = None
    """`trigger`: the run."""
    status: str | None = None
    """`trigger`: `starting`, `waiting` or `skipped`."""
    firings: int = 0
    """`backfill`: how many instants are made up for."""
    skipped: int = 0
    """`backfill`: how many had a run already, or may not overlap."""
    warnings: list[dict[str, Any]] = []
    """`apply`: what is allowed and probably not meant."""


class Firing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instant that a schedule came to, and what became of it."""

    id: str
    """The caller's key of the run: `schedule:<name>:<instant>`."""
    instant: str
    """What it is for."""
    cause: str
    """`time`, `catch_up`, `trigger` or `backfill`."""
    status: str
    """`waiting`, `starting`, `started`, `ended`, `skipped`, `missed` or `refused`."""
    decided_at: str
    """When it was decided what becomes of it."""
    run_id: str | None = None
    outcome: str | None = None
    """How the run ended."""
    reason: str | None = None
    """Why it was skipped, missed or refused."""
    count: int = 1
    """`missed`: how many instants this stands for, from `instant` to `until`."""
    until: str | None = None


class ScheduleChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of a schedule, as it is kept for ever."""

    number: int
    """From 1, without gaps."""
    at: str
    command: str
    by: str | None = None
    reason: str | None = None


class ScheduleSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule in a list."""

    schedule: str
    """Its name."""
    namespace: str
    workflow: str
    status: str
    """`active`, `paused`, `spent` (no instant is left) or `removed`."""
    timing: str
    """When it fires, in words."""
    timezone: str = "UTC"
    """Where its cron expressions are read."""
    overlap: str = "skip"
    """What happens when a run of it is open still."""
    next: str | None = None
    """The instant that comes next."""
    description: str | None = None
    paused_by: str | None = None
    """Who paused it."""
    paused_reason: str | None = None
    """Why it is paused."""
    last: Firing | None = None
    """What came last."""


class SchedulesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which schedules: those of a namespace, in the order of their names."""

    namespace: str = "default"
    after: str = ""
    """The `next` of the page before."""
    limit: int = 100


class SchedulePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page of schedules."""

    schedules: list[ScheduleSummary]
    """In the order of their names."""
    next: str | None = None


class ScheduleQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which schedule."""

    name: str
    namespace: str = "default"
    firings: int = 20
    """How many of the latest firings, and of the latest changes."""


class ScheduleView(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule with what it does next, what it did, and who changed it."""

    schedule: ScheduleSummary
    """The same as in a list."""
    spec: ScheduleSpec
    """The document, written out."""
    source: str
    """The document as it was applied."""
    revision: int
    """Grows with every change."""
    created_at: str
    changed_at: str
    """When it was changed last."""
    upcoming: list[str] = []
    """The instants that come next."""
    firings: list[Firing] = []
    """The latest first."""
    changes: list[ScheduleChange] = []
    """The latest first."""


class PreviewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which schedule (`name`), or of which document (`source`)."""

    name: str | None = None
    namespace: str = "default"
    source: str | None = None
    """A document, YAML or JSON, that need not be applied."""
    count: int = 10
    after: str | None = None
    """RFC 3339; left out: from now on."""


class PreviewInstant(msgspec.Struct, frozen=True, kw_only=True):
    """One instant to come."""

    instant: str
    """What the run is for."""
    local: str
    """The same in the time zone of the schedule, with its offset."""
    starts_at: str
    """When its run is started: the instant and its jitter."""


class Preview(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The instants that come next; fewer than asked for when there are no more."""

    instants: list[PreviewInstant]
    """In order."""
    timezone: str
    """Where `local` is."""
    mistakes: list[dict[str, Any]] = []
    """Of the document; then there are no instants."""
