"""A run in memory and what the shell keeps beside it: its head on the bus, its way to the log."""

import msgspec

from services.workflow.core import Run, apply
from services.workflow.rows import RunRow, StoredEvent
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.events import Event, RunStarted
from stretto.contracts.graph import Graph
from stretto.contracts.ids import partition_of, run_id_text, shard_of
from stretto.contracts.payload import REFERENCE_MARK
from stretto.contracts.public import CLOSED_STATUSES
from stretto.telemetry.trace_ids import step_span_id, traceparent


class Slot:
    """One run that this instance holds."""

    __slots__ = (
        "committed_seq", "head", "headers", "loaded_us", "partition", "refers", "row", "run",
        "stored", "subject", "swept_us", "text",
    )  # fmt: skip

    def __init__(self, run: Run, row: RunRow, partitions: int, *, stored: bool) -> None:
        self.run = run
        self.row = row
        self.stored = stored
        """Whether `workflow.run` has its row already."""
        self.text = run_id_text(run.id)
        self.partition = partition_of(run.id, partitions)
        self.committed_seq = run.seq
        self.swept_us = 0
        self.refers = False
        """Whether its values may hold references to payloads."""
        self.loaded_us = 0
        """When it came into memory from the log: it stays for a while, whatever its age."""
        self.subject = subjects.events(row.namespace, row.workflow, self.text).encode()
        self.headers = event_headers(row, self.text)
        self.head = head_json(row, self.text)

    @classmethod
    def of_log(
        cls,
        row: RunRow,
        graph: Graph,
        events: list[StoredEvent],
        partitions: int,
        graphs: dict[int, Graph] | None = None,
    ) -> "Slot":
        """Fold a run from the log. `graphs`: by version, of a run that has followed several; its
        row tells of the last one then."""
        if graphs is not None:
            began = events[0].decoded()
            assert isinstance(began, RunStarted)
            graph = graphs[began.version]
        run = Run(row.run_id, graph)
        run.graphs = graphs
        for stored in events:
            apply(run, stored.decoded(), stored.seq, stored.at_us)
        row.version = run.version
        slot = cls(run, row, partitions, stored=True)
        slot.refers = any(REFERENCE_MARK in stored.data for stored in events)
        return slot

    def as_of(self, events: list[StoredEvent]) -> "Slot":
        """The same run after only the first of its events."""
        row = msgspec.structs.replace(self.row)
        return Slot.of_log(row, self.run.graph, events, 1, self.run.graphs)

    @property
    def moved(self) -> bool:
        """Whether the run follows another version than its row says."""
        return self.row.version != self.run.version

    def follow_version(self) -> None:
        """Tell of the version that the run follows now."""
        self.row.version = self.run.version
        self.head = head_json(self.row, self.text)


def head_json(row: RunRow, text: str) -> bytes:
    """The unchanging beginning of a run's public head, up to its status."""
    head = {
        "run_id": text,
        "namespace": row.namespace,
        "workflow": row.workflow,
        "version": row.version,
    }
    if row.caller_id is not None:
        head["id"] = row.caller_id
    return json_encode(head)[:-1] + b',"status":"'


def event_headers(row: RunRow, text: str) -> bytes:
    """The unchanging headers of a run's CloudEvents (binary mode), as they go on the wire."""
    return (
        "NATS/1.0\r\nce-specversion: 1.0\r\nce-type: stretto.run.events.v1\r\n"
        f"ce-source: /stretto/{row.namespace}/{row.workflow}\r\nce-subject: {text}\r\n"
        "content-type: application/json\r\n"
    ).encode()


def new_row(run_id: bytes, namespace: str, workflow: str, version: int, started_us: int) -> RunRow:
    return RunRow(
        run_id=run_id,
        shard=shard_of(run_id),
        namespace=namespace,
        workflow=workflow,
        version=version,
        caller_id=None,
        started_us=started_us,
    )


class Written:
    """An event that was applied, encoded: a row of the log, and what the bus will say of it."""

    __slots__ = ("at_us", "data", "event", "seq", "step", "type")

    def __init__(self, seq: int, at_us: int, event: Event) -> None:
        self.seq = seq
        self.at_us = at_us
        self.event = event
        self.type = event.type
        self.data = json_encode(event)
        self.step: str | None = getattr(event, "step", None)

    @classmethod
    def of_log(cls, stored: StoredEvent) -> "Written":
        return cls(stored.seq, stored.at_us, stored.decoded())


def public_status(run: Run) -> str:
    """The status that the outside sees."""
    word = run.phase.word
    if word in CLOSED_STATUSES:
        return word
    if run.undoing is not None and run.undoing.blocked:
        return "blocked"
    if run.failing:
        return "failing"
    if run.queued:
        return "queued"
    return "paused" if run.paused else "running"


def traceparent_of(slot: Slot, path: str) -> str | None:
    """The traceparent that a record for a step takes along; None when the run is not sampled."""
    if slot.run.traceparent is None:
        return None
    return traceparent(slot.run.id, step_span_id(slot.run.id, path))
