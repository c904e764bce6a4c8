"""What can be asked about definitions, their versions and templates: reads, by any instance."""

from typing import Annotated, Any

import msgspec

from services.workflow.registry import Registry
from stretto.bus.queries import read_query
from stretto.bus.service import Handler, Refusal
from stretto.contracts.codec import json_encode
from stretto.contracts.versions import MAX_VERSION, VersionRef, parse_version
from stretto.runtime.clock import rfc3339

Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]


class DefinitionQuery(msgspec.Struct, frozen=True):
    workflow: str
    namespace: str = "default"
    version: Number | None = None
    version_label: str | None = None


class TemplateQuery(msgspec.Struct, frozen=True):
    template: str
    namespace: str = "default"
    version: Number | None = None
    version_label: str | None = None


class NamespaceQuery(msgspec.Struct, frozen=True):
    namespace: str = "default"


class VersionsQuery(msgspec.Struct, frozen=True):
    workflow: str
    namespace: str = "default"


class SourceQuery(msgspec.Struct, frozen=True):
    source: str
    file: str = "<definition>"
    namespace: str = "default"


class Catalogue:
    """The operations of `stretto.api.workflow.*` that are about definitions."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def operations(self) -> dict[str, Handler]:
        return {
            "definition": self.definition,
            "definitions": self.definitions,
            "versions": self.versions,
            "templates": self.templates,
            "template": self.template,
            "validate": self.validate,
            "expand": self.expand,
        }

    async def definition(self, data: bytes) -> bytes:
        """The source and graph of a version, of a label's, or of the latest."""
        query = read_query(DefinitionQuery, data)
        version, label = _version(query)
        found = await self._registry.source(query.namespace, query.workflow, version, label)
        if found is None:
            raise _unknown("workflow", query.workflow, label or version)
        return json_encode(_told(found))

    async def definitions(self, data: bytes) -> bytes:
        """Every workflow of a namespace with its latest version."""
        query = read_query(NamespaceQuery, data)
        listed = await self._registry.listed(query.namespace)
        return json_encode({"definitions": [_told(each) for each in listed]})

    async def versions(self, data: bytes) -> bytes:
        """Every version of a workflow, the highest first, with its labels."""
        query = read_query(VersionsQuery, data)
        listed = await self._registry.versions(query.namespace, query.workflow)
        if not listed:
            raise _unknown("workflow", query.workflow)
        return json_encode(
            {"workflow": query.workflow, "versions": [_told(each) for each in listed]}
        )

    async def templates(self, data: bytes) -> bytes:
        """Every template of a namespace with its latest version and its parameters."""
        query = read_query(NamespaceQuery, data)
        listed = await self._registry.templates.listed(query.namespace)
        return json_encode({"templates": [_told(each) for each in listed]})

    async def template(self, data: bytes) -> bytes:
        """A version of a template, of a label's, or the latest: source and parameters."""
        query = read_query(TemplateQuery, data)
        version, label = _version(query)
        reference = VersionRef(query.template, version, label)
        found = await self._registry.templates.text(query.namespace, reference)
        if found is None:
            raise _unknown("template", query.template, label or version)
        return json_encode(_told(found))

    async def validate(self, data: bytes) -> bytes:
        """The mistakes and warnings of a definition or template, without registering it."""
        query = read_query(SourceQuery, data)
        loaded = await self._registry.look_at(query.namespace, query.source, query.file)
        return json_encode({"mistakes": list(loaded.mistakes), "warnings": list(loaded.warnings)})

    async def expand(self, data: bytes) -> bytes:
        """A definition with its templates written out, or its mistakes."""
        query = read_query(SourceQuery, data)
        loaded = await self._registry.load(query.namespace, query.source, query.file)
        answer: dict[str, Any] = {
            "mistakes": list(loaded.mistakes),
            "warnings": list(loaded.warnings),
        }
        if loaded.definition is not None:
            answer["expanded"] = loaded.definition.document.data
            answer["uses"] = list(loaded.definition.uses)
        return json_encode(answer)


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """A row as it is told: instants are texts, what is not there is left out."""
    told = {key: value for key, value in found.items() if value is not None}
    told["created_at"] = rfc3339(told.pop("created_us"))
    return told


def _version(query: DefinitionQuery | TemplateQuery) -> tuple[int | None, str | None]:
    if query.version_label is None:
        return query.version, None
    try:
        if query.version is not None:
            raise ValueError("expected a version or a label, but got both")
        return parse_version(query.version_label)
    except ValueError as error:
        raise Refusal("request_invalid", str(error)) from error


def _unknown(kind: str, name: str, version: int | str | None = None) -> Refusal:
    which = "" if version is None else f" version {str(version)[:100]}"
    return Refusal(
        f"{kind}_unknown",
        f"expected {kind} {name[:100]!r}{which} to be registered, but it is not",
    )
