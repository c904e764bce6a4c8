"""The runs that this instance holds in memory: folded from the log when they are needed.

A run is open and held, open and parked (`parking`), closed, or not there. Closed ones are
remembered for a while, so that late messages are refused without asking the log. A run that cannot
be folded, or whose code failed, is *aside*: everything for it is refused until this instance is
started again; it stays open in the log.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable

from services.workflow.core import Rejection, Run
from services.workflow.faults import FAULTS, BuildOlder
from services.workflow.registry import Registry
from services.workflow.rows import RunRow, StoredEvent
from services.workflow.slots import Slot
from services.workflow.store import Store, shards_of
from stretto.contracts.codec import UnknownEvent
from stretto.contracts.events import RunMigrated
from stretto.contracts.graph import Graph
from stretto.contracts.ids import partition_of, run_id_text
from stretto.runtime.clock import Clock
from stretto.telemetry.names import LOG_OF, LOG_RUN_ID, LOG_RUNS

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 50_000
"""Closed runs whose late messages are refused without asking the log."""

FOLD_SLICE = 50
"""Runs folded in one go before others have a turn: about five milliseconds."""

LONG_RUN_EVENTS = 2_000
"""A run with more is folded in a thread: it takes more than some milliseconds."""

Folded = tuple[Slot, list[StoredEvent]]


class Loader:
    """Runs by id, and why others are absent."""

    def __init__(self, store: Store, registry: Registry, clock: Clock, partitions: int) -> None:
        self._store = store
        self._registry = registry
        self._clock = clock
        self._partitions = partitions
        self.slots: dict[bytes, Slot] = {}
        self.aside: set[bytes] = set()
        self._closed: OrderedDict[bytes, str] = OrderedDict()

    # --- from the log

    async def folded(self, rows: list[RunRow]) -> AsyncIterator[Folded]:
        """Fold runs, open or closed, without holding them; with their events, one after the other.

        A run that cannot be folded is logged and left out. Raises BuildOlder, and what the log
        raises.
        """
        by_id = {row.run_id: row for row in rows}
        async for events in self._store.histories(list(by_id)):
            for index, run_id in enumerate(list(events)):
                row, stored = by_id[run_id], events.pop(run_id)
                graph = await self._registry.graph(row.namespace, row.workflow, row.version)
                graphs = await versions_of(self._registry, row, stored)
                if len(stored) > LONG_RUN_EVENTS:
                    slot = await asyncio.to_thread(self._fold, row, graph, stored, graphs)
                else:
                    slot = self._fold(row, graph, stored, graphs)
                if slot is not None:
                    yield slot, stored
                if index % FOLD_SLICE == FOLD_SLICE - 1:
                    await asyncio.sleep(0)

    def _fold(
        self,
        row: RunRow,
        graph: Graph | None,
        stored: list[StoredEvent],
        graphs: dict[int, Graph] | None,
    ) -> Slot | None:
        try:
            assert graph is not None, "a run's version is in the definition table"
            slot = Slot.of_log(row, graph, stored, self._partitions, graphs)
        except UnknownEvent as error:
            raise BuildOlder(error) from error
        except FAULTS:
            logger.exception("run cannot be folded", extra={LOG_RUN_ID: run_id_text(row.run_id)})
            return None
        slot.loaded_us = self._clock.now_us()
        return slot

    async def load(self, run_ids: Iterable[bytes]) -> list[Slot]:
        """Hold runs that are open and not in memory; those that were folded for it."""
        missing = [
            i
            for i in run_ids
            if i not in self.slots and i not in self._closed and i not in self.aside
        ]
        if not missing:
            return []
        rows = await self._store.runs(missing)
        for row in rows:
            if row.closed_us is not None:
                self._remember(row.run_id, row.status)
        return await self._hold([row for row in rows if row.closed_us is None])

    async def look_for_ended(self, run_ids: Iterable[bytes]) -> None:
        """Note which of some runs have ended, wherever that was."""
        unknown = [i for i in run_ids if i not in self.slots and i not in self._closed]
        for row in await self._store.runs(unknown) if unknown else ():
            if row.closed_us is not None:
                self._remember(row.run_id, row.status)

    async def load_closed(self, run_id: bytes) -> None:
        """Hold a run that has ended, for a command that may open it again. Not if its id is
        open."""
        if run_id in self.slots or run_id not in self._closed:
            return
        rows = await self._store.runs([run_id])
        for row in rows:
            if row.caller_id is not None:
                key = (row.namespace, row.workflow, row.caller_id)
                if await self._store.open_by_caller_id([key]):
                    return
        await self._hold(rows)

    async def take_over(self, partitions: set[int]) -> list[Slot]:
        """Hold the open runs of some partitions, but for those that are parked."""
        shards = shards_of(partitions, self._partitions)
        rows = [r for r in await self._store.open_runs(shards) if r.run_id not in self.slots]
        for row in rows:
            self._closed.pop(row.run_id, None)
        slots = await self._hold([r for r in rows if r.run_id not in self.aside])
        if rows:
            logger.info("runs folded", extra={LOG_RUNS: len(slots), LOG_OF: len(rows)})
        return slots

    async def _hold(self, rows: list[RunRow]) -> list[Slot]:
        held = [slot async for slot, _ in self.folded(rows)]
        for slot in held:
            self._closed.pop(slot.run.id, None)
            self.slots[slot.run.id] = slot
        self.aside.update({row.run_id for row in rows} - {slot.run.id for slot in held})
        return held

    # --- in memory

    def new(self, graph: Graph, row: RunRow) -> Slot:
        """Make the slot of a run that begins."""
        slot = Slot(Run(row.run_id, graph), row, self._partitions, stored=False)
        slot.loaded_us = row.started_us
        self._closed.pop(row.run_id, None)
        self.slots[row.run_id] = slot
        return slot

    def adopt(self, slot: Slot) -> None:
        """Hold a slot that turned out to be what the log says."""
        self.slots[slot.run.id] = slot

    def forget(self, run_id: bytes) -> None:
        """Do not believe what is in memory of a run."""
        self.slots.pop(run_id, None)

    def forget_partitions(self, partitions: set[int]) -> None:
        """Another instance decides about these partitions from now on."""

        def theirs(run_id: bytes) -> bool:
            return partition_of(run_id, self._partitions) in partitions

        self.slots = {i: slot for i, slot in self.slots.items() if not theirs(i)}
        for run_id in [i for i in self._closed if theirs(i)]:
            del self._closed[run_id]

    def set_aside(self, slot: Slot) -> None:
        """Refuse everything for a run that met a fault, until this instance is started again."""
        self.forget(slot.run.id)
        self.aside.add(slot.run.id)

    def closed(self, slot: Slot) -> None:
        """A run has ended: it leaves memory."""
        self.forget(slot.run.id)
        self._remember(slot.run.id, slot.row.status)
        slot.run.let_go()

    def _remember(self, run_id: bytes, status: str) -> None:
        self._closed[run_id] = status
        if len(self._closed) > MAX_REMEMBERED:
            self._closed.popitem(last=False)

    def drop_if_closed(self, run_id: bytes) -> None:
        """A run that was not opened again leaves memory."""
        slot = self.slots.get(run_id)
        if slot is not None and slot.run.closed:
            self.closed(slot)

    def has_ended(self, run_id: bytes) -> bool:
        """Whether a run is known to have ended."""
        return run_id in self._closed

    def why_absent(self, run_id: bytes) -> Rejection:
        """The refusal of a command for a run that is not held."""
        text = run_id_text(run_id)
        if run_id in self.aside:
            return Rejection(
                code="run_at_fault",
                message=f"expected run {text} to be sound, but it met a fault of the service",
            )
        status = self._closed.get(run_id)
        if status is not None:
            return Rejection(
                code="run_closed", message=f"expected run {text} to be open, but it is {status}"
            )
        return unknown_run(run_id)


async def versions_of(
    registry: Registry, row: RunRow, stored: list[StoredEvent]
) -> dict[int, Graph] | None:
    """The graphs of all versions that a run has followed, by version; None where it is but one."""
    moves = [event.decoded() for event in stored if event.type == RunMigrated.type]
    if not moves:
        return None
    versions = {row.version}
    for move in moves:
        assert isinstance(move, RunMigrated)
        versions |= {move.from_version, move.to_version}
    graphs = {v: await registry.graph(row.namespace, row.workflow, v) for v in sorted(versions)}
    return {version: graph for version, graph in graphs.items() if graph is not None}


def unknown_run(run_id: bytes) -> Rejection:
    """The refusal of a command for a run that does not exist, or not for who asks."""
    return Rejection(
        code="run_unknown",
        message=f"expected run {run_id_text(run_id)} to exist, but it does not",
    )
