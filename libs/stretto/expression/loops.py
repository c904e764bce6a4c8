"""Macros that we run ourselves, because one of our functions inside depends on their variables.

The meaning is the language's: `all` and `exists` go on past an item that fails and let a decisive
answer win over it; `map`, `filter` and `exists_one` do not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stretto.expression.cost import BUDGET, Budget
from stretto.expression.errors import EvaluationError
from stretto.expression.limits import MAX_LOOP_ITEMS
from stretto.expression.macros import Macro
from stretto.expression.paths import Getter, Scope, show_value

__all__ = ["loop_over", "scopes_of"]

_ROUND_COST = 400
"""Operations that a round of ours costs as much as: about 10 µs."""

_Scopes = list[dict[str, Any]]


def loop_over(macro: Macro, over: Getter, parts: tuple[Getter, ...]) -> Getter:
    """Make the function that runs a macro.

    Args:
        macro: its kind and the names of its variables.
        over: gives the list or map to go through; for `bind` the value.
        parts: its expressions, in a scope that has its variables as roots.
    """
    if macro.kind == "bind":
        (name,) = macro.names
        body = parts[0]
        return lambda scope: body({**scope, name: over(scope)})
    run = _RUNS[macro.kind]

    def loop(scope: Scope) -> Any:
        if BUDGET not in scope:
            scope = {**scope, BUDGET: Budget()}
        return run(_scopes(scope, over(scope), macro.names), parts)

    return loop


def scopes_of(macro: Macro, scope: Scope, value: Any) -> list[dict[str, Any]]:
    """The scope of each round of a macro over a value.

    Raises:
        EvaluationError: it is nothing to go through, or too large.
    """
    if macro.kind == "bind":
        return [{**scope, macro.names[0]: value}]
    return _scopes({**scope, BUDGET: Budget()}, value, macro.names)


def _scopes(scope: Scope, value: Any, names: tuple[str, ...]) -> _Scopes:
    """The scope of each round."""
    if not isinstance(value, list | dict):
        raise EvaluationError(
            "type_mismatch", f"expected a list or map to go through, but got {show_value(value)}"
        )
    if len(value) > MAX_LOOP_ITEMS:
        raise EvaluationError(
            "too_large", f"expected at most {MAX_LOOP_ITEMS} items in a macro, but got {len(value)}"
        )
    scope[BUDGET].spend(len(value) * _ROUND_COST)
    if len(names) == 1:
        return [{**scope, names[0]: item} for item in value]
    first, second = names
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return [{**scope, first: key, second: item} for key, item in pairs]


def _all(scopes: _Scopes, parts: tuple[Getter, ...]) -> Any:
    return _decided(scopes, parts[0], decisive=False)


def _exists(scopes: _Scopes, parts: tuple[Getter, ...]) -> Any:
    return _decided(scopes, parts[0], decisive=True)


def _decided(scopes: _Scopes, asked: Getter, *, decisive: bool) -> bool:
    failure: EvaluationError | None = None
    for scope in scopes:
        try:
            if _truth(asked(scope)) is decisive:
                return decisive
        except EvaluationError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return not decisive


def _exists_one(scopes: _Scopes, parts: tuple[Getter, ...]) -> Any:
    return sum(_truth(parts[0](scope)) for scope in scopes) == 1


def _map(scopes: _Scopes, parts: tuple[Getter, ...]) -> Any:
    if len(parts) == 1:
        return [parts[0](scope) for scope in scopes]
    result, condition = parts
    return [result(scope) for scope in scopes if _truth(condition(scope))]


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise EvaluationError("type_mismatch", f"expected a bool, but got {show_value(value)}")


_RUNS: dict[str, Callable[[_Scopes, tuple[Getter, ...]], Any]] = {
    "all": _all,
    "exists": _exists,
    "exists_one": _exists_one,
    "map": _map,
}
