"""Runs carried from one installation to another: exported as a document, imported from one."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from stretto.client.feed import CUT_BYTES, PAGE
from stretto.contracts.payload import NULL, PayloadRef
from stretto.history.document import (
    FORMAT,
    KIND,
    DefinitionText,
    EventText,
    Imported,
    RunDocument,
    RunHead,
    read_document,
    sealed,
)
from stretto.payloads.references import references_in
from stretto.runtime.clock import now_us, rfc3339

if TYPE_CHECKING:
    from stretto.client.link import Link

IMPORT_TIMEOUT_S = 60.0
"""A history of a hundred thousand events is checked, folded and written."""

PLAIN_BYTES = 64 * 1024
"""Larger documents are sent compressed: a message holds a few megabytes."""


class _Page(msgspec.Struct):
    events: list[EventText] = []


class _Head(msgspec.Struct):
    namespace: str
    workflow: str
    version: int
    status: str
    id: str | None = None


class _Definition(msgspec.Struct):
    version: int
    source: str
    graph: msgspec.Raw
    expanded: msgspec.Raw = NULL
    uses: list[str] = []


class _Versions(msgspec.Struct):
    version: int | None = None
    to_version: int | None = None


async def export_run(link: Link, run_id: str) -> bytes:
    """Give the document of a run: its events so far, its definitions, its payloads.

    Raises:
        Rejected: there is no such run.
        NotReachable: nobody answered.
    """
    events = await _events(link, run_id)
    request = {"run_id": run_id, "at_seq": events[-1].seq}
    head = await link.asks.ask("workflow", "state", request, _Head)
    document = RunDocument(
        stretto=KIND,
        format=FORMAT,
        exported_at=rfc3339(now_us()),
        run=RunHead(
            run_id=run_id,
            namespace=head.namespace,
            workflow=head.workflow,
            version=head.version,
            status=head.status,
            id=head.id,
        ),
        definitions=[
            await _definition(link, head, version) for version in sorted(_versions(events))
        ],
        events=events,
        payloads=await _payloads(link, run_id, events),
    )
    return sealed(document)


async def _events(link: Link, run_id: str) -> list[EventText]:
    found: list[EventText] = []
    while True:
        after = found[-1].seq if found else 0
        request = {"run_id": run_id, "after_seq": after, "limit": PAGE}
        data = await link.asks.ask_raw("workflow", "history", msgspec.json.encode(request))
        page = msgspec.json.decode(data, type=_Page).events
        found += page
        # A page is also cut where it gets too large for a message.
        if not page or (len(page) < PAGE and len(data) < CUT_BYTES):
            return found


def _versions(events: list[EventText]) -> set[int]:
    """The versions that a run has followed."""
    kinds = {"run.started", "run.migrated"}
    said = [msgspec.json.decode(each.data, type=_Versions) for each in events if each.type in kinds]
    return {v for each in said for v in (each.version, each.to_version) if v is not None}


async def _definition(link: Link, head: _Head, version: int) -> DefinitionText:
    request = {"namespace": head.namespace, "workflow": head.workflow, "version": version}
    found = await link.asks.ask("workflow", "definition", request, _Definition)
    return DefinitionText(
        workflow=head.workflow,
        version=found.version,
        source=found.source,
        graph=found.graph,
        expanded=found.expanded,
        uses=found.uses,
    )


async def _payloads(link: Link, run_id: str, events: list[EventText]) -> dict[str, str]:
    """The payloads that went by reference, and those that these refer to."""
    found: dict[str, str] = {}
    wanted: dict[str, PayloadRef] = {
        ref.hash: ref for each in events for ref in references_in(bytes(each.data))
    }
    while wanted:
        inner: dict[str, PayloadRef] = {}
        for name, ref in wanted.items():
            value = await link.carrier.value(ref, run_id)
            found[name] = base64.b64encode(value).decode()
            inner |= {each.hash: each for each in references_in(value)}
        wanted = {name: ref for name, ref in inner.items() if name not in found}
    return found


async def import_run(link: Link, data: bytes) -> Imported:
    """Hand a document to the workflow service. The same one again changes nothing.

    Raises:
        Damaged: the document is not whole.
        Rejected: it was refused: another run has that id, another definition that version.
        NotReachable: nobody answered.
        PermanentError: it is larger than a message may be.
    """
    read_document(data)
    body = data if len(data) <= PLAIN_BYTES else zlib.compress(data)
    link.connection.check_size(len(body))
    answer: Any = await link.asks.ask_raw("workflow", "import", body, IMPORT_TIMEOUT_S)
    return msgspec.json.decode(answer, type=Imported)
