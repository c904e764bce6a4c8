"""What is sent to the API about kept outputs."""

import msgspec


class PurgeBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which outputs are dropped, where all that is said fits; or `all` of the namespace. `step`:
    all of its items."""

    namespace: str = "default"
    task: str | None = None
    key: str | None = None
    workflow: str | None = None
    step: str | None = None
    run_id: str | None = None
    all: bool = False
    by: str | None = None
    reason: str | None = None
