"""What a client does with definitions, and what it asks about queues and devices."""

from __future__ import annotations

from typing import Any

import msgspec

from stretto.client.answered import define
from stretto.client.link import Linked
from stretto.client.starting import version_of
from stretto.contracts.answers import DefinitionSummary, LinePage, LineView, QueuePage, QueueView
from stretto.contracts.public import Defined, Presence


class _Definitions(msgspec.Struct):
    definitions: list[DefinitionSummary] = []


class PresentDevice(Presence, frozen=True, kw_only=True, omit_defaults=True):
    """A worker or device that is present: what it says of itself, and what is seen of it."""

    seen_at: str | None = None
    """When it was heard last, RFC 3339."""
    twice: bool = False
    """Two processes say that they are it: each does its attempts."""


class _Devices(msgspec.Struct):
    devices: list[PresentDevice] = []


class _Mistakes(msgspec.Struct):
    mistakes: list[dict[str, Any]] = []


class DefinitionQuestions(Linked):
    """Registers and reads definitions, and asks who is there to carry them out.

    Whatever is asked, NotReachable is raised when nobody who knows has answered within 5 s.
    """

    async def register(self, source: str) -> Defined:
        """Register a definition (YAML). The same one again gives the version that it has.

        Raises:
            DefinitionMistakes: it was refused; all its mistakes with their places.
            NotReachable: the workflow service did not answer in time.
        """
        return await define(self._link.asks, self.namespace, source)

    async def validate(self, source: str) -> list[dict[str, Any]]:
        """Give the mistakes of a definition (YAML) without registering it; empty: there are none.

        Each is `{"path", "line", "column", "reason", "code", "suggestion"?}`, lines and columns
        from 1.
        """
        answer = await self._link.asks.ask("workflow", "validate", {"source": source}, _Mistakes)
        return answer.mistakes

    async def definitions(self) -> list[DefinitionSummary]:
        """List the workflows of the namespace, each with its latest version."""
        request = {"namespace": self.namespace}
        answer = await self._link.asks.ask("workflow", "definitions", request, _Definitions)
        return answer.definitions

    async def definition(self, workflow: str, version: int | str | None = None) -> dict[str, Any]:
        """Give one definition: `{"workflow", "version", "source", "graph", "created_at", "uses",
        "expanded"?}`; `version` may be a label, None is the latest.

        Raises:
            Rejected: there is no such workflow, version or label.
        """
        request: dict[str, Any] = {"namespace": self.namespace, "workflow": workflow}
        request["version"], request["version_label"] = version_of(version)
        return await self._link.asks.ask("workflow", "definition", request, dict[str, Any])

    async def queues(self) -> list[QueueView]:
        """List the queues of all namespaces: attempts that wait and that are out, workers, their
        slots."""
        return (await self.queue_page()).queues

    async def queue_page(self) -> QueuePage:
        """List the queues, the tasks that attempts wait for and nobody present does, resources, and
        keys whose rate is waited for."""
        return await self._link.asks.ask("execution", "queues", {}, QueuePage)

    async def lines(self) -> list[LineView]:
        """List the keys of `concurrency` of the namespace whose places are waited for."""
        asks, request = self._link.asks, {"namespace": self.namespace}
        return (await asks.ask("workflow", "lines", request, LinePage)).lines

    async def devices(self) -> list[PresentDevice]:
        """List the workers and devices that are present."""
        return (await self._link.asks.ask("execution", "devices", {}, _Devices)).devices
