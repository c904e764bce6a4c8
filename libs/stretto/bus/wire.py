"""Bytes of the NATS protocol: commands, header blocks, inboxes."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from stretto.runtime.errors import PermanentError

HEADER_LINE = b"NATS/1.0"
MSG_ID = "Nats-Msg-Id"

# What would end a token, a line, or the command: whoever controls a subject or header must not
# be able to write commands of their own.
_NOT_IN_SUBJECT = re.compile(r"\s")
_NOT_IN_KEY = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_NOT_IN_VALUE = re.compile(r"[\r\n]")
_TOKEN_BYTES = 12  # 96 random bits: inboxes of all clients for ever do not meet


def subject_bytes(subject: str) -> bytes:
    """Return the subject as it goes on the wire.

    Raises:
        PermanentError: it is empty or has white space in it.
    """
    if not subject or _NOT_IN_SUBJECT.search(subject):
        raise PermanentError(
            "bus.bad_subject",
            f"expected a subject without white space, but got {subject[:100]!r}",
        )
    return subject.encode()


def header_block(msg_id: str | None, headers: Mapping[str, str] | None) -> bytes:
    """Return an encoded header block, empty when there are no headers.

    Raises:
        PermanentError: a key has characters that a header cannot have, or a value a line break.
    """
    if not headers:
        if msg_id is None:
            return b""
        if _NOT_IN_VALUE.search(msg_id):
            raise _bad_header(MSG_ID)
        return f"NATS/1.0\r\n{MSG_ID}: {msg_id}\r\n\r\n".encode()
    lines = ["NATS/1.0"]
    if msg_id is not None:
        lines.append(_line(MSG_ID, msg_id))
    lines += [_line(key, value) for key, value in headers.items()]
    lines.append("\r\n")
    return "\r\n".join(lines).encode()


def _line(key: str, value: str) -> str:
    if not key or _NOT_IN_KEY.search(key) or _NOT_IN_VALUE.search(value):
        raise _bad_header(key)
    return f"{key}: {value}"


def _bad_header(key: str) -> PermanentError:
    return PermanentError(
        "bus.bad_header", f"expected a header of one line of text, but {key[:100]!r} is not"
    )


def publish_command(subject: bytes, reply: bytes, block: bytes, data: bytes) -> bytes:
    """Return one PUB or HPUB command; ``reply`` and ``block`` may be empty."""
    if block:
        size = len(block)
        return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
            *(subject, reply, size, size + len(data)),
            *(block, data),
        )
    return b"PUB %b %b %d\r\n%b\r\n" % (subject, reply, len(data), data)


def parse_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a block, without its status line.

    Keys keep their case; of a key that comes twice the last value counts. Lines without a colon
    are left out, bytes that are not UTF-8 become U+FFFD: headers come from anybody.
    """
    headers: dict[str, str] = {}
    for line in block.split(b"\r\n")[1:]:
        key, colon, value = line.partition(b":")
        if colon:
            headers[key.strip().decode("utf-8", "replace")] = value.strip().decode(
                "utf-8", "replace"
            )
    return headers


def parse_status(block: bytes) -> tuple[int, str]:
    """Return status and description of a block, ``(0, "")`` when it has none.

    ``NATS/1.0 408 Request Timeout\\r\\n...`` is a message of the server about a request.
    """
    line = block[len(HEADER_LINE) : block.find(b"\r\n")].strip()
    code, _, description = line.partition(b" ")
    if not code.isdigit():
        return 0, ""
    return int(code), description.decode("utf-8", "replace")


def new_inbox(prefix: str) -> str:
    """Return a subject that nobody else has, to be extended by a token: ``<prefix>.<random>.``"""
    return f"{prefix}.{secrets.token_hex(_TOKEN_BYTES)}."
