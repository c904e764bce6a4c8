"""Versions, labels and templates, from a client: `client.catalogue`."""

from __future__ import annotations

from typing import Any

import msgspec

from stretto.client.answered import ask_for
from stretto.client.asking import Asks
from stretto.client.starting import version_of
from stretto.contracts.catalogue import (
    Expansion,
    Templates,
    TemplateSummary,
    TemplateText,
    Versions,
    VersionSummary,
)
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Labelled, LabelRequest
from stretto.contracts.versions import VersionRef, parse_ref

_decode_labelled = msgspec.json.Decoder(Labelled).decode


class Catalogue:
    """What is registered in a namespace.

    All raise `Rejected` for what is refused and `NotReachable` when nobody answers.
    """

    def __init__(self, asks: Asks, namespace: str) -> None:
        self._asks = asks
        self._namespace = namespace

    async def versions(self, workflow: str) -> list[VersionSummary]:
        """List the versions of a workflow, the highest first, with their labels."""
        request = {"namespace": self._namespace, "workflow": workflow}
        return (await self._asks.ask("workflow", "versions", request, Versions)).versions

    async def templates(self) -> list[TemplateSummary]:
        """List the templates, each with its latest version and its parameters."""
        request = {"namespace": self._namespace}
        return (await self._asks.ask("workflow", "templates", request, Templates)).templates

    async def template(self, name: str, version: int | str | None = None) -> TemplateText:
        """Give one version of a template; `version` may be a label, None is the latest."""
        number, label = version_of(version)
        request = {
            "namespace": self._namespace,
            "template": name,
            "version": number,
            "version_label": label,
        }
        return await self._asks.ask("workflow", "template", request, TemplateText)

    async def expand(self, source: str, file: str = "<definition>") -> Expansion:
        """Write out the templates of a definition, without registering it."""
        request = {"namespace": self._namespace, "source": source, "file": file}
        return await self._asks.ask("workflow", "expand", request, Expansion)

    async def label(
        self, name: str, version: int | None, label: str, *, template: bool = False
    ) -> Labelled:
        """Let a label point to a version of a workflow or template; None takes the label away."""
        request = LabelRequest(
            label=label,
            version=version,
            workflow=None if template else name,
            template=name if template else None,
        )
        return await self.apply_label(json_encode(request).decode())

    async def apply_label(self, source: str) -> Labelled:
        """Set or take away a label as its document says (YAML or JSON)."""
        return _decode_labelled(await ask_for(self._asks, self._namespace, source.encode()))


def instance_of(reference: str, parameters: dict[str, Any], name: str | None = None) -> str:
    """Write the definition of a workflow that is a template with its parameters, as JSON.

    Args:
        reference: `charge`, `charge@2`, `charge@stable`.
        name: of the workflow; None: that of the template.

    Raises:
        ValueError: no such reference.
    """
    ref: VersionRef = parse_ref(reference)
    document = {"workflow": name or ref.name, "use": str(ref), "with": parameters}
    return msgspec.json.encode(document).decode()
