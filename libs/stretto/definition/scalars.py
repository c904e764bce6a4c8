"""Plain scalars by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/ §10.3.2).

`on`, `yes`, `no`, `off`, `2024-01-01` and `1:30` are strings; `0o17` is octal and `017` is 17.
"""

import math
import re

_NULLS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_BOOLEANS = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_JSON = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")

_FIRST_CHARS = frozenset("-+.0123456789~nNtTfF")
"""What is not a string begins with one of these (or is empty)."""

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
"""Expressions and the log know integers of 64 bits."""

_MAX_DIGITS = 400
"""More digits than any number within range has; longer ones are not even read."""


class NotRepresentable(ValueError):
    """A number that JSON, or 64 bits, cannot hold. The text says what was expected."""


def resolve(text: str) -> str | int | float | bool | None:
    """Read a plain scalar; raises NotRepresentable for infinities, not-a-number and integers
    beyond 64 bits."""
    if text and text[0] not in _FIRST_CHARS:
        return text
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return _integer(text, 10)
    if _OCTAL.match(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.match(text):
        return _integer(text[2:], 16)
    if _FLOAT.match(text):
        return _float(text)
    if _NOT_JSON.match(text):
        raise NotRepresentable(
            "expected a number that JSON can hold, but got infinity or not a number"
        )
    return text


def _integer(digits: str, base: int) -> int:
    value = int(digits, base) if len(digits) <= _MAX_DIGITS else MAX_INTEGER + 1
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise NotRepresentable("expected an integer of at most 64 bits, but got a larger one")
    return value


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotRepresentable("expected a number of at most 64 bits, but got a larger one")
    return value
