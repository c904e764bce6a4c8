"""The document of an exported run: whole, or refused with the reason."""

import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest

from stretto.history.document import (
    MAX_DOCUMENT_BYTES,
    Damaged,
    DefinitionText,
    EventText,
    RunDocument,
    RunHead,
    digest_of,
    read_document,
    sealed,
)

RUN = "018bcfe5-6800-7193-9fc5-6b386d69f5e1"
INNER = b'"deep"'
INNER_NAME = hashlib.sha256(INNER).hexdigest()
LARGE = msgspec.json.encode({"x": {"$payload": INNER_NAME, "bytes": len(INNER)}})
LARGE_NAME = hashlib.sha256(LARGE).hexdigest()


def event(seq: int, kind: str, **data: Any) -> EventText:
    raw = msgspec.Raw(msgspec.json.encode(data))
    return EventText(seq=seq, type=kind, at=f"2030-01-01T00:00:0{seq}Z", data=raw)


def document(**fields: Any) -> RunDocument:
    made = RunDocument(
        stretto="run",
        format=1,
        exported_at="2030-01-02T00:00:00Z",
        run=RunHead(run_id=RUN, namespace="default", workflow="w", version=1, status="running"),
        definitions=[DefinitionText(workflow="w", version=1, source="…", graph=msgspec.Raw(b"{}"))],
        events=[
            event(1, "run.started", input={"$payload": LARGE_NAME, "bytes": len(LARGE)}),
            event(2, "step.completed", step="a", output=1.5),
        ],
        payloads={
            LARGE_NAME: base64.b64encode(LARGE).decode(),
            INNER_NAME: base64.b64encode(INNER).decode(),
        },
    )
    return msgspec.structs.replace(made, **fields)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"[" * 900 + b"]" * 900, "event 1: expected JSON nested at most 128 deep"),
        (b"[" + b"1e130000," * 600 + b"0]", "bytes with all numbers written out"),
        (b"[1e400]", "expected values that can be read, but Number out of range"),
    ],
)
def test_values_that_no_log_can_give_back_are_refused(value: bytes, why: str) -> None:
    data = msgspec.Raw(b'{"input": %b}' % value)
    made = document(
        events=[EventText(seq=1, type="run.started", at="2030-01-01T00:00:00Z", data=data)]
    )

    with pytest.raises(Damaged, match=why):
        read_document(msgspec.json.encode(made))


def test_a_document_comes_back_as_it_was_written() -> None:
    found = read_document(sealed(document()))
    assert found.run == document().run
    assert found.payload(LARGE_NAME) == LARGE
    facts = found.facts()
    assert [(fact.seq, fact.type) for fact in facts] == [(1, "run.started"), (2, "step.completed")]
    assert facts[1].at_us - facts[0].at_us == 1_000_000
    assert facts[1].data == {"step": "a", "output": 1.5}


def test_another_layout_is_the_same_document() -> None:
    loose = json.dumps(json.loads(sealed(document())), indent=7, sort_keys=True)
    assert read_document(loose.encode()).digest == read_document(sealed(document())).digest


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"stretto": "song"}, "of kind 'song'"),
        ({"format": 2}, "by a newer version"),
        ({"events": []}, "but there are none"),
        ({"events": [event(2, "run.started")]}, "expected event 1"),
        ({"events": [event(1, "run.sung")]}, "expected run.started first"),
        ({"payloads": {}}, f"none of {LARGE_NAME[:12]}"),
        ({"payloads": {LARGE_NAME: "!"}}, "in base64"),
        ({"payloads": {LARGE_NAME: "YQ=="}}, "but its digest is"),
        (
            {"payloads": {LARGE_NAME: base64.b64encode(LARGE).decode()}},
            f"none of {INNER_NAME[:12]}",
        ),
        (
            {"run": RunHead(run_id="x", namespace="n", workflow="w", version=1, status="s")},
            "run id",
        ),
        ({"events": [msgspec.structs.replace(event(1, "run.started"), at="soon")]}, "an instant"),
    ],
)
def test_what_is_not_whole_is_refused_with_the_reason(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(Damaged, match=why):
        read_document(sealed(document(**fields)))


def test_what_was_changed_is_refused() -> None:
    with pytest.raises(Damaged, match="it was changed"):
        read_document(sealed(document()).replace(b"1.5", b"2.5"))
    assert digest_of(document()).startswith("sha256:")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"{" * 100_000])
def test_what_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(Damaged, match="expected the document of an exported run"):
        read_document(data)


def test_what_is_too_large_is_refused_unread() -> None:
    with pytest.raises(Damaged, match="expected at most"):
        read_document(bytes(MAX_DOCUMENT_BYTES + 1))


def test_payloads_are_looked_for_however_deep_they_are() -> None:
    payloads, name, size = {}, INNER_NAME, len(INNER)
    for _ in range(12):
        data = msgspec.json.encode([{"$payload": name, "bytes": size}] * 2)
        name, size = hashlib.sha256(data).hexdigest(), len(data)
        payloads[name] = base64.b64encode(data).decode()
    given = {"$payload": name, "bytes": size}
    events = [
        event(1, "run.started", input=given),
        event(2, "step.completed", step="a", output=given),
    ]

    with pytest.raises(Damaged, match=f"none of {INNER_NAME[:12]}"):
        read_document(sealed(document(events=events, payloads=payloads)))
    payloads[INNER_NAME] = base64.b64encode(INNER).decode()
    assert read_document(sealed(document(events=events, payloads=payloads))).payloads == payloads
