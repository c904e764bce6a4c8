"""Digests: `hash.` Of the UTF-8 of a text, in hexadecimal digits."""

import hashlib
import zlib
from typing import Any

import msgspec

from stretto.expression.errors import EvaluationError
from stretto.expression.functions.registry import function


@function(
    "hash.sha256",
    {"hash.sha256('abc')": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
)
def _sha256(text: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(utf8(text)).hexdigest()


@function("hash.md5", {"hash.md5('abc')": "900150983cd24fb0d6963f7d28e17f72"})
def _md5(text: str) -> str:
    """The MD5 of a text: to compare with what others computed, not to keep anything safe."""
    return hashlib.md5(utf8(text), usedforsecurity=False).hexdigest()


@function("hash.crc32", {"hash.crc32('abc')": 891568578})
def _crc32(text: str) -> int:
    """The CRC-32 of a text, as a number from 0 to 2^32 - 1."""
    return zlib.crc32(utf8(text))


@function(
    "hash.value",
    {
        "hash.value({'b': 1, 'a': 2}) == hash.value({'a': 2, 'b': 1})": True,
        "hash.value([]).size()": 64,
    },
)
def _value(value: Any) -> str:
    """SHA-256 of a value as compact JSON with sorted keys: the same for equal maps."""
    try:
        return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
    except (RecursionError, UnicodeEncodeError) as error:
        raise EvaluationError("invalid", f"expected JSON for `hash.value`, but {error}") from None


def utf8(text: str) -> bytes:
    """The bytes of a text.

    Raises:
        EvaluationError: `invalid`, it holds half a character.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise EvaluationError("invalid", "expected text, but it holds half a character") from None
