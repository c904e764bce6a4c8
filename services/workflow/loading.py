"""The runs that this instance holds in memory: folded from the log when they are needed."""

import logging
from collections import OrderedDict

from services.workflow.core import Rejection, Run
from services.workflow.registry import Registry
from services.workflow.slots import Slot
from services.workflow.store import RunRow, Store, StoredEvent, shards_of
from stretto.contracts.graph import Graph
from stretto.contracts.ids import run_id_text

logger = logging.getLogger(__name__)

MAX_REMEMBERED = 50_000
"""Closed and unknown runs whose late messages are refused without asking the log."""


class Loader:
    """Runs by id, and why others are absent."""

    def __init__(self, store: Store, registry: Registry, partitions: int) -> None:
        self._store = store
        self._registry = registry
        self._partitions = partitions
        self.slots: dict[bytes, Slot] = {}
        self._absent: OrderedDict[bytes, str] = OrderedDict()
        self._aside: set[bytes] = set()

    async def from_log(self, rows: list[RunRow]) -> list[tuple[Slot, list[StoredEvent]]]:
        """Fold runs, open or closed, without holding them; with their events."""
        events = await self._store.events_of([row.run_id for row in rows])
        folded = []
        for row in rows:
            graph = await self._registry.graph(row.namespace, row.workflow, row.version)
            assert graph is not None, "a run's version is in the definition table"
            stored = events[row.run_id]
            folded.append((Slot.of_log(row, graph, stored, self._partitions), stored))
        return folded

    def new(self, graph: Graph, row: RunRow) -> Slot:
        """Make the slot of a run that begins."""
        slot = Slot(Run(row.run_id, graph), row, self._partitions, stored=False)
        self._absent.pop(row.run_id, None)
        self.slots[row.run_id] = slot
        return slot

    def forget(self, run_id: bytes) -> None:
        """Do not believe what is in memory of a run."""
        self.slots.pop(run_id, None)

    def set_aside(self, slot: Slot) -> None:
        """Refuse everything for a run that met a fault, until this instance is started again."""
        self.forget(slot.run.id)
        self._aside.add(slot.run.id)
        self._remember(slot.run.id, "at fault")

    def closed(self, slot: Slot) -> None:
        """A run has ended: it leaves memory."""
        self.forget(slot.run.id)
        self._remember(slot.run.id, slot.row.status)

    def _remember(self, run_id: bytes, why: str) -> None:
        self._absent[run_id] = why
        if len(self._absent) > MAX_REMEMBERED:
            self._absent.popitem(last=False)

    def has_ended(self, run_id: bytes) -> bool:
        """Whether a run is known to exist and to be open no more."""
        return self._absent.get(run_id, "unknown") != "unknown"

    def why_absent(self, run_id: bytes) -> Rejection:
        """The refusal of a command for a run that is not open."""
        text = run_id_text(run_id)
        match self._absent.get(run_id):
            case None | "unknown":
                return Rejection(
                    code="run_unknown", message=f"expected run {text} to exist, but it does not"
                )
            case "at fault":
                return Rejection(
                    code="run_at_fault",
                    message=f"expected run {text} to be sound, but it met a fault of the service",
                )
            case status:
                return Rejection(
                    code="run_closed",
                    message=f"expected run {text} to be open, but it is {status}",
                )

    async def load(self, run_ids: set[bytes]) -> None:
        """Fold the runs that are not in memory; remember those that are closed or do not exist."""
        missing = [i for i in run_ids if i not in self.slots and i not in self._absent]
        if not missing:
            return
        rows = {row.run_id: row for row in await self._store.runs(missing)}
        for run_id in missing:
            row = rows.get(run_id)
            if row is None:
                self._remember(run_id, "unknown")
            elif row.closed_us is not None:
                self._remember(run_id, row.status)
        await self._fold([row for row in rows.values() if row.closed_us is None])

    async def load_closed(self, run_id: bytes) -> None:
        """Fold a run that has ended, for a command that may open it again. Not if its id is
        open."""
        if run_id in self.slots or not self.has_ended(run_id):
            return
        rows = await self._store.runs([run_id])
        for row in rows:
            if row.caller_id is not None:
                key = (row.namespace, row.workflow, row.caller_id)
                if await self._store.open_by_caller_id([key]):
                    return
            [(slot, _)] = await self.from_log([row])
            self.slots[run_id] = slot

    def drop_if_closed(self, run_id: bytes) -> None:
        """A run that was not opened again leaves memory."""
        slot = self.slots.get(run_id)
        if slot is not None and slot.run.closed:
            self.closed(slot)

    async def take_over(self, partitions: set[int]) -> list[Slot]:
        """Fold the open runs of some partitions."""
        shards = shards_of(partitions, self._partitions)
        rows = [r for r in await self._store.open_runs(shards) if r.run_id not in self.slots]
        for row in rows:
            self._absent.pop(row.run_id, None)
        slots = await self._fold(rows)
        if rows:
            logger.info("runs folded", extra={"runs": len(rows)})
        return slots

    async def _fold(self, rows: list[RunRow]) -> list[Slot]:
        if not rows:
            return []
        slots = [slot for slot, _ in await self.from_log(rows)]
        for slot in slots:
            self.slots[slot.run.id] = slot
        return slots
