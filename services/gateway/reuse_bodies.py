"""What is sent to the API about kept outputs."""

from stretto.contracts.reuse import PurgeRequest


class PurgeBody(PurgeRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which outputs are dropped, where all that is said fits; or `all` of the namespace. `step`:
    all of its items."""

    namespace: str = "default"
