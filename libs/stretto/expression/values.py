"""What may be handed to the native library: JSON within limits.

It cuts text at U+0000, crashes on JSON some thousand levels deep, and says late and unclearly what
else it does not like; so everything is looked over before. Most of the looking is done by encoding,
which is ten times faster than going through the values.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from stretto.expression.errors import EvaluationError
from stretto.expression.limits import (
    MAX_DEPTH,
    MAX_UINT,
    MAX_VALUE_CHARS,
    MAX_VALUE_NODES,
    MIN_INT,
)

__all__ = ["admit", "levels_below"]

_encode = msgspec.json.Encoder().encode
_NUL = b"\\u0000"
_Container = dict[str, Any] | list[Any]


def admit(value: Any, name: str) -> Any:
    """Let a JSON value pass, unchanged, or say what is wrong with it. O(n) over all it holds.

    Raises:
        EvaluationError: `too_large` past a limit, `overflow` for an integer past 64 bits,
            `invalid` for what is not JSON or holds U+0000.
    """
    kind = type(value)
    if kind is str:
        _admit_text(value, name)
    elif kind is dict or kind is list:
        _admit_container(value, name)
    elif kind is int:
        if not MIN_INT <= value <= MAX_UINT:
            raise EvaluationError(
                "overflow", f"expected integers of 64 bits in `{name}`, but got {value}"
            )
    elif not (value is None or kind is bool or kind is float):
        raise EvaluationError("invalid", f"expected JSON in `{name}`, but got a {kind.__name__}")
    return value


def levels_below(value: _Container) -> Iterator[list[_Container]]:
    """Yield the lists and maps inside a value, level by level, without recursion."""
    level: list[_Container] = [value]
    while level:
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) is dict or type(item) is list
        ]
        if level:
            yield level


def _admit_text(text: str, name: str) -> None:
    if "\0" in text:
        raise _holds_nul(name)
    if len(text) > MAX_VALUE_CHARS:
        raise _too_large(name)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise _not_text(name) from None


def _admit_container(value: _Container, name: str) -> None:
    try:
        encoded = _encode(value)
    except RecursionError:
        raise _too_deep(name) from None
    except UnicodeEncodeError:
        raise _not_text(name) from None
    except TypeError as error:
        raise EvaluationError("invalid", f"expected JSON in `{name}`, but {error}") from None
    if len(encoded) > MAX_VALUE_CHARS:
        raise _too_large(name)
    if _NUL in encoded and _has_nul(value):
        raise _holds_nul(name)
    if encoded.count(b"[") + encoded.count(b"{") > MAX_DEPTH:
        _admit_depth(value, name)


def _admit_depth(value: _Container, name: str) -> None:
    nodes = len(value)
    for depth, level in enumerate(levels_below(value), start=2):
        nodes += sum(map(len, level))
        if depth > MAX_DEPTH:
            raise _too_deep(name)
    if nodes > MAX_VALUE_NODES:
        raise EvaluationError(
            "too_large", f"expected at most {MAX_VALUE_NODES} values in `{name}`, but got {nodes}"
        )


def _has_nul(value: Any) -> bool:
    """Whether a text inside holds U+0000, as its encoding suggests (it may be an escaped `\\`)."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _holds_nul(name: str) -> EvaluationError:
    return EvaluationError(
        "invalid", f"expected text in `{name}`, but it holds the character U+0000"
    )


def _not_text(name: str) -> EvaluationError:
    return EvaluationError("invalid", f"expected text in `{name}`, but it holds half a character")


def _too_deep(name: str) -> EvaluationError:
    return EvaluationError(
        "too_large", f"expected JSON at most {MAX_DEPTH} deep in `{name}`, but it is deeper"
    )


def _too_large(name: str) -> EvaluationError:
    return EvaluationError(
        "too_large", f"expected at most {MAX_VALUE_CHARS} characters in `{name}`, but it holds more"
    )
