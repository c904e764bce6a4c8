"""Paths into a scope (`steps.charge.output.items[0]`) and how a value is looked up by one.

Looking up means here what it means in the language: a text key selects a field of a map, a whole
number an item of a list, anything else is an error that names the path as far as it was found.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from stretto.expression.errors import EvaluationError, nearest, shorten

__all__ = [
    "Getter",
    "Reference",
    "Scope",
    "Segments",
    "getter_of",
    "look_up",
    "no_map",
    "show_path",
    "show_value",
]

Scope = Mapping[str, Any]
"""Plain JSON values by root: `{"input": {...}, "steps": {"charge": {"output": {...}}}}`."""

Segments = tuple[str | int, ...]
"""A path: the root, then text keys of maps and indices of lists."""

Reference = tuple[str, ...]
"""A path without indices: what an expression needs from outside."""

Getter = Callable[[Scope], Any]
"""Gives a value from a scope or raises EvaluationError."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MAX_SHOWN = 40
"""Characters of a value in a message: enough to recognise it."""


def show_path(segments: Segments) -> str:
    """Write a path as the language does: `steps["a-b"].output[0]`."""
    text = str(segments[0])
    for segment in segments[1:]:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif _PLAIN_NAME.match(segment):
            text += f".{segment}"
        else:
            text += f'["{segment}"]'
    return text


def show_value(value: object) -> str:
    """Write a value for a message: text and numbers as they are, containers by their size."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return shorten(f'"{value}"', _MAX_SHOWN)
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"a map of {len(value)}"
        case int() | float():
            return shorten(str(value), _MAX_SHOWN)
    return f"a {type(value).__name__}"


def getter_of(segments: Segments) -> Getter:
    """Make the fastest function that looks a path up.

    The result shares structure with the scope: nothing is copied.
    """
    if any(isinstance(segment, int) for segment in segments):
        return lambda scope: look_up(scope, segments)
    names: tuple[str, ...] = tuple(str(segment) for segment in segments)
    match names:
        case (a,):
            return _field_1(a)
        case (a, b):
            return _field_2(a, b)
        case (a, b, c):
            return _field_3(a, b, c)
        case (a, b, c, d):
            return _field_4(a, b, c, d)
    return _fields(names)


def look_up(scope: Scope, segments: Segments) -> Any:
    """Look a path up, step by step.

    Raises:
        EvaluationError: `missing_path` where a root, key or index is not there, `type_mismatch`
            where a value on the way has no fields or items.
    """
    value: Any = scope
    for count, segment in enumerate(segments):
        if isinstance(segment, int):
            value = _item(value, segment, segments[:count])
        elif count == 0:
            if segment not in scope:
                raise EvaluationError(
                    "missing_path", f"expected `{segment}` in the scope, but it is not there"
                )
            value = scope[segment]
        else:
            value = _field(value, segment, segments[:count])
    return value


def _field(value: Any, key: str, path: Segments) -> Any:
    if isinstance(value, dict):
        if key in value:
            return value[key]
        raise EvaluationError("missing_path", _missing(value, key, path))
    raise no_map(value, key, path)


def no_map(value: Any, key: str, path: Segments) -> EvaluationError:
    """The error of asking something that is no map for a field."""
    return EvaluationError(
        "type_mismatch",
        f"expected `{show_path(path)}` to be a map with `{key}`, but it is {show_value(value)}",
    )


def _item(value: Any, index: int, path: Segments) -> Any:
    if isinstance(value, list):
        if 0 <= index < len(value):
            return value[index]
        raise EvaluationError(
            "missing_path",
            f"expected `{show_path((*path, index))}`, but the list has {len(value)} items",
        )
    if isinstance(value, dict):
        raise EvaluationError("missing_path", _missing(value, str(index), path))
    raise EvaluationError(
        "type_mismatch",
        f"expected `{show_path(path)}` to be a list, but it is {show_value(value)}",
    )


def _missing(value: dict[str, Any], key: str, path: Segments) -> str:
    meant = nearest(key, (name for name in value if isinstance(name, str)))
    hint = f" (did you mean `{meant}`?)" if meant else ""
    return f"expected `{show_path((*path, key))}`, but `{show_path(path)}` has no `{key}`{hint}"


def _field_1(a: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope[a]
        except (KeyError, TypeError, IndexError):
            return look_up(scope, (a,))

    return get


def _field_2(a: str, b: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope[a][b]
        except (KeyError, TypeError, IndexError):
            return look_up(scope, (a, b))

    return get


def _field_3(a: str, b: str, c: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope[a][b][c]
        except (KeyError, TypeError, IndexError):
            return look_up(scope, (a, b, c))

    return get


def _field_4(a: str, b: str, c: str, d: str) -> Getter:
    def get(scope: Scope) -> Any:
        try:
            return scope[a][b][c][d]
        except (KeyError, TypeError, IndexError):
            return look_up(scope, (a, b, c, d))

    return get


def _fields(names: tuple[str, ...]) -> Getter:
    def get(scope: Scope) -> Any:
        value: Any = scope
        try:
            for name in names:
                value = value[name]
        except (KeyError, TypeError, IndexError):
            return look_up(scope, names)
        return value

    return get
