"""Values in place of missing ones, and parts of maps: what is used most has no namespace."""

from typing import Any

from stretto.expression.errors import EvaluationError
from stretto.expression.functions.registry import function
from stretto.expression.functions.value_types import MISSING


@function(
    "default",
    {"default(input.nothing, 5)": 5, "default(null, 'x')": "x", "default(1, 2)": 1},
    forgiving=True,
)
def _default(value: Any, otherwise: Any) -> Any:
    """The first value, or the second where the first is missing or null."""
    if value is not MISSING and value is not None:
        return value
    if otherwise is MISSING:
        raise EvaluationError("missing_path", "expected a default, but it is missing as well")
    return otherwise


@function(
    "coalesce",
    {
        "coalesce(input.nothing, null, 'c')": "c",
        "coalesce(0, 1)": 0,
        "coalesce(null, input.nothing)": None,
    },
    forgiving=True,
)
def _coalesce(  # noqa: PLR0917 - as many as somebody may want
    first: Any,
    second: Any,
    third: Any = MISSING,
    fourth: Any = MISSING,
    fifth: Any = MISSING,
    sixth: Any = MISSING,
) -> Any:
    """The first value that is there and not null; null where there is none."""
    for value in (first, second, third, fourth, fifth, sixth):
        if value is not MISSING and value is not None:
            return value
    return None


@function(
    "pick",
    {
        "pick({'a': 1, 'b': 2, 'c': 3}, ['a', 'c'])": {"a": 1, "c": 3},
        "pick({'a': 1}, ['b'])": {},
    },
)
def _pick(source: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """A map with only the given fields, those that are there."""
    return {name: source[name] for name in fields if name in source}


@function("omit", {"omit({'a': 1, 'b': 2}, ['a'])": {"b": 2}, "omit({}, ['a'])": {}})
def _omit(source: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """A map without the given fields."""
    unwanted = set(fields)
    return {name: value for name, value in source.items() if name not in unwanted}


@function("merge", {"merge({'a': 1, 'b': 2}, {'b': 3})": {"a": 1, "b": 3}})
def _merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A map with the fields of both; where both have one, the second's."""
    return first | second
