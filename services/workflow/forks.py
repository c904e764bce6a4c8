"""Forks: the start of a run that begins where another one stood."""

from typing import NamedTuple

import msgspec

from services.workflow.core import Rejection
from services.workflow.core.forking import taken_from
from services.workflow.loading import unknown_run, versions_of
from services.workflow.registry import Registered, Registry
from services.workflow.rows import RunRow, StoredEvent
from services.workflow.slots import Slot
from services.workflow.store import Store
from stretto.contracts.events import RunForked, StepSkipped
from stretto.contracts.frames import ForkRecord, StartRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import REFERENCE_MARK

MAX_TAKEN_BYTES = 4 * 1024 * 1024
"""What a fork may take over in all: it is one event, and has to fit into a message."""


class Beginning(NamedTuple):
    """What a run begins with. `registered` None: there is no such version. `event`: of a fork."""

    registered: Registered | None
    input: bytes
    labels: dict[str, str]
    event: RunForked | None = None


async def forked(store: Store, registry: Registry, item: StartRecord) -> Beginning | Rejection:
    """Read the run that another one is forked from. Raises what the log raises."""
    fork = item.fork
    assert fork is not None
    rows = await store.runs([fork.run_id])
    if not rows or (rows[0].namespace, rows[0].workflow) != (item.namespace, item.workflow):
        return unknown_run(fork.run_id)
    row = rows[0]
    stored = (await store.events_of([row.run_id]))[row.run_id]
    last = fork.at_seq or len(stored)
    if not 0 < last <= len(stored):
        return Rejection(
            code="seq_unknown",
            message=f"expected an event from 1 to {len(stored)} of run {run_id_text(row.run_id)}, "
            f"but got {last}",
        )
    slot = await _as_of(registry, row, stored, last)
    run = slot.run
    if fork.step is not None and fork.step not in run.root.by_name:
        known = ", ".join(list(run.root.by_name)[:20])
        return Rejection(
            code="step_unknown",
            message=f"expected a step of the workflow, but got {fork.step[:60]!r}; steps: {known}",
        )
    label = item.version_label
    version = run.version if item.version is None and label is None else item.version
    registered = await registry.find(item.namespace, item.workflow, version, label)
    labels = {**run.labels, **item.labels}
    if registered is None:
        return Beginning(None, item.input, labels)
    event = _event(slot, registered, fork, last, stored)
    size = sum(len(bytes(taken.output)) for taken in event.taken.values())
    if size > MAX_TAKEN_BYTES:
        return Rejection(
            code="fork_too_large",
            message=f"expected outputs of at most {MAX_TAKEN_BYTES} bytes to be taken over, but "
            f"they have {size}: fork from an earlier event, or name a `step`",
        )
    return Beginning(registered, item.input or run.input, labels, event)


def carried(event: RunForked) -> bytes:
    """What a fork takes over that refers to payloads, as a JSON list."""
    values = [bytes(taken.output) for taken in event.taken.values()]
    values += [bytes(payload) for payloads in event.signals.values() for payload in payloads]
    return b"[" + b",".join(value for value in values if REFERENCE_MARK in value) + b"]"


async def _as_of(registry: Registry, row: RunRow, stored: list[StoredEvent], last: int) -> Slot:
    graphs = await versions_of(registry, row, stored)
    graph = await registry.graph(row.namespace, row.workflow, row.version)
    assert graph is not None, "a run's version is in the definition table"
    return Slot.of_log(row, graph, stored[:last], 1, graphs)


def _event(
    slot: Slot, registered: Registered, fork: ForkRecord, last: int, stored: list[StoredEvent]
) -> RunForked:
    run = slot.run
    skips = (each.decoded() for each in stored[:last] if each.type == StepSkipped.type)
    skipped = {
        skip.step for skip in skips if isinstance(skip, StepSkipped) and skip.reason == "by_request"
    }
    return RunForked(
        from_run=slot.text,
        from_version=run.version,
        at_seq=last,
        step=fork.step,
        taken=taken_from(run, registered.graph, skipped, fork.step),
        signals={
            name: [msgspec.Raw(each) for each in payloads]
            for name, payloads in run.signals.items()
            if payloads
        },
        by=fork.by,
        reason=fork.reason,
    )
