"""References within payloads: made, found, replaced by what they stand for."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from stretto.contracts.payload import REFERENCE_MARK, PayloadRef
from stretto.contracts.unreadable import UNREADABLE

MAX_REFERENCES = 1_000
"""References of one payload: each is looked up."""

_KEYS = {"$payload", "bytes"}
_HASH = re.compile(r"[0-9a-f]{64}")

_REFERENCE_BYTES = 100
"""About what a reference takes: shorter members are not worth one."""

_decode = msgspec.json.Decoder().decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def hash_of(data: bytes) -> str:
    """Give the SHA-256 of a payload in hex: its name."""
    return hashlib.sha256(data).hexdigest()


def reference_to(data: bytes) -> PayloadRef:
    """Give the reference that stands for a payload (JSON bytes)."""
    return PayloadRef(hash=hash_of(data), bytes=len(data))


def take_out(data: bytes, limit: int) -> tuple[bytes, list[bytes]]:
    """Make a payload (JSON bytes) at most `limit` bytes long; with what was taken out of it.

    Of an object the largest members go, so that expressions still read the small ones beside them;
    where that is not enough, and of anything else, the whole is taken out.
    """
    if len(data) <= limit:
        return data, []
    if data[:1] == b"{":
        try:
            members = _decode_members(data)
        except UNREADABLE:
            members = {}
        taken: list[bytes] = []
        size = len(data)
        for name, value in sorted(members.items(), key=lambda member: -len(member[1])):
            if size <= limit or len(value) <= _REFERENCE_BYTES:
                break
            taken.append(bytes(value))
            members[name] = msgspec.Raw(_encode(reference_to(taken[-1])))
            size += len(members[name]) - len(value)
        if size <= limit and taken:
            return _encode(members), taken
    return _encode(reference_to(data)), [data]


def references_in(data: bytes) -> list[PayloadRef]:
    """Find the references in a payload (JSON bytes), each once.

    Raises:
        ValueError: it is no JSON, or holds more than MAX_REFERENCES.
    """
    if REFERENCE_MARK not in data:
        return []
    found: dict[str, PayloadRef] = {}
    for ref in _walk(_read(data)):
        found[ref.hash] = ref
        if len(found) > MAX_REFERENCES:
            raise ValueError(f"expected at most {MAX_REFERENCES} references, but there are more")
    return list(found.values())


def fill(data: bytes, values: Mapping[str, bytes]) -> bytes:
    """Put values (JSON bytes by hash) in the places of their references; others stay.

    Raises ValueError where `data` is no JSON.
    """
    if REFERENCE_MARK not in data:
        return data
    root = _read(data)
    ref = _reference(root)
    if ref is not None:
        return values.get(ref.hash, data)
    return _encode(_filled(root, values))


def _read(data: bytes) -> Any:
    try:
        return _decode(data)
    except UNREADABLE as error:
        raise ValueError(f"expected JSON, but: {error}") from error


def _reference(value: Any) -> PayloadRef | None:
    if not isinstance(value, dict) or value.keys() != _KEYS:
        return None
    name, size = value["$payload"], value["bytes"]
    if not isinstance(name, str) or not isinstance(size, int) or isinstance(size, bool):
        return None
    return PayloadRef(hash=name, bytes=size) if _HASH.fullmatch(name) and size >= 0 else None


def _walk(value: Any) -> Iterator[PayloadRef]:
    ref = _reference(value)
    if ref is not None:
        yield ref
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner)


def _filled(value: Any, values: Mapping[str, bytes]) -> Any:
    if isinstance(value, list):
        return [_filled(inner, values) for inner in value]
    if not isinstance(value, dict):
        return value
    ref = _reference(value)
    if ref is None:
        return {key: _filled(inner, values) for key, inner in value.items()}
    found = values.get(ref.hash)
    return value if found is None else msgspec.Raw(found)
