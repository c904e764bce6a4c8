"""What the rules that fit give together: the hit policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from stretto.contracts.codec import json_encode
from stretto.expression.errors import EvaluationError
from stretto.expression.paths import Scope, show_value
from stretto.expression.template import Template

Then = tuple[Template, int]
"""What a rule gives, and its number."""

_NOTHING = {"collect": b"[]", "collect sum": b"0", "collect count": b"0"}
"""What a table that says nothing of it gives when no rule fits; else null."""


def nothing(hit: str) -> bytes:
    """What a policy gives for no rule where the table has no `otherwise`, as JSON."""
    return _NOTHING.get(hit, b"null")


def collected(hit: str, thens: Sequence[Then], scope: Scope) -> bytes:
    """What several rules give under a policy that takes them all.

    Raises:
        EvaluationError: they cannot be put together.
    """
    match hit:
        case "collect":
            return b"[" + b",".join([then.render_json(scope) for then, _ in thens]) + b"]"
        case "collect count":
            return b"%d" % len(thens)
    return json_encode(_aggregate(_AGGREGATES[hit], [(t.evaluate(scope), n) for t, n in thens]))


def agreed(thens: Sequence[Then], scope: Scope) -> bytes:
    """What all rules that fit give alike (`any`).

    Raises:
        EvaluationError: they differ.
    """
    first, number = thens[0]
    value = first.evaluate(scope)
    for other, at in thens[1:]:
        if other is not first and other.evaluate(scope) != value:
            raise EvaluationError(
                "invalid",
                f"expected the rules that fit to give the same (hit: any), but rules[{number}] "
                f"and rules[{at}] differ",
            )
    return first.render_json(scope)


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "collect sum": sum,
    "collect min": min,
    "collect max": max,
}


def _aggregate(work: Callable[[list[Any]], Any], values: Sequence[tuple[Any, int]]) -> Any:
    """Work numbers into one, or mappings of numbers field by field."""
    first, number = values[0]
    if not isinstance(first, dict):
        return work([_number(value, at, "") for value, at in values])
    for value, at in values:
        if not isinstance(value, dict) or value.keys() != first.keys():
            raise EvaluationError(
                "type_mismatch",
                f"expected the rules that fit to give the same fields, but rules[{number}] and "
                f"rules[{at}] do not",
            )
    return {
        name: work([_number(value[name], at, f".{name}") for value, at in values]) for name in first
    }


def _number(value: Any, at: int, field: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise EvaluationError(
            "type_mismatch",
            f"expected a number from rules[{at}].then{field}, but got {show_value(value)}",
        )
    return value
