"""Starts: which version, whether the input fits, whether the id is open already."""

from services.workflow.core import Rejection
from services.workflow.core.commands import Start
from services.workflow.loading import Loader
from services.workflow.registry import Registered, Registry
from services.workflow.slots import Slot, head_json, new_row
from services.workflow.store import Store
from stretto.contracts.frames import StartRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import run_id_text
from stretto.telemetry.tracing import Tracer

MAX_PROBLEMS_TOLD = 5

MAX_CHILD_DEPTH = 32
"""Runs that start runs, and so on: a recursion without an end is stopped here."""

Prepared = Start | Rejection | Slot
"""A start to be carried out, a refusal, or the run that has this id already."""


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
        existing = await self._existing(items)
        prepared: dict[int, Prepared] = {}
        begun: dict[tuple[str, str, str], StartRecord] = {}
        for item in items:
            key = None if item.id is None else (item.namespace, item.workflow, item.id)
            if item.run_id in loader.slots:
                prepared[id(item)] = loader.slots[item.run_id]
            elif loader.has_ended(item.run_id):
                prepared[id(item)] = _stand_in(item, item.run_id, item.version or 0)
            elif key is not None and key in existing:
                prepared[id(item)] = _stand_in(item, *existing[key])
            elif key is not None and key in begun:
                first = begun[key]
                prepared[id(item)] = _stand_in(item, first.run_id, self._graphs[id(first)].version)
            else:
                prepared[id(item)] = await self._check(item)
                if key is not None and isinstance(prepared[id(item)], Start):
                    begun[key] = item
        return prepared

    async def _existing(
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


def _stand_in(item: StartRecord, run_id: bytes, version: int) -> Slot:
    """What there is to say about the run that has this id already."""
    slot = Slot.__new__(Slot)
    slot.row = new_row(run_id, item.namespace, item.workflow, version, 0)
    slot.text = run_id_text(run_id)
    slot.head = head_json(slot.row, slot.text)
    return slot


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
