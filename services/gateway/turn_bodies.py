"""What is sent to the API about forks and migrations."""

import msgspec

from stretto.contracts.payload import NULL


class ForkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Start a run that begins where another one stood. What is left out is that run's."""

    namespace: str = "default"
    at_seq: int | None = None
    """As it stood after this event; left out: after its last."""
    step: str | None = None
    """This step, and all that needs it, is run again."""
    input: msgspec.Raw = NULL
    version: int | str | None = None
    labels: dict[str, str] = {}
    id: str | None = None
    run_id: str | None = None
    by: str | None = None
    """Who asks; where callers have tokens, it is the holder's name, whatever is said here."""
    reason: str | None = None


class MigrationsBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let open runs of a workflow follow another version."""

    namespace: str = "default"
    from_version: int | str | None = None
    """Only runs of this version; left out: of any."""
    to_version: int | str | None = None
    """Left out: the latest."""
    limit: int = 100
    """At most so many are migrated: ask again for more."""
    dry_run: bool = False
    by: str | None = None
    reason: str | None = None


class MigrationsDone(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the runs of a batch."""

    migrated: int
    """Those that follow the version now; of a dry run: that could."""
    to_version: int | None = None
    kept: dict[str, int] = {}
    """How many runs each kind of problem keeps."""
    refused: dict[str, str] = {}
    """Runs that were not migrated, each with the first reason."""
