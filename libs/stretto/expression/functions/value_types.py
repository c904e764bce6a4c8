"""What a parameter of a function may be: how it is shown, which values fit, how they are read.

A function is declared with Python's type hints; each stands for one of these types.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args, get_origin

from stretto.expression.functions.instants import read_duration, read_instant
from stretto.expression.limits import MAX_UINT, MAX_VALUE_CHARS, MAX_VALUE_NODES, MIN_INT

__all__ = ["MISSING", "UNFIT", "Native", "ValueType", "is_bounded", "value_type_of"]

MISSING: Any = object()
"""What a forgiving function gets for an argument that names a path which is not there."""

UNFIT: Any = object()
"""What reading gives for a value of another type."""

Native = Literal["dyn", "string", "int", "bool", "list", "map"]
"""The type as the checker of the language knows it. A number is `dyn`: it may be of two types."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """A type of arguments and results.

    Attributes:
        name: as the reference shows it.
        wanted: as a message says it, with its article.
        native: see Native.
        read: gives what the Python function gets for a JSON value, or UNFIT.
    """

    name: str
    wanted: str
    native: Native
    read: Callable[[Any], Any]


def value_type_of(hint: Any) -> ValueType | None:
    """The type that a type hint stands for, or None where it stands for none."""
    if get_origin(hint) is Literal and all(isinstance(word, str) for word in get_args(hint)):
        return _one_of(get_args(hint))
    try:
        return _BY_HINT.get(hint)
    except TypeError:  # not hashable, so no type hint
        return None


def _any(value: Any) -> Any:
    return value if value is MISSING or is_bounded(value) else UNFIT


def is_bounded(value: Any) -> bool:
    """Whether a value is small enough to be given to a function, as far as O(1) tells."""
    if isinstance(value, str):
        return len(value) <= MAX_VALUE_CHARS
    return not isinstance(value, (list, dict)) or len(value) <= MAX_VALUE_NODES


def _string(value: Any) -> Any:
    return value if isinstance(value, str) and len(value) <= MAX_VALUE_CHARS else UNFIT


def _bool(value: Any) -> Any:
    return value if isinstance(value, bool) else UNFIT


def _int(value: Any) -> Any:
    """A whole number; JSON may have written it `5.0`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool)
    return value if fits and MIN_INT <= value <= MAX_UINT else UNFIT


def _number(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else UNFIT
    return _int(value)


def _list(value: Any) -> Any:
    return value if isinstance(value, list) and len(value) <= MAX_VALUE_NODES else UNFIT


def _map(value: Any) -> Any:
    return value if isinstance(value, dict) and len(value) <= MAX_VALUE_NODES else UNFIT


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def items(value: Any) -> Any:
        fits = _list(value) is not UNFIT and all(read(item) is not UNFIT for item in value)
        return value if fits else UNFIT

    return items


def _one_of(words: tuple[str, ...]) -> ValueType:
    shown = " | ".join(f"'{word}'" for word in words)
    wanted = f"one of {', '.join(words)}"
    return ValueType(shown, wanted, "string", lambda value: value if value in words else UNFIT)


def _or_unfit(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def reading(value: Any) -> Any:
        result = read(value)
        return UNFIT if result is None else result

    return reading


_NUMBER = ValueType("number", "a number", "dyn", _number)
_LIST = ValueType("list", "a list", "list", _list)
_MAP = ValueType("map", "a map", "map", _map)
_MAPS = ValueType("list of maps", "a list of maps", "list", _list_of(_map))
_STRINGS = ValueType("list of strings", "a list of strings", "list", _list_of(_string))

_BY_HINT: dict[Any, ValueType] = {
    Any: ValueType("any", "JSON", "dyn", _any),
    str: ValueType("string", "a string", "string", _string),
    bool: ValueType("bool", "a bool", "bool", _bool),
    int: ValueType("int", "a whole number", "dyn", _int),
    float: _NUMBER,
    int | float: _NUMBER,
    list: _LIST,
    list[Any]: _LIST,
    list[str]: _STRINGS,
    list[int | float]: ValueType("list of numbers", "a list of numbers", "list", _list_of(_number)),
    list[float]: ValueType("list of numbers", "a list of numbers", "list", _list_of(_number)),
    list[list[Any]]: ValueType("list of lists", "a list of lists", "list", _list_of(_list)),
    list[dict[str, Any]]: _MAPS,
    dict: _MAP,
    dict[str, Any]: _MAP,
    dict[str, list[Any]]: _MAP,
    dict[str, int]: _MAP,
    datetime: ValueType(
        "instant", "an instant (RFC 3339, with its offset)", "dyn", _or_unfit(read_instant)
    ),
    timedelta: ValueType(
        "duration", "a duration (`1h30m`, `30s`) or seconds", "dyn", _or_unfit(read_duration)
    ),
}
