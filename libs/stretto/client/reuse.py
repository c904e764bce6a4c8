"""What steps with `cache` have given, from a client: listed and purged."""

from __future__ import annotations

from typing import Any

from stretto.bus.publisher import Outgoing
from stretto.client.answered import Answered
from stretto.client.asking import Asks
from stretto.contracts import subjects
from stretto.contracts.codec import decode_purged, json_encode
from stretto.contracts.reuse import KeptPage, KeptQuery, PurgeRequest


class KeptOutputs:
    """The outputs that a namespace keeps for equal steps: `client.cache`.

    Which ones: `task`, `key`, `workflow`, `step` (all of its items), `run_id`; where all that is
    said fits. All raise `Rejected` for what is refused and `NotReachable` when nobody answers.
    """

    def __init__(self, answered: Answered, asks: Asks, namespace: str) -> None:
        self._answered = answered
        self._asks = asks
        self._namespace = namespace

    async def list(self, *, after: str = "", limit: int = 100, **which: str | None) -> KeptPage:
        """Give a page of what is kept, without the outputs, in the order of task and key."""
        query = KeptQuery(namespace=self._namespace, after=after, limit=limit, **which)
        return await self._asks.ask("workflow", "kept", query, KeptPage)

    async def purge(self, **which: Any) -> int:
        """Drop what is kept; how many outputs. `all=True`: everything of the namespace. `by`,
        `reason`: who wants it, and why; they are kept."""
        request = PurgeRequest(**which)
        message = Outgoing(subjects.reuse(self._namespace), json_encode(request))
        return decode_purged(await self._answered.send(message)).purged
