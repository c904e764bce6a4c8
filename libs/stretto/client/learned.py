"""What the routing strategy `learned` knows of devices, and telling it to forget or stand still."""

from __future__ import annotations

from typing import Any, Literal

from stretto.client.link import Link
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode

Change = Literal["freeze", "unfreeze", "reset"]


class Learned:
    """`client.learned`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def show(self) -> dict[str, Any]:
        """Ask one instance of the decision service what it knows of this namespace: `{"instance",
        "frozen", "explore", "arms": [{"task", "device", "load", "tries", "cost_ms"}]}`.

        Raises:
            NotReachable: no instance answers.
        """
        request = {"namespace": self._link.namespace}
        return await self._link.asks.ask("decision", "learned", request, dict[str, Any])

    async def change(self, action: Change) -> None:
        """Tell every instance to freeze or unfreeze (whatever the namespace), or to forget what it
        knows of this namespace. Not acknowledged: instances that are away do not hear it."""
        change: dict[str, str] = {"action": action}
        if action == "reset":
            change["namespace"] = self._link.namespace
        await self._link.connection.publish(subjects.ROUTES_LEARNED, json_encode(change))
        await self._link.connection.flush()
