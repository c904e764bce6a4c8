"""Starts: which version, whether the input fits, whether the id is open already."""

from typing import NamedTuple

import msgspec

from services.workflow.claims import Claim, Claims, LineKey, Place
from services.workflow.core import Rejection
from services.workflow.core.commands import Standing, Start
from services.workflow.forks import Beginning, carried, forked
from services.workflow.loading import Loader
from services.workflow.parents import Parents
from services.workflow.payloads import BadPayload, Payloads, TooMuch
from services.workflow.registry import Registered, Registry
from services.workflow.store import Store
from stretto.contracts.frames import StartRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import MAX_STORED_BYTES, REFERENCE_MARK
from stretto.definition.concurrency import KeyProblem
from stretto.definition.run_timeout import TimeoutProblem
from stretto.runtime.clock import Clock
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

    def __init__(  # noqa: PLR0917 - the parts of a start, each once
        self,
        store: Store,
        registry: Registry,
        tracer: Tracer,
        claims: Claims,
        clock: Clock,
        payloads: Payloads,
    ) -> None:
        self._payloads = payloads
        self._claims = claims
        self._clock = clock
        self._tracer = tracer
        self._store = store
        self._registry = registry
        self._parents = Parents(store)
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
        keyed: list[tuple[StartRecord, Claim]] = []
        for item in items:
            key = None if item.id is None else (item.namespace, item.workflow, item.id)
            if item.run_id in there:
                prepared[id(item)] = there[item.run_id].seen_by(item)
            elif key is not None and key in open_ids:
                prepared[id(item)] = Existing(*open_ids[key])
            elif key is not None and key in begun:
                prepared[id(item)] = begun[key]
            else:
                refused = item.parent and await self._parents.refuse(item, loader)
                outcome: Prepared = refused or await self._check(item)
                if isinstance(outcome, Start) and self._graphs[id(item)].concurrency is not None:
                    outcome = await self._claim(item, outcome, keyed)
                prepared[id(item)] = outcome
                if isinstance(outcome, Start):
                    found = Existing(item.run_id, self._graphs[id(item)].version)
                    there[item.run_id] = _There(item.namespace, item.workflow, found)
                    if key is not None:
                        begun[key] = found
        if keyed:
            await self._enter(await self._not_ended(keyed, prepared, loader), prepared)
        return prepared

    async def _claim(
        self, item: StartRecord, start: Start, keyed: list[tuple[StartRecord, Claim]]
    ) -> Prepared:
        """Work out the line of a start whose workflow has a limit of concurrency."""
        graph = self._graphs[id(item)]
        registered = await self._registry.find(item.namespace, item.workflow, graph.version)
        assert registered is not None and graph.concurrency is not None
        value = start.input
        if REFERENCE_MARK in value:
            value = await self._payloads.resolve(item.run_id, value, MAX_STORED_BYTES)
        try:
            key = registered.key_of(value, run_facts(item, start, graph))
        except KeyProblem as problem:
            return Rejection(
                code="concurrency_key_invalid",
                message=f"expected a key of concurrency for {item.workflow!r}: {problem}",
            )
        at = LineKey(item.namespace, f"run {item.workflow}", key)
        limit = graph.concurrency
        keyed.append((item, Claim(item.run_id, at, limit.limit, limit.when_full)))
        return start

    async def _not_ended(
        self,
        keyed: list[tuple[StartRecord, Claim]],
        prepared: dict[int, Prepared],
        loader: Loader,
    ) -> list[tuple[StartRecord, Claim]]:
        """Those whose run has not ended. A start comes again when the instance that had it was
        killed; if its run has ended meanwhile, only the log knows, and a claim for it would keep
        others out until it is swept."""
        await loader.look_for_ended([claim.run_id for _, claim in keyed])
        there = await self._there([item for item, _ in keyed], loader)
        for item, claim in keyed:
            if claim.run_id in there:
                prepared[id(item)] = there[claim.run_id].seen_by(item)
        return [each for each in keyed if each[1].run_id not in there]

    async def _enter(
        self, keyed: list[tuple[StartRecord, Claim]], prepared: dict[int, Prepared]
    ) -> None:
        """Give the starts of one round their places, or let them wait, or refuse them."""
        if not keyed:
            return
        now_us = self._clock.now_us()
        places = await self._claims.enter([claim for _, claim in keyed], now_us)
        refused: dict[bytes, Rejection] = {}
        for item, claim in keyed:
            place = places[claim.run_id]
            if place.outcome == "full":
                prepared[id(item)] = refused[claim.run_id] = _full(claim, place)
                continue
            start = prepared[id(item)]
            assert isinstance(start, Start)
            prepared[id(item)] = msgspec.structs.replace(start, standing=standing(claim, place))
        if refused:  # what counted on a start of the same id that is refused after all
            for number, outcome in prepared.items():
                if isinstance(outcome, Existing) and outcome.run_id in refused:
                    prepared[number] = refused[outcome.run_id]

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
        began = await self._began(item)
        if isinstance(began, Rejection):
            return began
        registered = began.registered
        if registered is None:
            return _unknown(item, await self._registry.names(item.namespace))
        if item.depth > MAX_CHILD_DEPTH:
            return _too_deep(item)
        value = began.input
        if REFERENCE_MARK in value:
            try:
                value = await self._payloads.resolve(item.run_id, value, MAX_STORED_BYTES)
            except (BadPayload, TooMuch) as error:
                return Rejection(code=error.code, message=error.message)
        problems = registered.input_problems(value)
        if problems:
            return _unfit(item, registered, problems)
        self._graphs[id(item)] = registered.graph
        start = Start(
            namespace=item.namespace,
            input=began.input,
            caller_id=item.id,
            labels=began.labels,
            parent=item.parent,
            depth=item.depth,
            traceparent=self._tracer.sample(item.run_id, item.traceparent),
            caller_traceparent=item.traceparent,
            fork=began.event,
        )
        return start if registered.timeout is None else _timed(item, start, registered, value)

    async def _began(self, item: StartRecord) -> Beginning | Rejection:
        """What a run begins with: what its start says, or where another run stood."""
        if item.fork is not None:
            return await self._forked(item, item.fork.run_id)
        registered = await self._registry.find(
            item.namespace, item.workflow, item.version, item.version_label
        )
        return Beginning(registered, item.input, item.labels)

    async def _forked(self, item: StartRecord, source: bytes) -> Beginning | Rejection:
        """Where another run stood; the payloads that it refers to are kept for the new one too."""
        began = await forked(self._store, self._registry, item)
        if isinstance(began, Rejection) or began.event is None:
            return began
        values = [began.input, carried(began.event)]
        try:
            for value in values:
                if REFERENCE_MARK in value:
                    await self._payloads.accept(item.run_id, value, [source])
        except BadPayload as error:
            return Rejection(code=error.code, message=error.message)
        return began


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


def run_facts(item: StartRecord, start: Start, graph: Graph) -> dict[str, object]:
    """What `run` is in the key of a run that has not begun."""
    return {
        "id": run_id_text(item.run_id),
        "key": item.id,
        "namespace": item.namespace,
        "workflow": item.workflow,
        "version": graph.version,
        "labels": {**graph.labels, **start.labels},
    }


def _timed(
    item: StartRecord, start: Start, registered: Registered, value: bytes
) -> Start | Rejection:
    """Work out the timeout of a run whose workflow says it by an expression."""
    assert registered.timeout is not None
    run = run_facts(item, start, registered.graph)
    try:
        seconds = registered.timeout({"input": msgspec.json.decode(value), "run": run})
    except TimeoutProblem as problem:
        return Rejection(
            code="timeout_invalid",
            message=f"expected a timeout for {item.workflow!r}: {problem}",
        )
    return msgspec.structs.replace(start, timeout_s=seconds)


def standing(claim: Claim, place: Place) -> Standing:
    """Where a run stands in its line, as the core records it."""
    others = tuple(run_id_text(each) for each in place.others)
    queued = place.outcome == "queued"
    cancels = claim.mode == "cancel_running"
    return Standing(
        line=claim.at.line,
        key=claim.at.key,
        limit=claim.places,
        admitted=not queued,
        ahead=others if queued and not cancels else (),
        cancels=others if queued and cancels else (),
    )


def _full(claim: Claim, place: Place) -> Rejection:
    holders = ", ".join(run_id_text(each) for each in place.others[:MAX_PROBLEMS_TOLD])
    return Rejection(
        code="concurrency_full",
        message=f"expected fewer than {claim.places} runs of key {claim.at.key!r} to be under way, "
        f"but there are so many: {holders}",
    )


def _too_deep(item: StartRecord) -> Rejection:
    return Rejection(
        code="children_too_deep",
        message=f"expected at most {MAX_CHILD_DEPTH} runs inside one another, but "
        f"{item.workflow!r} would be number {item.depth}",
    )


def _unknown(item: StartRecord, names: list[str]) -> Rejection:
    if item.workflow in names:
        which = (
            f"version {item.version}"
            if item.version_label is None
            else f"the label {item.version_label!r}"
        )
        return Rejection(
            code="workflow_unknown",
            message=f"expected workflow {item.workflow!r} in namespace {item.namespace!r} to have "
            f"{which}, but it has not",
        )
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
