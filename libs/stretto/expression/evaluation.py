"""Rewritten expressions, made into functions over a scope."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from stretto.expression.errors import EvaluationError
from stretto.expression.functions import MISSING
from stretto.expression.paths import Getter, Scope, Segments, getter_of, show_path
from stretto.expression.rewrite import CallInput, Found, Input, PathInput, Rewritten
from stretto.expression.scope import STATUS_ROOT
from stretto.expression.syntax import Call, Const, Ident
from stretto.expression.values import admit

__all__ = ["evaluation_of", "unwrapped"]

_GIVE_OPTIONALS = frozenset({
    "_?._", "_[?_]", "first", "last", "optional.of", "optional.none", "optional.ofNonZeroValue",
    "regex.extract", "optMap", "optFlatMap", "or",
})  # fmt: skip
"""Functions whose results can be optionals, which cannot be read like other values."""

_UNSET = re.compile(r'UNKNOWN: No value with name "(r\d+)" found in Activation\Z')
"""What the library says of a variable that was left out because it could not be looked up."""


def unwrapped(part: Rewritten) -> Rewritten:
    """The value of an optional, or null where it is empty."""
    null = Const(0, b"\x08\x00", None, is_null=True)
    return Rewritten(Call(0, "orValue", (null,), part.node), part.inputs)


def evaluation_of(part: Rewritten, found: Found) -> Getter:
    """Make the function that evaluates a part of an expression over a scope.

    Paths, calls of ours and literals are evaluated here; only the rest needs the native library.
    """
    if part.path is not None:
        return _getter_of_path(part.path)
    match part.node:
        case Const(value=value, is_null=is_null) if is_null or _is_plain(value):
            return lambda scope: value
        case Ident() if len(part.inputs) == 1:
            return _getter_of_input(part.inputs[0], found)
    evaluate = _native(part, found)
    return evaluate if part.inputs else _once(evaluate)


def _is_plain(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and "\0" in value)


def _once(get: Getter) -> Getter:
    """Evaluate what needs nothing from a scope once, at its first use."""
    known: list[Callable[[], Any]] = []

    def constant(scope: Scope) -> Any:
        if not known:
            try:
                value = get(scope)
            except EvaluationError as error:
                failure = error
                known.append(lambda: _again(failure))
            else:
                known.append(lambda: value)
        return known[0]()

    return constant


def _again(error: EvaluationError) -> Any:
    raise EvaluationError(error.code, error.message)


def _native(part: Rewritten, found: Found) -> Getter:
    from stretto.expression import native
    from stretto.expression.results import to_json

    read = native.reader_of(part.node, optionals=not found.functions.isdisjoint(_GIVE_OPTIONALS))
    inputs = tuple((value.variable, _admitted(value, found)) for value in part.inputs)

    def evaluate(scope: Scope) -> Any:
        variables: dict[str, Any] = {}
        failures: dict[str, EvaluationError] | None = None
        for variable, get in inputs:
            try:
                variables[variable] = get(scope)
            except EvaluationError as error:
                failures = failures or {}
                failures[variable] = error
        result = read(variables)
        if isinstance(result, str):
            raise _failure(result, failures or {}, part.inputs, variables)
        return to_json(result[0])

    return evaluate


def _failure(
    text: str,
    failures: dict[str, EvaluationError],
    inputs: tuple[Input, ...],
    variables: dict[str, Any],
) -> EvaluationError:
    from stretto.expression.diagnosis import evaluation_error

    unset = _UNSET.match(text)
    if unset is not None:
        return failures[unset[1]]
    operands = {
        show_path(value.segments): variables[value.variable]
        for value in inputs
        if isinstance(value, PathInput) and value.field is None and value.variable in variables
    }
    return evaluation_error(text, operands)


def _admitted(value: Input, found: Found) -> Getter:
    """The getter of a variable, which lets pass only what the native library may have."""
    get = _getter_of_input(value, found)
    name = show_path(value.segments) if isinstance(value, PathInput) else value.function.name
    return lambda scope: admit(get(scope), name)


def _getter_of_input(value: Input, found: Found) -> Getter:
    if isinstance(value, CallInput):
        return _getter_of_call(value, found)
    get = _getter_of_path(value.segments)
    return get if value.field is None else _cut_down(get, value.field, value.only_tested)


def _getter_of_path(segments: Segments) -> Getter:
    if segments[0] == STATUS_ROOT:
        return _getter_of_status(str(segments[1]))
    return getter_of(segments)


def _getter_of_status(name: str) -> Getter:
    def status(scope: Scope) -> Any:
        try:
            return scope[STATUS_ROOT][name]
        except KeyError:
            raise EvaluationError(
                "missing_path", f"expected to know whether `{name}()`, but that is not known here"
            ) from None

    return status


def _cut_down(get: Getter, field: str, only_tested: bool) -> Getter:
    """Hand in of a map only the field that is asked for, of a list only that it is one."""

    def cut(scope: Scope) -> Any:
        value = get(scope)
        if isinstance(value, dict):
            if field not in value:
                return {}
            return {field: True if only_tested else value[field]}
        return [] if isinstance(value, list) else value

    return cut


def _getter_of_call(call: CallInput, found: Found) -> Getter:
    args = tuple(evaluation_of(arg, found) for arg in call.args)
    apply, forgiving = call.function.apply, call.function.forgiving

    def called(scope: Scope) -> Any:
        values = [_forgiven(get, scope) if forgiving else get(scope) for get in args]
        return apply(*values)

    return called


def _forgiven(get: Getter, scope: Scope) -> Any:
    try:
        return get(scope)
    except EvaluationError as error:
        if error.code == "missing_path":
            return MISSING
        raise
