"""Templates: registered once, immutable, found by name and version when a definition uses them."""

import asyncio
from hashlib import sha256
from typing import Any

import msgspec

from services.workflow.labels import Labels, Named
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.public import Defined, Refused
from stretto.contracts.versions import LATEST, VersionRef, parse_ref
from stretto.definition.limits import MAX_TEMPLATE_DEPTH
from stretto.definition.mistakes import Report
from stretto.definition.templates import (
    Library,
    LoadedTemplate,
    Template,
    load_template,
    outline,
    read_template,
)
from stretto.definition.templates.outline import uses_in
from stretto.definition.yaml_reader import read
from stretto.postgres import Database
from stretto.postgres.errors import Conflict

MAX_TRIES = 10
"""Two instances may register versions of one template at once; each try takes the next number."""

_decode_pins = msgspec.json.Decoder(dict[str, int]).decode


class Templates:
    """The templates of an installation."""

    def __init__(self, database: Database, labels: Labels) -> None:
        self._db = database
        self._labels = labels

    async def library(self, namespace: str, uses: tuple[str, ...]) -> Library:
        """The templates that a text with these uses needs, those that they use too."""
        library = Library()
        wanted = library.wanted(uses, {})
        for _ in range(MAX_TEMPLATE_DEPTH + 1):
            further: list[str] = []
            for reference in wanted:
                found = await self.find(namespace, parse_ref(reference))
                if found is None:
                    library.missing[reference] = await self._why_missing(namespace, reference)
                    library.known.update(await self.names(namespace))
                    continue
                library.add(reference, found)
                further += library.wanted(uses_in(found.body), found.pins)
            wanted = list(dict.fromkeys(further))
            if not wanted:
                break
        return library

    async def find(self, namespace: str, reference: VersionRef) -> Template | None:
        """A registered template, or None where there is none."""
        version = await self.version(namespace, reference)
        if version is None:
            return None
        rows = await self._db.fetch(
            "select source, pins from workflow.template "
            "where namespace = $1 and template = $2 and version = $3",
            namespace,
            reference.name,
            version,
        )
        if not rows:
            return None
        return await asyncio.to_thread(_read, rows[0][0], version, _decode_pins(rows[0][1]))

    async def version(self, namespace: str, reference: VersionRef) -> int | None:
        """The number of the version that a reference stands for."""
        if reference.version is not None:
            return reference.version
        named = Named("template", namespace, reference.name)
        return await self._labels.version(named, reference.label or LATEST)

    async def _why_missing(self, namespace: str, reference: str) -> str:
        ref = parse_ref(reference)
        latest = await self.version(namespace, VersionRef(ref.name))
        if latest is None:
            return ""
        what = f"label {ref.label!r}" if ref.version is None else f"version {ref.version}"
        return f"{ref.name} has no {what}; the latest is version {latest}"

    async def register(
        self, namespace: str, source: str, stored_us: int | None
    ) -> Defined | Refused | LoadedTemplate:
        """Check a template and give it a version; the same text again is the same version.

        A template with mistakes is given back as it was loaded.
        """
        sketch = outline(source)
        library = await self.library(namespace, sketch.uses)
        loaded = await asyncio.to_thread(load_template, source, "<definition>", library)
        if loaded.template is None or loaded.document is None:
            return loaded
        template = loaded.template
        pins = _pins(sketch.uses, library)
        digest = _hash(loaded.document.data, pins)
        named = Named("template", namespace, template.name)
        warnings = [msgspec.to_builtins(w) for w in loaded.warnings]
        for _ in range(MAX_TRIES):
            rows = await self._db.fetch(
                "select version, hash from workflow.template "
                "where namespace = $1 and template = $2 order by version desc",
                namespace,
                template.name,
            )
            version = next((r[0] for r in rows if bytes(r[1]) == digest), None)
            created = version is None
            if version is None:
                version = rows[0][0] + 1 if rows else 1
                try:
                    await self._insert(namespace, template, version, digest, source, pins)
                except Conflict:
                    continue
            moved = await self._labels.point(named, LATEST, version, stored_us)
            return Defined(
                workflow=template.name,
                version=version,
                created=created,
                warnings=warnings,
                kind="template",
                uses=list(loaded.uses),
                latest_before=moved.before if moved.changed and not created else None,
            )
        text = (
            f"expected to find a free version of {template.name!r}, but others were faster "
            f"{MAX_TRIES} times"
        )
        return Refused(rejected=Reason(code="definition_contended", message=text))

    async def _insert(  # noqa: PLR0917 - the columns of a row
        self,
        namespace: str,
        template: Template,
        version: int,
        digest: bytes,
        source: str,
        pins: dict[str, int],
    ) -> None:
        await self._db.execute(
            "insert into workflow.template "
            "(namespace, template, version, hash, source, parameters, pins, description) "
            "values ($1, $2, $3, $4, $5, $6, $7, $8)",
            namespace,
            template.name,
            version,
            digest,
            source,
            json_encode(template.summary()),
            json_encode(pins),
            template.description,
        )

    async def names(self, namespace: str) -> list[str]:
        rows = await self._db.fetch(
            "select distinct template from workflow.template where namespace = $1 order by 1",
            namespace,
        )
        return [r[0] for r in rows]

    async def listed(self, namespace: str) -> list[dict[str, Any]]:
        """Every template with its latest version, parameters and labels."""
        rows = await self._db.fetch(
            "select template, version, created_at, description, parameters "
            "from workflow.template where namespace = $1 order by template, version",
            namespace,
        )
        labels = await self._labels.of("template", namespace)
        newest = {r[0]: r for r in rows}
        latest = {
            r[0]: r for r in rows if labels.get(r[0], {}).get(LATEST, newest[r[0]][1]) == r[1]
        }
        return [
            _summary(r, {k: v for k, v in labels.get(name, {}).items() if k != LATEST})
            for name, r in sorted(latest.items())
        ]

    async def text(self, namespace: str, reference: VersionRef) -> dict[str, Any] | None:
        """One version of a template as it was registered."""
        version = await self.version(namespace, reference)
        rows = await self._db.fetch(
            "select template, version, created_at, description, parameters, source, pins "
            "from workflow.template where namespace = $1 and template = $2 and version = $3",
            namespace,
            reference.name,
            version or 0,
        )
        if not rows:
            return None
        labels = (await self._labels.of("template", namespace)).get(reference.name, {})
        mine = {label: v for label, v in labels.items() if v == version and label != LATEST}
        more = {"source": rows[0][5], "pins": msgspec.Raw(rows[0][6])}
        return _summary(rows[0], mine) | more


def _summary(row: Any, labels: dict[str, int]) -> dict[str, Any]:
    return {
        "template": row[0],
        "version": row[1],
        "created_us": row[2],
        "description": row[3],
        "parameters": msgspec.Raw(row[4]),
        "labels": labels,
    }


def _read(source: str, version: int, pins: dict[str, int]) -> Template | None:
    report = Report("")
    node = read(source, report)
    made = None if node is None else read_template(node, report, version=version)
    return None if made is None else msgspec.structs.replace(made, pins=pins)


def _pins(uses: tuple[str, ...], library: Library) -> dict[str, int]:
    """What the references of a text without mistakes stand for now."""
    pins: dict[str, int] = {}
    for text in uses:
        reference = parse_ref(text)
        found = library.find(reference, {})
        assert found is not None
        assert found.version is not None, "a registered template uses registered ones"
        pins[str(reference)] = found.version
    return pins


def _hash(document: object, pins: dict[str, int]) -> bytes:
    """What makes two templates the same one: what they say, and what they use."""
    content = msgspec.json.encode([document, pins], order="deterministic")
    return sha256(content).digest()
