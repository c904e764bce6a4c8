"""A run's history as a document: written in one installation, taken by another.

Versioned JSON: the head of the run, every definition that it followed (source and graph), its
payloads that went by reference, all events in order, and a digest of all that. Whoever reads one
checks it first; what is damaged is refused with the place.
"""

import base64
import binascii
import hashlib
from typing import Any

import msgspec

from stretto.contracts.ids import parse_run_id
from stretto.contracts.payload import MAX_DEPTH, NULL, payload_problem
from stretto.history.passage import Fact
from stretto.payloads.references import references_in
from stretto.runtime.clock import parse_rfc3339

KIND = "run"
FORMAT = 1
"""Of the document; raised when a reader of the one before could misread it."""

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
"""A document is held in memory a few times over by who reads it."""


MAX_DEPTH_OF_EVENTS = 2 * MAX_DEPTH
"""A payload, or an expanded definition, and what holds it."""


class Damaged(ValueError):
    """The document is none, of a newer format, or not as it was written; the sentence says how."""


class RunHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which run it is, and how it stood."""

    run_id: str
    namespace: str
    workflow: str
    version: int
    status: str
    id: str | None = None


class DefinitionText(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version that the run followed. `expanded`: with its templates written out."""

    workflow: str
    version: int
    source: str
    """Its text, as it was registered."""
    graph: msgspec.Raw
    """What it was compiled to."""
    expanded: msgspec.Raw = NULL
    """The document with its templates written out, where it uses any."""
    uses: list[str] = []
    """The templates that it uses: `charge@2`."""


class EventText(msgspec.Struct, frozen=True, kw_only=True):
    """One event, as it stands in the log."""

    seq: int
    """Its number, from 1 without a gap."""
    type: str
    at: str
    data: msgspec.Raw
    """What the event says."""


class RunDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `payloads`: by SHA-256, in base64, byte by byte."""

    stretto: str
    """`run`."""
    format: int
    """1."""
    exported_at: str
    """When it was written."""
    run: RunHead
    """Which run it is."""
    definitions: list[DefinitionText]
    """Every version that the run followed."""
    events: list[EventText]
    """All of them, from the first."""
    payloads: dict[str, str] = {}
    """Those that went by reference: base64 by SHA-256."""
    digest: str = ""
    """`sha256:` and the digest of run, definitions, events and payloads as JSON with its keys
    sorted."""

    def facts(self) -> list[Fact]:
        """Give the events as histories are read."""
        return [
            Fact(each.seq, each.type, parse_rfc3339(each.at), msgspec.json.decode(each.data))
            for each in self.events
        ]

    def payload(self, name: str) -> bytes:
        """Give the bytes of a payload."""
        return base64.b64decode(self.payloads[name], validate=True)


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to an import."""

    run_id: str
    workflow: str
    version: int
    status: str
    """`paused` of a run that was open."""
    events: int
    """How many the document held."""
    created: bool = True
    """False: the run was here already, with these events."""


_decode = msgspec.json.Decoder(RunDocument).decode
_encode = msgspec.json.Encoder(order="sorted").encode


def sealed(document: RunDocument) -> bytes:
    """Write a document with its digest, an indented line a value, so that two can be compared."""
    whole = msgspec.structs.replace(document, digest=digest_of(document))
    return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n"


def digest_of(document: RunDocument) -> str:
    """Work out the digest of all that a document says, whatever its layout."""
    said = {
        "run": document.run,
        "definitions": document.definitions,
        "events": document.events,
        "payloads": document.payloads,
    }
    plain: Any = msgspec.json.decode(msgspec.json.encode(said))
    return "sha256:" + hashlib.sha256(_encode(plain)).hexdigest()


def read_document(data: bytes) -> RunDocument:
    """Read a document and check that it is whole.

    Raises:
        Damaged: it is not; the sentence says what is wrong.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise Damaged(f"expected at most {MAX_DOCUMENT_BYTES} bytes, but got {len(data)}")
    try:
        document = _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged(f"expected the document of an exported run, but {error}") from error
    if document.stretto != KIND:
        raise Damaged(
            f"expected the document of a run, but it is of kind {document.stretto[:40]!r}"
        )
    if document.format > FORMAT:
        raise Damaged(
            f"expected a document of format {FORMAT}, but it has {document.format}: "
            "it was written by a newer version"
        )
    _check_forms(document)
    try:
        digest = digest_of(document)
    except msgspec.MsgspecError as error:
        raise Damaged(f"expected values that can be read, but {error}") from error
    if document.digest != digest:
        raise Damaged("expected the digest of what it says, but it has another: it was changed")
    _check(document)
    return document


def _check_forms(document: RunDocument) -> None:
    """Refuse JSON that could be read, or written to a log, only at the cost of a process."""
    said = [(f"event {each.seq}", each.data) for each in document.events]
    for each in document.definitions:
        said += [("a graph", each.graph), ("a definition", each.expanded)]
    for what, data in said:
        problem = payload_problem(bytes(data), MAX_DOCUMENT_BYTES, MAX_DEPTH_OF_EVENTS)
        if problem is not None:
            raise Damaged(f"{what}: {problem}")


def _check(document: RunDocument) -> None:
    try:
        parse_run_id(document.run.run_id)
        for each in document.events:
            parse_rfc3339(each.at)
    except ValueError as error:
        raise Damaged(str(error)) from error
    if not document.events:
        raise Damaged("expected the events of a run, but there are none")
    for number, each in enumerate(document.events, 1):
        if each.seq != number:
            raise Damaged(f"expected event {number}, but it has the number {each.seq}")
    if document.events[0].type != "run.started":
        raise Damaged(f"expected run.started first, but it is {document.events[0].type}")
    for name in document.payloads:
        try:
            found = hashlib.sha256(document.payload(name)).hexdigest()
        except (binascii.Error, ValueError) as error:
            raise Damaged(f"expected payload {name[:12]}… in base64, but {error}") from error
        if found != name:
            raise Damaged(f"expected payload {name[:12]}…, but its digest is {found[:12]}…")
    missing = references_of(document) - set(document.payloads)
    if missing:
        names = ", ".join(name[:12] for name in sorted(missing))
        raise Damaged(f"expected all payloads that it refers to, but it has none of {names}")


def references_of(document: RunDocument) -> set[str]:
    """The payloads that events, and payloads in it, refer to."""
    waiting = [ref.hash for each in document.events for ref in references_in(bytes(each.data))]
    wanted: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            if name in document.payloads:
                waiting += [ref.hash for ref in references_in(document.payload(name))]
    return wanted
