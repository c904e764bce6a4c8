"""What steps with `cache` have given and is kept for equal ones: read, and purged. JSON; additive
changes only."""

from typing import Literal

import msgspec


class PurgeRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Drop what is kept, where all that is said fits. `stretto.reuse.<ns>`."""

    command: Literal["purge"] = "purge"
    task: str | None = None
    """Of this task."""
    key: str | None = None
    """Under this key."""
    workflow: str | None = None
    """What runs of this workflow gave."""
    step: str | None = None
    """What this step gave, all of its items and rounds: a path without their numbers."""
    run_id: str | None = None
    """What this run gave."""
    all: bool = False
    """Everything of the namespace: nothing else may be said then."""
    by: str | None = None
    reason: str | None = None


class Purged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request to purge."""

    purged: int
    """How many outputs were dropped."""


class KeptQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which kept outputs: where all that is said fits, as for a purge."""

    namespace: str = "default"
    task: str | None = None
    """Of this task."""
    key: str | None = None
    """Under this key."""
    workflow: str | None = None
    """What runs of this workflow gave."""
    step: str | None = None
    """What this step gave, all of its items and rounds."""
    run_id: str | None = None
    """What this run gave."""
    after: str = ""
    limit: int = 100


class KeptOutput(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step gave and equal ones may reuse; the output itself is in the history of its run."""

    task: str
    key: str
    """Steps of this key are equal; `input:` and a digest where the definition names none."""
    run_id: str
    """The run that it is of."""
    workflow: str
    step: str
    """The step that it is of."""
    bytes: int
    """Of the output."""
    kept_at: str
    """When the step completed, RFC 3339."""
    expires_at: str
    """Until when it may be reused, RFC 3339."""


class KeptPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Kept outputs in the order of task and key."""

    outputs: list[KeptOutput]
    """Those of the page."""
    count: int
    """How many there are in all that fit."""
    bytes: int
    """What these take together."""
    next: str | None = None
