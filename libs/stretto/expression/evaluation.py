"""Rewritten expressions, made into functions over a scope."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, assert_never

from stretto.expression.cost import BUDGET, guard_of
from stretto.expression.errors import EvaluationError
from stretto.expression.functions import MISSING
from stretto.expression.inputs import (
    CallInput,
    Found,
    Input,
    LoopInput,
    NumbersInput,
    PathInput,
    Rewritten,
)
from stretto.expression.loops import loop_over
from stretto.expression.paths import (
    Getter,
    Scope,
    Segments,
    getter_of,
    no_map,
    show_path,
    show_value,
)
from stretto.expression.scope import STATUS_ROOT
from stretto.expression.sizes import weight
from stretto.expression.syntax import Call, Const
from stretto.expression.values import admit

__all__ = ["evaluation_of", "handed_in", "unwrapped"]

_GIVE_OPTIONALS = frozenset({
    "_?._", "_[?_]", "first", "last", "optional.of", "optional.none", "optional.ofNonZeroValue",
    "regex.extract", "optMap", "optFlatMap", "or",
})  # fmt: skip
"""Functions whose results can be optionals, which cannot be read like other values."""

_UNSET = re.compile(r'UNKNOWN: No value with name "(@[\d.]+)" found in Activation\Z')
"""What the library says of a variable that was left out because it could not be looked up."""

_Failures = dict[str, EvaluationError]
_Fill = Callable[[Scope, dict[str, Any], _Failures], None]
"""Sets variables from a scope, or notes why they cannot be set."""


def unwrapped(part: Rewritten) -> Rewritten:
    """The value of an optional, or null where it is empty."""
    null = Const(0, b"\x08\x00", None, is_null=True)
    return Rewritten(Call(0, "orValue", (null,), part.node), part.inputs)


def evaluation_of(part: Rewritten, found: Found) -> Getter:
    """Make the function that evaluates a part of an expression over a scope.

    Paths, calls of ours and literals are evaluated here; only the rest needs the native library.
    """
    only = part.only_input
    if only is not None and not isinstance(only, NumbersInput):
        return _getter_of(only, found)
    if isinstance(part.node, Const) and _is_plain(part.node):
        value = part.node.value
        return lambda scope: value
    evaluate = _native(part, found)
    return evaluate if part.inputs else _once(evaluate)


def _is_plain(literal: Const) -> bool:
    """Whether a literal is a JSON value as it stands."""
    match literal.value:
        case None:
            return literal.is_null
        case str() as text:
            return "\0" not in text
        case float() as number:
            return math.isfinite(number)
    return True


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
    single = tuple(
        (value.variable, _admitted(value, found))
        for value in part.inputs
        if not isinstance(value, NumbersInput)
    )
    guard = guard_of(part)
    terms = tuple(_term(value, found) for value in part.inputs if isinstance(value, NumbersInput))

    def evaluate(scope: Scope) -> Any:
        variables: dict[str, Any] = {}
        failures: _Failures = {}
        for variable, get in single:
            try:
                variables[variable] = get(scope)
            except EvaluationError as error:
                failures[variable] = error
        for fill in terms:
            fill(scope, variables, failures)
        cost = guard(variables) if guard is not None else 0
        if BUDGET in scope:
            scope[BUDGET].spend(cost + sum(map(weight, variables.values())))
        result = read(variables)
        if isinstance(result, str):
            raise _failure(result, failures, part.inputs, variables)
        return to_json(result[0])

    return evaluate


def handed_in(
    part: Rewritten, found: Found, scope: Scope
) -> tuple[dict[str, Any], Mapping[str, EvaluationError]]:
    """What a part is evaluated over: its variables, and why some of them have no value."""
    variables: dict[str, Any] = {}
    failures: _Failures = {}
    for value in part.inputs:
        if isinstance(value, NumbersInput):
            _term(value, found)(scope, variables, failures)
            continue
        try:
            variables[value.variable] = _admitted(value, found)(scope)
        except EvaluationError as error:
            failures[value.variable] = error
    return variables, failures


def _failure(
    text: str, failures: _Failures, inputs: tuple[Input, ...], variables: Mapping[str, Any]
) -> EvaluationError:
    from stretto.expression.diagnosis import evaluation_error

    unset = _UNSET.match(text)
    if unset is not None:
        return failures[unset[1]]
    return evaluation_error(text, _operands(inputs, variables))


def _operands(inputs: tuple[Input, ...], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were handed in, by path."""
    operands: dict[str, Any] = {}
    for value in inputs:
        for member in value.members if isinstance(value, NumbersInput) else (value,):
            match member:
                case PathInput(variable=variable, ask="value") if variable in variables:
                    operands[show_path(member.segments)] = variables[variable]
    return operands


def _admitted(value: PathInput | CallInput | LoopInput, found: Found) -> Getter:
    """The getter of a variable, which lets pass only what the native library may have."""
    get = _getter_of(value, found)
    if isinstance(value, PathInput) and value.ask in {"has", "size"}:
        return get
    name = _name_of(value)
    return lambda scope: admit(get(scope), name)


def _name_of(value: PathInput | CallInput | LoopInput) -> str:
    match value:
        case PathInput():
            return show_path(value.segments)
        case CallInput():
            return value.function.name
        case LoopInput():
            return value.macro.kind
    assert_never(value)


def _term(term: NumbersInput, found: Found) -> _Fill:
    """Hand in the numbers of a term, as doubles if one of them is one."""
    members = tuple(
        (variable, member if isinstance(member, int | float) else _admitted(member, found))
        for variable, member in zip(term.variables, term.members, strict=True)
    )

    def fill(scope: Scope, variables: dict[str, Any], failures: _Failures) -> None:
        values: dict[str, Any] = {}
        for variable, member in members:
            if isinstance(member, int | float):
                values[variable] = member
                continue
            try:
                values[variable] = member(scope)
            except EvaluationError as error:
                failures[variable] = error
        kinds = {type(value) for value in values.values()}
        if kinds == {int, float}:
            values = {variable: float(value) for variable, value in values.items()}
        variables.update(values)

    return fill


def _getter_of(value: PathInput | CallInput | LoopInput, found: Found) -> Getter:
    match value:
        case CallInput():
            return _getter_of_call(value, found)
        case LoopInput():
            parts = tuple(evaluation_of(part, found) for part in value.parts)
            return loop_over(value.macro, evaluation_of(value.over, found), parts)
        case PathInput():
            return _getter_of_question(value)
    assert_never(value)


def _getter_of_question(value: PathInput) -> Getter:
    get = _getter_of_path(value.segments)
    match value.ask:
        case "field":
            return _cut_down(get, value.field)
        case "has":
            return _has(get, value.field, value.segments)
        case "size":
            get = _size(get, value.segments)
    match value.number:
        case "int":
            return _whole(get)
        case "double":
            return _doubled(get)
    return get


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


def _whole(get: Getter) -> Getter:
    def whole(scope: Scope) -> Any:
        value = get(scope)
        return int(value) if type(value) is float and value.is_integer() else value

    return whole


def _doubled(get: Getter) -> Getter:
    def doubled(scope: Scope) -> Any:
        value = get(scope)
        return float(value) if type(value) is int else value

    return doubled


def _cut_down(get: Getter, field: str) -> Getter:
    """Hand in of a map only the field that is asked for, of a list only that it is one."""

    def cut(scope: Scope) -> Any:
        value = get(scope)
        if isinstance(value, dict):
            return {field: value[field]} if field in value else {}
        return [] if isinstance(value, list) else value

    return cut


def _has(get: Getter, field: str, segments: Segments) -> Getter:
    def has(scope: Scope) -> bool:
        value = get(scope)
        if isinstance(value, dict):
            return field in value
        raise no_map(value, field, segments)

    return has


def _size(get: Getter, segments: Segments) -> Getter:
    def size(scope: Scope) -> int:
        value = get(scope)
        if isinstance(value, dict | list | str):
            return len(value)
        shown = f"`{show_path(segments)}` is {show_value(value)}"
        raise EvaluationError(
            "type_mismatch", f"expected a list, map or text that has a size, but {shown}"
        )

    return size


def _getter_of_call(call: CallInput, found: Found) -> Getter:
    args = tuple(evaluation_of(arg, found) for arg in call.args)
    apply, forgiving = call.function.apply, call.function.forgiving

    def called(scope: Scope) -> Any:
        values = [_forgiven(get, scope) if forgiving else get(scope) for get in args]
        if BUDGET in scope:
            scope[BUDGET].spend(sum(weight(value) for value in values if value is not MISSING))
        return apply(*values)

    return called


def _forgiven(get: Getter, scope: Scope) -> Any:
    try:
        return get(scope)
    except EvaluationError as error:
        if error.code == "missing_path":
            return MISSING
        raise
