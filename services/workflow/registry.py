"""Definitions: registered once, immutable, found by name and version.

A version that was read stays in memory: it never changes. Which version is the *latest* may change
on
another instance: it is believed for `LATEST_S`, or until an announcement (`stretto.defined.…`).
"""

import asyncio
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from stretto.contracts.codec import decode_graph, json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.graph import Graph
from stretto.contracts.public import Defined, Refused
from stretto.definition import canonical, compile_graph, load, validate_input
from stretto.definition.concurrency import KeyOf, compile_key
from stretto.postgres import Database
from stretto.postgres.errors import Conflict
from stretto.runtime.clock import Clock

LATEST_S = 1.0
"""How long the latest version of a workflow is believed without asking."""

MAX_HELD = 10_000
"""Compiled versions in memory: beyond it the oldest are read again when needed."""

MAX_TRIES = 10
"""Two instances may register versions of one workflow at once; each try takes the next number."""


class Registered:
    """One version of one workflow, ready to be used."""

    __slots__ = ("_check", "_key", "graph")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        schema = bytes(graph.input_schema)
        self._check: Callable[[bytes], list[Any]] | None = (
            None if schema == b"null" else validate_input(msgspec.json.decode(schema))
        )
        limit = graph.concurrency
        self._key: KeyOf | None = None if limit is None else compile_key(limit)

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

    def __init__(self, database: Database, clock: Clock) -> None:
        self._db = database
        self._clock = clock
        self._held: dict[Key, Registered] = {}
        self._latest: dict[tuple[str, str], tuple[int, float]] = {}

    async def graph(self, namespace: str, workflow: str, version: int) -> Graph | None:
        """The compiled graph of a version, or None where there is none."""
        found = await self.find(namespace, workflow, version)
        return None if found is None else found.graph

    async def find(self, namespace: str, workflow: str, version: int | None) -> Registered | None:
        """A version, or the latest one; None where there is none."""
        if version is None:
            version = await self._latest_version(namespace, workflow)
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

    async def _latest_version(self, namespace: str, workflow: str) -> int | None:
        known = self._latest.get((namespace, workflow))
        now = self._clock.monotonic()
        if known is not None and now - known[1] < LATEST_S:
            return known[0]
        rows = await self._db.fetch(
            "select max(version) from workflow.definition where namespace = $1 and workflow = $2",
            namespace,
            workflow,
        )
        if rows[0][0] is None:
            return None
        self._latest[namespace, workflow] = (rows[0][0], now)
        return int(rows[0][0])

    def forget_latest(self, namespace: str, workflow: str) -> None:
        """An announcement came: ask again which version is the latest."""
        self._latest.pop((namespace, workflow), None)

    async def register(self, namespace: str, source: str) -> Defined | Refused:
        """Check and compile a definition and give it a version; the same text again is the same
        version."""
        loaded = await asyncio.to_thread(load, source)
        if loaded.definition is None or loaded.mistakes:
            return Refused(rejected=mistakes_reason(loaded.mistakes))
        name = loaded.definition.workflow
        content = canonical(loaded.definition)
        digest = content_hash(content)
        warnings = [msgspec.to_builtins(w) for w in loaded.warnings]
        for _ in range(MAX_TRIES):
            rows = await self._db.fetch(
                "select version, hash from workflow.definition "
                "where namespace = $1 and workflow = $2 order by version desc",
                namespace,
                name,
            )
            same = next((r[0] for r in rows if bytes(r[1]) == digest), None)
            if same is not None:
                return Defined(workflow=name, version=same, created=False, warnings=warnings)
            version = rows[0][0] + 1 if rows else 1
            graph = await asyncio.to_thread(compile_graph, loaded.definition, version)
            try:
                await self._db.execute(
                    "insert into workflow.definition "
                    "(namespace, workflow, version, hash, source, graph, description) "
                    "values ($1, $2, $3, $4, $5, $6, $7)",
                    namespace,
                    name,
                    version,
                    digest,
                    source,
                    json_encode(graph),
                    loaded.definition.description,
                )
            except Conflict:
                continue
            self._hold((namespace, name, version), Registered(graph))
            self.forget_latest(namespace, name)
            return Defined(workflow=name, version=version, warnings=warnings)
        text = (
            f"expected to find a free version of {name!r}, but others were faster {MAX_TRIES} times"
        )
        return Refused(rejected=Reason(code="definition_contended", message=text))

    async def names(self, namespace: str) -> list[str]:
        rows = await self._db.fetch(
            "select distinct workflow from workflow.definition where namespace = $1 order by 1",
            namespace,
        )
        return [r[0] for r in rows]

    async def listed(self, namespace: str) -> list[dict[str, object]]:
        """Every workflow with its latest version."""
        rows = await self._db.fetch(
            "select distinct on (workflow) workflow, version, created_at, description "
            "from workflow.definition where namespace = $1 order by workflow, version desc",
            namespace,
        )
        return [
            {"workflow": r[0], "version": r[1], "created_us": r[2], "description": r[3]}
            for r in rows
        ]

    async def source(
        self, namespace: str, workflow: str, version: int | None
    ) -> tuple[int, str, bytes, int] | None:
        """Version, text, graph (JSON) and time of registration (µs)."""
        rows = await self._db.fetch(
            "select version, source, graph, created_at from workflow.definition "
            "where namespace = $1 and workflow = $2 and version = coalesce($3, version) "
            "order by version desc limit 1",
            namespace,
            workflow,
            version,
        )
        return None if not rows else (rows[0][0], rows[0][1], rows[0][2], rows[0][3])


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
