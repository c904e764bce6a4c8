"""Runs from other installations: checked, folded, and appended to the log, whole or not at all.

A run that had ended is kept as history. One that was open is paused by an event of its own and
parked: nothing of it happens here before a person resumes it, since it may go on where it came
from. Nobody is told on the public subjects; the monitoring service hears of it.

Importing the same document again changes nothing, also when the run has gone on here since. What is
here with other content, a run or a version of a workflow, is refused; nothing is ever overwritten.
"""

import asyncio
import logging
import zlib
from dataclasses import dataclass

import msgspec

from services.workflow.batch import Touched
from services.workflow.core import Run
from services.workflow.core.statuses import RunPhase
from services.workflow.faults import FAULTS
from services.workflow.import_limits import check_course, check_origin, check_times, check_versions
from services.workflow.registry import content_hash
from services.workflow.rows import NEVER_US, RunRow, StoredEvent
from services.workflow.slots import Slot, Written, new_row
from services.workflow.store import Store
from services.workflow.telling import log_messages
from stretto.bus.publisher import Publisher
from stretto.bus.service import Handler, Refusal
from stretto.contracts import events as ev
from stretto.contracts.codec import UnknownEvent, decode_graph, json_encode
from stretto.contracts.graph import Graph
from stretto.contracts.ids import parse_run_id
from stretto.definition import canonical, load
from stretto.history.document import (
    MAX_DOCUMENT_BYTES,
    Damaged,
    DefinitionText,
    Imported,
    RunDocument,
    read_document,
)
from stretto.postgres import Database
from stretto.postgres.errors import BadValue, Conflict
from stretto.runtime.clock import Clock, parse_rfc3339
from stretto.runtime.errors import StrettoError
from stretto.telemetry.names import LOG_RUN_ID

logger = logging.getLogger(__name__)

_RUN = """
with e as (
    insert into workflow.event (run_id, seq, type, at, data)
    select $1, * from unnest($2::int[], $3::text[], $4::timestamptz[], $5::jsonb[])
), p as (
    insert into workflow.payload (run_id, hash, data)
    select $1, * from unnest($6::bytea[], $7::bytea[])
    on conflict do nothing
)
insert into workflow.run (run_id, shard, namespace, workflow, version, caller_id, status,
                          started_at, closed_at, wake_at)
values ($1, $8, $9, $10, $11, $12, $13, $14, $15, $16)
"""

_DEFINITION = """
insert into workflow.definition
    (namespace, workflow, version, hash, source, graph, description, expanded, uses)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


@dataclass(kw_only=True)
class _Run:
    """A document that was understood: what is to be appended."""

    document: RunDocument
    slot: Slot
    events: list[StoredEvent]

    @property
    def row(self) -> RunRow:
        return self.slot.row


class Importing:
    """Takes runs from documents."""

    def __init__(
        self, database: Database, publisher: Publisher, clock: Clock, partitions: int
    ) -> None:
        self._db = database
        self._store = Store(database)
        self._publisher = publisher
        self._clock = clock
        self._partitions = partitions

    def operations(self) -> dict[str, Handler]:
        return {"import": self.take}

    async def take(self, data: bytes) -> bytes:
        """Take a run from a document, plain or compressed with zlib.

        Raises Refusal with `import_damaged`, `import_newer`, `import_conflict`, `import_open` or
        `value_invalid`.
        """
        found = await asyncio.to_thread(self._understood, data)
        created = not await self._is_here(found)
        if created:
            await self._define(found)
            created = await self._append(found)
        if created:
            await self._tell(found)
            logger.info("run imported", extra={LOG_RUN_ID: found.slot.text})
        row = found.row
        return json_encode(
            Imported(
                run_id=found.slot.text,
                workflow=row.workflow,
                version=row.version,
                status=row.status if found.slot.run.closed else "paused",
                events=len(found.document.events),
                created=created,
            )
        )

    # --- the document

    def _understood(self, data: bytes) -> _Run:
        try:
            document = read_document(_inflated(data))
        except Damaged as error:
            raise Refusal("import_damaged", str(error)) from error
        events = [
            StoredEvent(each.seq, each.type, parse_rfc3339(each.at), bytes(each.data))
            for each in document.events
        ]
        slot = self._folded(document, events)
        run, row = slot.run, slot.row
        if run.closed:
            row.status, row.closed_us = run.phase.word, run.touched_us
        else:
            events += self._paused(run)
        return _Run(document=document, slot=slot, events=events)

    def _folded(self, document: RunDocument, events: list[StoredEvent]) -> Slot:
        try:
            began = events[0].decoded()
            assert isinstance(began, ev.RunStarted)
            check_origin(began)
            check_versions(document.definitions)
            check_times(events, self._clock.now_us())
            check_course(events)
            graphs = {each.version: _graph(each) for each in document.definitions}
            strange = [
                g.name for v, g in graphs.items() if (g.name, g.version) != (began.workflow, v)
            ]
            assert not strange, f"definitions of {strange}, which the run does not follow"
            run_id = parse_run_id(document.run.run_id)
            row = new_row(run_id, began.namespace, began.workflow, began.version, events[0].at_us)
            row.caller_id = began.id
            slot = Slot.of_log(row, graphs[began.version], events, self._partitions, graphs)
        except UnknownEvent as error:
            raise Refusal("import_newer", str(error)) from error
        except (*FAULTS, msgspec.MsgspecError) as error:
            said = error if type(error) is ValueError else f"{type(error).__name__}: {error}"
            text = f"expected events that fold to a run, but {said}"
            raise Refusal("import_damaged", text) from error
        if (slot.run.namespace, slot.run.workflow) != (
            document.run.namespace,
            document.run.workflow,
        ):
            text = f"expected a run of {document.run.workflow!r}, but it is one of {row.workflow!r}"
            raise Refusal("import_damaged", text)
        return slot

    def _paused(self, run: Run) -> list[StoredEvent]:
        """The event that lets an open run rest until a person resumes it here."""
        if run.phase is not RunPhase.RUNNING or run.line is not None:
            state = "has a place in a line" if run.line is not None else f"is {run.phase.word}"
            text = f"expected a run that has ended, or is running, but it {state}: import it later"
            raise Refusal("import_open", text)
        if run.paused:
            return []
        at_us = max(self._clock.now_us(), run.touched_us)
        event = ev.RunPaused(reason="imported; `resume` lets it go on here")
        return [StoredEvent(run.seq + 1, event.type, at_us, json_encode(event))]

    # --- what is here already

    async def _is_here(self, found: _Run) -> bool:
        """Whether the run is here, with these events, and perhaps later ones."""
        run_id = found.row.run_id
        if not await self._store.runs([run_id]):
            return False
        count = len(found.document.events)
        here = (await self._store.events_of([run_id]))[run_id]
        for ours, theirs in zip(here, found.events[:count], strict=False):
            if not _same(ours, theirs):
                raise _conflict(found, f"event {ours.seq} is another one here")
        if len(here) < count:
            raise _conflict(found, f"it has but {len(here)} events here: it is at event {count}")
        return True

    async def _define(self, found: _Run) -> None:
        """Make known the versions that the run followed; none of them becomes the latest."""
        namespace = found.row.namespace
        for each in found.document.definitions:
            if await self._is_defined(namespace, each):
                continue
            expanded = bytes(each.expanded)
            text = each.source if expanded == b"null" else expanded.decode()
            definition = (await asyncio.to_thread(load, text)).definition
            content = text.encode() if definition is None else canonical(definition)
            try:
                await self._db.execute(
                    _DEFINITION,
                    namespace,
                    each.workflow,
                    each.version,
                    content_hash(content),
                    each.source,
                    bytes(each.graph),
                    None if definition is None else definition.description,
                    None if expanded == b"null" else expanded,
                    json_encode(each.uses),
                )
            except Conflict:
                if not await self._is_defined(namespace, each):
                    raise

    async def _is_defined(self, namespace: str, definition: DefinitionText) -> bool:
        rows = await self._db.fetch(
            "select graph from workflow.definition "
            "where namespace = $1 and workflow = $2 and version = $3",
            namespace,
            definition.workflow,
            definition.version,
        )
        if not rows:
            return False
        if decode_graph(rows[0][0]) != _graph(definition):
            text = (
                f"expected version {definition.version} of {definition.workflow!r} to say what the "
                "run followed, but here it says something else"
            )
            raise Refusal("import_conflict", text)
        return True

    # --- the log

    async def _append(self, found: _Run) -> bool:
        """Append the run, its events and payloads, all or nothing; False: another was first."""
        row, document = found.row, found.document
        try:
            await self._db.execute(
                _RUN,
                row.run_id,
                [each.seq for each in found.events],
                [each.type for each in found.events],
                [each.at_us for each in found.events],
                [each.data for each in found.events],
                [bytes.fromhex(name) for name in document.payloads],
                [document.payload(name) for name in document.payloads],
                row.shard,
                row.namespace,
                row.workflow,
                row.version,
                row.caller_id,
                row.status,
                row.started_us,
                row.closed_us,
                None if found.slot.run.closed else NEVER_US,
            )
        except Conflict as error:
            if await self._is_here(found):
                return False
            why = f"another open run has the id {row.caller_id!r}"
            raise _conflict(found, why) from error
        except BadValue as error:
            text = f"expected values that the log can hold, but {error.message}"
            raise Refusal("value_invalid", text) from error
        return True

    async def _tell(self, found: _Run) -> None:
        """Tell the monitoring service; what is lost comes back when it reads the log again."""
        touched = Touched(found.slot)
        touched.written = [Written.of_log(each) for each in found.events]
        try:
            await self._publisher.publish_many(log_messages([touched]))
        except StrettoError as error:
            extra = {"run_id": found.slot.text, "reason": error.message}
            logger.warning("import not told", extra=extra)


def _inflated(data: bytes) -> bytes:
    """Give the text of a document that may be compressed.

    Raises Damaged when it is larger than any document may be, or cut off.
    """
    if data[:1] != b"\x78":
        return data
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, MAX_DOCUMENT_BYTES + 1)
    except zlib.error as error:
        raise Damaged(f"expected a document, plain or compressed, but {error}") from error
    if not inflate.eof and len(text) <= MAX_DOCUMENT_BYTES:
        raise Damaged("expected a whole document, but it is cut off")
    return text


def _graph(definition: DefinitionText) -> Graph:
    return decode_graph(bytes(definition.graph))


def _same(ours: StoredEvent, theirs: StoredEvent) -> bool:
    if (ours.seq, ours.type, ours.at_us) != (theirs.seq, theirs.type, theirs.at_us):
        return False
    return bool(msgspec.json.decode(ours.data) == msgspec.json.decode(theirs.data))


def _conflict(found: _Run, why: str) -> Refusal:
    text = f"expected run {found.slot.text} not to be here, or to be the same, but {why}"
    return Refusal("import_conflict", text)
