"""What may be handed to the native library: JSON within limits.

It cuts text at U+0000, crashes on JSON some thousand levels deep, and says late and unclearly what
else it does not like; so everything is looked over before.
"""

from typing import Any

from stretto.expression.errors import EvaluationError
from stretto.expression.limits import (
    MAX_DEPTH,
    MAX_UINT,
    MAX_VALUE_CHARS,
    MAX_VALUE_NODES,
    MIN_INT,
)

__all__ = ["admit"]


def admit(value: Any, name: str) -> Any:
    """Let a JSON value pass, unchanged, or say what is wrong with it. O(n) over all it holds.

    Raises:
        EvaluationError: `too_large` past a limit, `overflow` for an integer past 64 bits,
            `invalid` for what is not JSON or holds U+0000.
    """
    kind = type(value)
    if kind is dict or kind is list:
        _admit_container(value, name)
    else:
        _admit_plain(value, name)
    return value


def _admit_plain(value: Any, name: str) -> int:
    """Check a value that holds no others; give the number of its characters."""
    kind = type(value)
    if kind is str:
        if "\0" in value:
            raise EvaluationError(
                "invalid", f"expected text in `{name}`, but it holds the character U+0000"
            )
        if len(value) > MAX_VALUE_CHARS:
            raise _too_many_chars(name)
        return len(value)
    if kind is int:
        if not MIN_INT <= value <= MAX_UINT:
            raise EvaluationError(
                "overflow", f"expected integers of 64 bits in `{name}`, but got {value}"
            )
    elif not (value is None or kind is bool or kind is float):
        raise EvaluationError("invalid", f"expected JSON in `{name}`, but got a {kind.__name__}")
    return 0


def _admit_container(value: dict[str, Any] | list[Any], name: str) -> None:
    nodes = chars = 0
    level: list[dict[str, Any] | list[Any]] = [value]
    depth = 1
    while level:
        if depth > MAX_DEPTH:
            raise EvaluationError(
                "too_large", f"expected JSON at most {MAX_DEPTH} deep in `{name}`, but it is deeper"
            )
        below: list[dict[str, Any] | list[Any]] = []
        for container in level:
            nodes += len(container)
            if type(container) is dict:
                for key in container:
                    if type(key) is not str:
                        raise EvaluationError(
                            "invalid", f"expected text keys in `{name}`, but got {key!r}"
                        )
                    chars += _admit_plain(key, name)
                items: Any = container.values()
            else:
                items = container
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                else:
                    chars += _admit_plain(item, name)
        if nodes > MAX_VALUE_NODES:
            raise EvaluationError(
                "too_large",
                f"expected at most {MAX_VALUE_NODES} values in `{name}`, but it holds more",
            )
        if chars > MAX_VALUE_CHARS:
            raise _too_many_chars(name)
        level = below
        depth += 1


def _too_many_chars(name: str) -> EvaluationError:
    return EvaluationError(
        "too_large", f"expected at most {MAX_VALUE_CHARS} characters in `{name}`, but it holds more"
    )
