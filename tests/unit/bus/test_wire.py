"""Bytes of the protocol: what we write is what a parser reads, and nobody can write more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from stretto.bus.wire import (
    header_block,
    new_inbox,
    parse_headers,
    parse_status,
    publish_command,
    subject_bytes,
)
from stretto.runtime.errors import PermanentError

KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=50)


@given(st.dictionaries(KEYS, VALUES, max_size=5), st.none() | st.from_regex(r"\S+", fullmatch=True))
def test_headers_come_back_as_they_were_written(
    headers: dict[str, str], msg_id: str | None
) -> None:
    block = header_block(msg_id, headers)
    expected = {key: value.encode().strip().decode() for key, value in headers.items()}
    if msg_id is not None:
        expected = {"Nats-Msg-Id": msg_id.encode().strip().decode()} | expected
    assert parse_headers(block) == expected
    assert Client._parse_header_lines(block.partition(b"\r\n")[2]) == expected
    assert parse_status(block) == (0, "")


def test_without_headers_there_is_no_block() -> None:
    assert header_block(None, None) == b""
    assert header_block(None, {}) == b""
    assert header_block("a", None) == b"NATS/1.0\r\nNats-Msg-Id: a\r\n\r\n"


@pytest.mark.parametrize(
    ("msg_id", "headers"),
    [
        ("a\r\nPUB x 0", None),
        ("a\nb", {"k": "v"}),
        (None, {"k": "a\r\nb"}),
        (None, {"k\r\nx": "v"}),
        (None, {"a b": "v"}),
        (None, {"a:b": "v"}),
        (None, {"": "v"}),
    ],
)
def test_headers_cannot_hold_commands(msg_id: str | None, headers: dict[str, str] | None) -> None:
    with pytest.raises(PermanentError) as caught:
        header_block(msg_id, headers)
    assert caught.value.code == "bus.bad_header"


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0", "a\tb", "a\u00a0b"])
def test_subjects_cannot_hold_commands(subject: str) -> None:
    with pytest.raises(PermanentError) as caught:
        subject_bytes(subject)
    assert caught.value.code == "bus.bad_subject"


def test_a_command_says_how_long_its_parts_are() -> None:
    assert publish_command(b"a.b", b"", b"", b"xyz") == b"PUB a.b  3\r\nxyz\r\n"
    assert publish_command(b"a", b"r", b"", b"") == b"PUB a r 0\r\n\r\n"
    block = header_block("1", None)
    command = publish_command(b"a", b"r", block, b"xyz")
    size = len(block)
    assert command == b"HPUB a r %d %d\r\n" % (size, size + 3) + block + b"xyz\r\n"


def test_a_status_line_is_a_number_and_a_sentence() -> None:
    assert parse_status(b"NATS/1.0 503\r\n\r\n") == (503, "")
    assert parse_status(b"NATS/1.0 408 Request Timeout\r\nA: 1\r\n\r\n") == (408, "Request Timeout")
    assert parse_status(b"NATS/1.0 x\r\n\r\n") == (0, "")


def test_headers_from_anybody_are_read_without_raising() -> None:
    block = b"NATS/1.0\r\nno colon\r\nA:1\r\nB: \xff\r\nC :2\r\nA: 3\r\n\r\n"
    assert parse_headers(block) == {"A": "3", "B": "\ufffd", "C": "2"}


def test_no_two_inboxes_are_the_same() -> None:
    inboxes = {new_inbox("_INBOX") for _ in range(100)}
    assert len(inboxes) == 100
    assert all(inbox.startswith("_INBOX.") and inbox.endswith(".") for inbox in inboxes)
