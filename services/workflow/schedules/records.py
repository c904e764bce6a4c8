"""A schedule and its firings as the tables have them. Instants are microseconds since the epoch."""

import zlib
from enum import StrEnum

import msgspec

from stretto.contracts.ids import SHARDS, uuid7
from stretto.contracts.schedules import ScheduleSpec
from stretto.runtime.clock import rfc3339

Key = tuple[str, str]
"""Namespace and name of a schedule."""


class FiringStatus(StrEnum):
    """Where a firing is; see the diagram of the package."""

    WAITING = "waiting"
    STARTING = "starting"
    STARTED = "started"
    ENDED = "ended"
    SKIPPED = "skipped"
    MISSED = "missed"
    REFUSED = "refused"


OPEN = (FiringStatus.STARTING, FiringStatus.STARTED)
"""Its run is open, or about to be."""

UNSERVED = (FiringStatus.SKIPPED, FiringStatus.MISSED, FiringStatus.REFUSED)
"""It came to no run: a backfill may make up for it."""


class Cause(StrEnum):
    """Why a schedule fired."""

    TIME = "time"
    CATCH_UP = "catch_up"
    TRIGGER = "trigger"
    BACKFILL = "backfill"


ASKED_FOR = (Cause.TRIGGER, Cause.BACKFILL)
"""A person asked for it: it is carried out also while the schedule is paused."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `workflow.schedule`."""

    namespace: str
    name: str
    shard: int
    revision: int
    """Changes so far."""
    turn: int
    """Commits so far: compared and set by each."""
    spec: ScheduleSpec
    source: str
    created_us: int
    changed_us: int
    covered_us: int
    """Every instant up to here has been decided about."""
    next_us: int | None = None
    """The instant after that."""
    due_us: int | None = None
    """When its run is to be started; None: nothing is to be done by the clock."""
    paused_us: int | None = None
    paused_by: str | None = None
    paused_reason: str | None = None
    removed_us: int | None = None

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @property
    def status(self) -> str:
        """Say in a word whether it fires."""
        if self.removed_us is not None:
            return "removed"
        if self.paused_us is not None:
            return "paused"
        return "active" if self.next_us is not None else "spent"


class Firing(msgspec.Struct, kw_only=True):
    """A row of `workflow.schedule_firing`. `was`: the status that the table has still."""

    namespace: str
    name: str
    id: str
    shard: int
    instant_us: int
    cause: str
    overlap: str
    status: str
    decided_us: int
    run_id: bytes
    workflow: str
    request: bytes | None = None
    """The start request, while it is not known to be carried out."""
    sent_us: int | None = None
    ending: str | None = None
    """`cancel` or `terminate`: its run has to make room."""
    told: bool = False
    """The run was told, and has answered."""
    ended_us: int | None = None
    outcome: str | None = None
    reason: str | None = None
    count: int = 1
    until_us: int | None = None
    was: str | None = None

    @property
    def key(self) -> Key:
        return self.namespace, self.name


def shard_of_schedule(namespace: str, name: str) -> int:
    """Tell which of the shards of the workflow service a schedule belongs to."""
    return zlib.crc32(f"{namespace}:{name}".encode()) & (SHARDS - 1)


def firing_id(name: str, instant_us: int, suffix: str = "") -> str:
    """Build the caller's key of a run: `schedule:nightly:2026-11-22T03:00:00Z`, and what tells
    further runs of the same instant apart."""
    text = rfc3339(instant_us)
    return f"schedule:{name}:{text.replace('.000000Z', 'Z')}{suffix}"


def run_of_firing(namespace: str, firing: str, decided_us: int) -> bytes:
    """Make the run id of a firing. Its time is when the run is started, not the instant that it is
    for: runs are kept, and leave, by the time in their ids."""
    return uuid7(decided_us // 1_000, f"{namespace}:{firing}".encode())
