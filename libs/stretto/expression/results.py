"""From a result of the native library to plain JSON.

bytes become base64 text, timestamps RFC 3339 text in UTC (microseconds at most), durations seconds
with an `s` (`3.5s`), types their names. Keys of maps that are integers or booleans become text.
What JSON cannot say (infinity, not a number, an optional inside a list or map) is an error.
"""

import base64
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from cel_expr_python import cel

from stretto.expression.errors import EvaluationError
from stretto.expression.limits import MAX_DEPTH, MAX_RESULT_CHARS, MAX_RESULT_NODES

__all__ = ["careful", "to_json"]

_MICROSECOND = timedelta(microseconds=1)


def to_json(value: Any) -> Any:
    """Turn a plain value of the library into JSON; lists and maps are walked once.

    Raises:
        EvaluationError: `invalid` for what JSON cannot say, `too_large` past a limit.
    """
    kind = type(value)
    if kind is bool or kind is int or value is None:
        return value
    budget = _Budget()
    return budget.convert(value, 1)


def careful(value: cel.Value) -> Any:
    """Read a result that may hold optionals, value by value: reading it whole could crash.

    Raises:
        EvaluationError: `invalid` where an optional stands in a list or map.
    """
    kind = value.type().name()
    if kind == "ERROR":
        raise EvaluationError(
            "invalid", "expected a plain value, but got an optional (use `orValue`)"
        )
    if kind.startswith("LIST"):
        return [careful(item) for item in value.value()]
    if kind.startswith("MAP"):
        return {key: careful(item) for key, item in value.value().items()}
    return value.value()


class _Budget:
    """Counts what a result holds while it is converted."""

    def __init__(self) -> None:
        self.nodes = 0
        self.chars = 0

    def convert(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self.text(value)
        if kind is list:
            self.enter(len(value), depth)
            return [self.convert(item, depth + 1) for item in value]
        if kind is dict:
            self.enter(len(value), depth)
            converted = {
                self.key(key): self.convert(item, depth + 1) for key, item in value.items()
            }
            if len(converted) != len(value):
                raise EvaluationError(
                    "invalid", "expected different keys as text, but two keys of a map are the same"
                )
            return converted
        if kind is float:
            if not math.isfinite(value):
                raise EvaluationError("invalid", f"expected a finite number, but got {value}")
            return value
        convert = _CONVERSIONS.get(kind)
        return self.text(convert(value)) if convert is not None else value

    def enter(self, count: int, depth: int) -> None:
        self.nodes += count
        if depth > MAX_DEPTH:
            raise EvaluationError(
                "too_large", f"expected a result at most {MAX_DEPTH} deep, but it is deeper"
            )
        if self.nodes > MAX_RESULT_NODES:
            raise EvaluationError(
                "too_large", f"expected at most {MAX_RESULT_NODES} values as result, but got more"
            )

    def text(self, value: str) -> str:
        self.chars += len(value)
        if self.chars > MAX_RESULT_CHARS:
            raise EvaluationError(
                "too_large",
                f"expected at most {MAX_RESULT_CHARS} characters as result, but got more",
            )
        if "\0" in value:
            raise EvaluationError("invalid", "expected text, but it holds the character U+0000")
        return value

    def key(self, key: Any) -> str:
        if isinstance(key, bool):
            return "true" if key else "false"
        return self.text(str(key))


def _timestamp(value: datetime) -> str:
    text = value.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    fraction = f".{value.microsecond:06d}".removesuffix("000") if value.microsecond else ""
    return f"{text}{fraction}Z"


def _duration(value: timedelta) -> str:
    micros = value // _MICROSECOND
    seconds, rest = divmod(abs(micros), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{'-' if micros < 0 else ''}{seconds}{fraction}s"


def _type_name(value: cel.Type) -> str:
    return str(value.name()).partition("<")[0].lower()


_CONVERSIONS: dict[type, Callable[[Any], str]] = {
    bytearray: lambda value: base64.b64encode(value).decode(),
    datetime: _timestamp,
    timedelta: _duration,
    cel.Type: _type_name,
}
