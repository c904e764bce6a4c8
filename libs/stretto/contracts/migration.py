"""Answers about migrations: may runs follow another version of their workflow, and what changes."""

import msgspec


class MigrationQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which run, to which version."""

    run_id: str
    version: int | str | None = None
    """A number or a label; left out: the latest."""


class MigrationsQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which open runs of a workflow, to which version; a page at a time, by run id."""

    workflow: str
    namespace: str = "default"
    from_version: int | str | None = None
    """The version that the runs follow; left out: any."""
    to_version: int | str | None = None
    """A number or a label; left out: the latest."""
    after: str | None = None
    """The `next` of the page before."""
    limit: int = 500


class MigrationFinding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason against a migration, or a change that it makes."""

    code: str
    step: str
    """The path of the step; empty: the run."""
    message: str


class MigrationView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The dry run of one migration."""

    run_id: str
    workflow: str
    from_version: int
    to_version: int
    possible: bool
    """Whether there is no problem."""
    problems: list[MigrationFinding] = []
    """What keeps the run."""
    changes: list[MigrationFinding] = []
    """What would be otherwise, where it is possible."""


class MovableRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An open run that may follow the version, or, with `problems`, may not."""

    run_id: str
    from_version: int
    problems: list[MigrationFinding] = []
    """What keeps it; empty: nothing."""


class MigrationPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The dry run of many migrations."""

    workflow: str
    to_version: int
    runs: list[MovableRun]
    """Open runs that follow another version."""
    reasons: dict[str, int] = {}
    """How many runs each kind of problem keeps."""
    next: str | None = None
    """The `after` of the following page; left out: there is none."""
