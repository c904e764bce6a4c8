"""Rows of the log: what one commit writes, and what is read back."""

from dataclasses import dataclass, field

import msgspec

from services.workflow.reuse.noting import Changes
from stretto.contracts.codec import decode_event
from stretto.contracts.events import Event

NEVER_US = 253_370_764_800_000_000
"""The instant (in the year 9999) of what nothing but a message will wake."""


@dataclass(slots=True)
class Append:
    """Rows of one commit, as columns. An event's `data` is JSON."""

    run_ids: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    instants_us: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    started: list["RunRow"] = field(default_factory=list)
    closed: list[tuple[bytes, str, int | None, int]] = field(default_factory=list)
    """Runs whose row changes: status, when they ended, version."""
    claimed: list[tuple[bytes, str, str, str, int, int]] = field(default_factory=list)
    """Runs that want a place: id, namespace, line, key, places, since (µs). As `claims`."""
    settled: list[bytes] = field(default_factory=list)
    """Runs of which the log knows now that they have a place."""
    left: list[bytes] = field(default_factory=list)
    """Runs that have ended and give their place away."""
    asking: list[tuple[bytes, str, str, str, str, int, int, str]] = field(default_factory=list)
    """Steps that ask for a place: run, path, namespace, line, key, places, since (µs), mode."""
    placed: list[tuple[bytes, str]] = field(default_factory=list)
    """Steps of which the log knows now that they have a place."""
    leaving: list[tuple[bytes, str]] = field(default_factory=list)
    """Steps that give their place away, or do not ask for one any more."""
    kept: Changes = field(default_factory=dict)
    """Outputs that are kept for equal steps from now on, and that are not any more."""

    def __len__(self) -> int:
        return len(self.run_ids)

    @property
    def claims(self) -> bool:
        """Whether anything of it is about places in lines."""
        return bool(self.claimed or self.settled or self.left) or self.places

    @property
    def places(self) -> bool:
        """Whether anything of it is about places of steps."""
        return bool(self.asking or self.placed or self.leaving)


class RunRow(msgspec.Struct, kw_only=True):
    """A row of `workflow.run`: enough to fold the run, and to find it."""

    run_id: bytes
    shard: int
    namespace: str
    workflow: str
    version: int
    caller_id: str | None
    started_us: int
    status: str = "running"
    closed_us: int | None = None
    parked: bool = False
    """Whether `wake_at` may be set: the next commit of the run has to clear it."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    seq: int
    type: str
    at_us: int
    data: bytes

    def decoded(self) -> Event:
        return decode_event(self.type, self.data)
