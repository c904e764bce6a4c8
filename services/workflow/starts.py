"""Starts: which version, whether the input fits, whether the id is open already."""

from typing import NamedTuple

from services.workflow.core import Rejection
from services.workflow.core.commands import Start
from services.workflow.loading import Loader
from services.workflow.registry import Registered, Registry
from services.workflow.store import Store
from stretto.contracts.frames import StartRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import run_id_text
from stretto.telemetry.tracing import Tracer

MAX_PROBLEMS_TOLD = 5

MAX_CHILD_DEPTH = 32
"""Runs that start runs, and so on: a recursion without an end is stopped here."""


class Existing(NamedTuple):
    """The run that a start stands for, and that exists already."""

    run_id: bytes
    version: int


Prepared = Start | Rejection | Existing
"""A start to be carried out, a refusal, or the run that is there already."""


class Starts:
    """Prepares the starts of one round with as few queries as possible."""

    def __init__(self, store: Store, registry: Registry, tracer: Tracer) -> None:
        self._tracer = tracer
        self._store = store
        self._registry = registry
        self._graphs: dict[int, Graph] = {}

    def graph(self, item: StartRecord) -> Graph:
        """The graph of a start that was prepared to be carried out."""
        return self._graphs[id(item)]

    async def prepare(self, items: list[StartRecord], loader: Loader) -> dict[int, Prepared]:
        """Work out for each start (by its identity) what becomes of it."""
        self._graphs.clear()
        there = await self._there(items, loader)
        open_ids = await self._open_ids(items)
        prepared: dict[int, Prepared] = {}
        begun: dict[tuple[str, str, str], Existing] = {}
        for item in items:
            key = None if item.id is None else (item.namespace, item.workflow, item.id)
            if item.run_id in there:
                prepared[id(item)] = there[item.run_id].seen_by(item)
            elif key is not None and key in open_ids:
                prepared[id(item)] = Existing(*open_ids[key])
            elif key is not None and key in begun:
                prepared[id(item)] = begun[key]
            else:
                prepared[id(item)] = outcome = await self._check(item)
                if isinstance(outcome, Start):
                    found = Existing(item.run_id, self._graphs[id(item)].version)
                    there[item.run_id] = _There(item.namespace, item.workflow, found)
                    if key is not None:
                        begun[key] = found
        return prepared

    async def _there(self, items: list[StartRecord], loader: Loader) -> dict[bytes, "_There"]:
        """Those of the runs that are known to exist; the primary key finds the others."""
        there = {}
        for item in items:
            slot = loader.slots.get(item.run_id)
            if slot is not None:
                row = slot.row
                found = Existing(item.run_id, row.version)
                there[item.run_id] = _There(row.namespace, row.workflow, found)
        ended = [i.run_id for i in items if loader.has_ended(i.run_id) or i.run_id in loader.aside]
        if ended:
            for row in await self._store.runs(ended):
                found = Existing(row.run_id, row.version)
                there[row.run_id] = _There(row.namespace, row.workflow, found)
        return there

    async def _open_ids(
        self, items: list[StartRecord]
    ) -> dict[tuple[str, str, str], tuple[bytes, int]]:
        keys = {(i.namespace, i.workflow, i.id) for i in items if i.id is not None}
        return await self._store.open_by_caller_id(sorted(keys)) if keys else {}

    async def _check(self, item: StartRecord) -> Start | Rejection:
        registered = await self._registry.find(item.namespace, item.workflow, item.version)
        if registered is None:
            return _unknown(item, await self._registry.names(item.namespace))
        if item.depth > MAX_CHILD_DEPTH:
            return _too_deep(item)
        problems = registered.input_problems(item.input)
        if problems:
            return _unfit(item, registered, problems)
        self._graphs[id(item)] = registered.graph
        return Start(
            namespace=item.namespace,
            input=item.input,
            caller_id=item.id,
            labels=item.labels,
            parent=item.parent,
            depth=item.depth,
            traceparent=self._tracer.sample(item.run_id, item.traceparent),
            caller_traceparent=item.traceparent,
        )


class _There(NamedTuple):
    namespace: str
    workflow: str
    found: Existing

    def seen_by(self, item: StartRecord) -> Prepared:
        """The run, or the refusal of a start whose run id is that of another workflow's run."""
        if (item.namespace, item.workflow) == (self.namespace, self.workflow):
            return self.found
        return Rejection(
            code="run_id_taken",
            message=f"expected run id {run_id_text(item.run_id)} to be free, but another run has "
            "it",
        )


def _too_deep(item: StartRecord) -> Rejection:
    return Rejection(
        code="children_too_deep",
        message=f"expected at most {MAX_CHILD_DEPTH} runs inside one another, but "
        f"{item.workflow!r} would be number {item.depth}",
    )


def _unknown(item: StartRecord, names: list[str]) -> Rejection:
    wanted = item.workflow if item.version is None else f"{item.workflow} version {item.version}"
    known = ", ".join(names[:20]) or "none"
    return Rejection(
        code="workflow_unknown",
        message=f"expected workflow {wanted!r} to be registered in namespace "
        f"{item.namespace!r}, but it is not; registered: {known}",
    )


def _unfit(item: StartRecord, registered: Registered, problems: list[str]) -> Rejection:
    told = "; ".join(problems[:MAX_PROBLEMS_TOLD])
    return Rejection(
        code="input_invalid",
        message=f"expected the input to fit the schema of {item.workflow!r} version "
        f"{registered.graph.version}, but {told}",
    )
