"""The kinds of JSON value that an expression can give or be expected to give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from stretto.expression.errors import EvaluationError, Spot
from stretto.expression.paths import Getter, Scope, show_value
from stretto.expression.shapes import Shape

__all__ = ["Kind", "expecting", "kinds_of_result", "kinds_of_shape"]


class Kind(StrEnum):
    """A kind of JSON value."""

    NULL = "null"
    BOOL = "bool"
    NUMBER = "number"
    STRING = "string"
    LIST = "list"
    MAP = "map"


_OF_SHAPES: Mapping[str, Kind] = {
    "null": Kind.NULL, "boolean": Kind.BOOL, "integer": Kind.NUMBER, "number": Kind.NUMBER,
    "string": Kind.STRING, "array": Kind.LIST, "object": Kind.MAP,
}  # fmt: skip

_OF_RESULTS: Mapping[str, Kind] = {
    "NULL": Kind.NULL, "BOOL": Kind.BOOL, "INT": Kind.NUMBER, "UINT": Kind.NUMBER,
    "DOUBLE": Kind.NUMBER, "STRING": Kind.STRING, "BYTES": Kind.STRING, "LIST": Kind.LIST,
    "MAP": Kind.MAP, "TIMESTAMP": Kind.STRING, "DURATION": Kind.STRING, "TYPE": Kind.STRING,
}  # fmt: skip

_TESTS: Mapping[Kind, Callable[[Any], bool]] = {
    Kind.NULL: lambda value: value is None,
    Kind.BOOL: lambda value: isinstance(value, bool),
    Kind.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Kind.STRING: lambda value: isinstance(value, str),
    Kind.LIST: lambda value: isinstance(value, list),
    Kind.MAP: lambda value: isinstance(value, dict),
}


def kinds_of_shape(shape: Shape) -> frozenset[str]:
    """The kinds that values of a shape have; empty: any."""
    return frozenset(_OF_SHAPES[name] for name in shape.types)


def kinds_of_result(name: str) -> frozenset[str]:
    """The kinds of a type as the native library names it (`LIST<DYN>`); empty: any."""
    kind = _OF_RESULTS.get(name.partition("<")[0])
    return frozenset() if kind is None else frozenset({kind})


def expecting(
    expect: Kind | None, get: Getter, locate: Callable[[EvaluationError, Scope], Spot]
) -> Getter:
    """Make a getter that refuses what is not of the expected kind; `locate`: who knows where in the
    expression an error arose."""
    if expect is None:
        return get
    fits = _TESTS[expect]

    def checked(scope: Scope) -> Any:
        try:
            value = get(scope)
            if fits(value):
                return value
            shown = show_value(value)
            raise EvaluationError("type_mismatch", f"expected a {expect}, but got {shown}")
        except EvaluationError as error:
            error.arose(locate, scope)
            raise

    return checked
