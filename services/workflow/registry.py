"""Definitions: registered once, immutable, found by name and version.

A version that was read stays in memory: it never changes. Which version is the *latest*, or has a
label, may change on another instance: it is believed for `LATEST_S`, or until an announcement
(`stretto.defined.…`).
"""

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from services.workflow.known_texts import Known, KnownTexts
from services.workflow.labels import Labels, Named
from services.workflow.templates import Templates
from stretto.contracts.codec import decode_graph, json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.graph import Graph
from stretto.contracts.public import Defined, Refused
from stretto.contracts.versions import LATEST
from stretto.definition import Definition, Loaded, canonical, compile_graph, load, validate_input
from stretto.definition.concurrency import KeyOf, compile_key
from stretto.definition.run_timeout import TimeoutOf, compile_timeout
from stretto.definition.shapes import json_of
from stretto.definition.templates import LoadedTemplate, load_template, outline
from stretto.postgres import Database
from stretto.postgres.errors import Conflict
from stretto.runtime.clock import Clock

LATEST_S = 1.0
"""How long the latest version of a workflow, or one of a label, is believed without asking."""

MAX_HELD = 10_000
"""Compiled versions in memory: beyond it the oldest are read again when needed."""

MAX_TRIES = 10
"""Two instances may register versions of one workflow at once; each try takes the next number."""


class Registered:
    """One version of one workflow, ready to be used."""

    __slots__ = ("_check", "_key", "graph", "timeout")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        schema = bytes(graph.input_schema)
        self._check: Callable[[bytes], list[Any]] | None = (
            None if schema == b"null" else validate_input(msgspec.json.decode(schema))
        )
        limit = graph.concurrency
        self._key: KeyOf | None = None if limit is None else compile_key(limit)
        dynamic = bytes(graph.timeout) != b"null"
        self.timeout: TimeoutOf | None = compile_timeout(graph.timeout) if dynamic else None
        """What gives the timeout of a run, where it is an expression."""

    def key_of(self, value: bytes, run: dict[str, object]) -> str:
        """The key of a run of a workflow that limits its concurrency; raises KeyProblem."""
        assert self._key is not None
        return self._key({"input": msgspec.json.decode(value), "run": run})

    def input_problems(self, value: bytes) -> list[str]:
        """Say where an input does not fit the schema."""
        return [] if self._check is None else [str(problem) for problem in self._check(value)]


Key = tuple[str, str, int]


class Registry:
    """The definitions of an installation."""

    def __init__(
        self, database: Database, clock: Clock, capacities: Mapping[str, int] | None = None
    ) -> None:
        self._capacities = capacities
        """How much there is of named resources, where it is configured."""
        self._db = database
        self._clock = clock
        self.labels = Labels(database)
        self.templates = Templates(database, self.labels)
        self._held: dict[Key, Registered] = {}
        self._texts = KnownTexts()
        self._pointed: dict[tuple[str, str], dict[str, tuple[int, float]]] = {}

    async def graph(self, namespace: str, workflow: str, version: int) -> Graph | None:
        """The compiled graph of a version, or None where there is none."""
        found = await self.find(namespace, workflow, version)
        return None if found is None else found.graph

    async def find(
        self, namespace: str, workflow: str, version: int | None, label: str | None = None
    ) -> Registered | None:
        """A version, the one of a label, or the latest one; None where there is none."""
        if version is None:
            version = await self.labelled(namespace, workflow, label or LATEST)
            if version is None:
                return None
        key = (namespace, workflow, version)
        held = self._held.get(key)
        if held is None:
            rows = await self._db.fetch(
                "select graph from workflow.definition "
                "where namespace = $1 and workflow = $2 and version = $3",
                *key,
            )
            if not rows:
                return None
            held = self._hold(key, Registered(decode_graph(rows[0][0])))
        return held

    def _hold(self, key: Key, registered: Registered) -> Registered:
        self._held[key] = registered
        if len(self._held) > MAX_HELD:
            self._held.pop(next(iter(self._held)))
        return registered

    async def labelled(self, namespace: str, workflow: str, label: str) -> int | None:
        """The version that a label points to."""
        known = self._pointed.get((namespace, workflow), {}).get(label)
        now = self._clock.monotonic()
        if known is not None and now - known[1] < LATEST_S:
            return known[0]
        version = await self.labels.version(Named("workflow", namespace, workflow), label)
        if version is not None:
            self._pointed.setdefault((namespace, workflow), {})[label] = (version, now)
        return version

    def forget_labels(self, namespace: str, workflow: str) -> None:
        """An announcement came: ask again which versions the labels point to."""
        self._pointed.pop((namespace, workflow), None)

    async def load(self, namespace: str, source: str, file: str = "<definition>") -> Loaded:
        """Read and check a definition with the templates that are registered."""
        library = await self.templates.library(namespace, outline(source).uses)
        return await asyncio.to_thread(load, source, file, library, self._capacities)

    async def look_at(self, namespace: str, source: str, file: str) -> Loaded | LoadedTemplate:
        """Read and check a definition or a template."""
        sketch = outline(source)
        if sketch.kind != "template":
            return await self.load(namespace, source, file)
        library = await self.templates.library(namespace, sketch.uses)
        return await asyncio.to_thread(load_template, source, file, library)

    async def register(
        self, namespace: str, source: str, stored_us: int | None = None
    ) -> Defined | Refused:
        """Check and compile a definition and give it a version; the same text again is the same
        version. Whatever its number, it is the latest from now on.

        `stored_us`: when the message with it was stored, where it is handled later than asked.
        """
        async with self._texts.turn(namespace, source) as digest:
            uses: tuple[str, ...] = ()
            known, created = self._texts.find(digest), False
            if known is None:
                loaded = await self.load(namespace, source)
                definition = loaded.definition
                if definition is None or loaded.mistakes:
                    return Refused(rejected=mistakes_reason(loaded.mistakes))
                found = await self._version_of(namespace, definition, source)
                if found is None:
                    text = (
                        f"expected to find a free version of {definition.workflow!r}, but others "
                        f"were faster {MAX_TRIES} times"
                    )
                    return Refused(rejected=Reason(code="definition_contended", message=text))
                version, created = found
                uses, known = definition.uses, Known(definition.workflow, version, loaded.warnings)
                if not uses:
                    self._texts.keep(digest, known)
        named = Named("workflow", namespace, known.workflow)
        moved = await self.labels.point(named, LATEST, known.version, stored_us)
        self.forget_labels(namespace, known.workflow)
        return Defined(
            workflow=known.workflow,
            version=known.version,
            created=created,
            warnings=[msgspec.to_builtins(w) for w in known.warnings],
            uses=list(uses),
            latest_before=moved.before if moved.changed and not created else None,
        )

    async def _version_of(
        self, namespace: str, definition: Definition, source: str
    ) -> tuple[int, bool] | None:
        """The version that says this, and whether it was made now; None: others were faster."""
        name = definition.workflow
        digest = content_hash(canonical(definition))
        for _ in range(MAX_TRIES):
            rows = await self._db.fetch(
                "select version, hash from workflow.definition "
                "where namespace = $1 and workflow = $2 order by version desc",
                namespace,
                name,
            )
            same = next((r[0] for r in rows if bytes(r[1]) == digest), None)
            if same is not None:
                return same, False
            version = rows[0][0] + 1 if rows else 1
            graph = await asyncio.to_thread(compile_graph, definition, version)
            try:
                await self._db.execute(
                    "insert into workflow.definition (namespace, workflow, version, hash, source, "
                    "graph, description, expanded, uses) "
                    "values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                    namespace,
                    name,
                    version,
                    digest,
                    source,
                    json_encode(graph),
                    definition.description,
                    json_of(definition.document).decode() if definition.uses else None,
                    json_encode(list(definition.uses)),
                )
            except Conflict:
                continue
            self._hold((namespace, name, version), Registered(graph))
            return version, True
        return None

    async def names(self, namespace: str) -> list[str]:
        rows = await self._db.fetch(
            "select distinct workflow from workflow.definition where namespace = $1 order by 1",
            namespace,
        )
        return [r[0] for r in rows]

    async def listed(self, namespace: str) -> list[dict[str, object]]:
        """Every workflow with its latest version and its labels."""
        rows = await self._db.fetch(
            "select d.workflow, d.version, d.created_at, d.description from ("
            "select namespace, workflow, max(version) as newest from workflow.definition "
            "where namespace = $1 group by 1, 2) n "
            "left join workflow.label l on l.kind = 'workflow' and l.namespace = n.namespace "
            "and l.name = n.workflow and l.label = $2 "
            "join workflow.definition d on d.namespace = n.namespace and d.workflow = n.workflow "
            "and d.version = coalesce(l.version, n.newest) order by 1",
            namespace,
            LATEST,
        )
        labels = await self.labels.of("workflow", namespace)
        return [
            {
                "workflow": r[0],
                "version": r[1],
                "created_us": r[2],
                "description": r[3],
                "labels": _own(labels.get(r[0], {})),
            }
            for r in rows
        ]

    async def versions(self, namespace: str, workflow: str) -> list[dict[str, object]]:
        """Every version of a workflow, the highest first, with the labels that point to it."""
        rows = await self._db.fetch(
            "select version, created_at, description, uses from workflow.definition "
            "where namespace = $1 and workflow = $2 order by version desc",
            namespace,
            workflow,
        )
        labels = (await self.labels.of("workflow", namespace)).get(workflow, {})
        latest = labels.get(LATEST, rows[0][0] if rows else None)
        return [
            {
                "version": r[0],
                "created_us": r[1],
                "description": r[2],
                "uses": msgspec.Raw(r[3]),
                "latest": r[0] == latest,
                "labels": [label for label, v in _own(labels).items() if v == r[0]],
            }
            for r in rows
        ]

    async def source(
        self, namespace: str, workflow: str, version: int | None, label: str | None = None
    ) -> dict[str, object] | None:
        """A version, the one of a label, or the latest: its text, graph, templates, and when it was
        registered (`created_us`)."""
        if version is None:
            named = Named("workflow", namespace, workflow)
            version = await self.labels.version(named, label or LATEST)
        rows = await self._db.fetch(
            "select version, source, graph, created_at, expanded, uses from workflow.definition "
            "where namespace = $1 and workflow = $2 and version = $3",
            namespace,
            workflow,
            version or 0,
        )
        if not rows:
            return None
        r = rows[0]
        return {
            "workflow": workflow,
            "version": r[0],
            "source": r[1],
            "graph": msgspec.Raw(r[2]),
            "created_us": r[3],
            "expanded": None if r[4] is None else msgspec.Raw(r[4].encode()),
            "uses": msgspec.Raw(r[5]),
        }


def _own(labels: dict[str, int]) -> dict[str, int]:
    """The labels that people set."""
    return {label: version for label, version in labels.items() if label != LATEST}


def content_hash(content: bytes) -> bytes:
    """What makes two definitions the same one."""
    return sha256(content).digest()


def mistakes_reason(mistakes: list[Any]) -> Reason:
    """The refusal of a definition: every mistake, in one answer."""
    count = len(mistakes)
    first = str(mistakes[0]) if mistakes else "it could not be read"
    more = f" (and {count - 1} more)" if count > 1 else ""
    return Reason(
        code="definition_invalid",
        message=f"expected a definition without mistakes, but found {count}: {first}{more}",
        details=[msgspec.to_builtins(m) for m in mistakes],
    )
