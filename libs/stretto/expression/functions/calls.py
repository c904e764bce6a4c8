"""A call of a function: what it is given is looked at before, and what it gives after."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from stretto.expression.errors import Code, EvaluationError
from stretto.expression.functions.instants import write_instant
from stretto.expression.functions.signature import Parameter, Signature
from stretto.expression.functions.value_types import UNFIT, ValueType, is_bounded
from stretto.expression.limits import (
    MAX_RESULT_CHARS,
    MAX_RESULT_NODES,
    MAX_UINT,
    MAX_VALUE_CHARS,
    MAX_VALUE_NODES,
    MIN_INT,
)
from stretto.expression.paths import show_value
from stretto.expression.values import admit

__all__ = ["Refusal", "checked"]


class Refusal(Exception):
    """What a function says of an argument that has the right type and yet does not do.

    Args:
        parameter: its name, empty where it is about all of them.
        wanted: what was expected, with its article: "a version like 1.2.3".
        value: what came in its place.
        code: see `errors.Code`.
    """

    def __init__(self, parameter: str, wanted: str, value: object, code: Code = "invalid") -> None:
        super().__init__(wanted)
        self.parameter, self.wanted, self.value, self.code = parameter, wanted, value, code


def checked(
    name: str, signature: Signature, body: Callable[..., Any], *, foreign: bool
) -> Callable[..., Any]:
    """Make of a Python function one over JSON values.

    Args:
        foreign: it is not ours: whatever it raises is an error of the evaluation, and its result
            is looked at as a whole.
    """
    parameters, returns = signature.parameters, signature.returns
    reads = tuple(parameter.type.read for parameter in parameters)

    def call(*values: Any) -> Any:
        arguments: list[Any] = []
        for read, value in zip(reads, values, strict=False):
            argument = read(value)
            if argument is UNFIT:
                raise _unfit(name, parameters[len(arguments)], value)
            arguments.append(argument)
        try:
            result = body(*arguments)
        except Refusal as refusal:
            raise _refused(name, refusal) from None
        return _given(name, result)

    def call_foreign(*values: Any) -> Any:
        try:
            result = call(*values)
        except EvaluationError:
            raise
        except Exception as error:
            raise EvaluationError(
                "invalid",
                f"expected `{name}` to give a result, but {type(error).__name__}: {error}",
            ) from error
        return _looked_at(name, returns, result)

    return call_foreign if foreign else call


def _unfit(name: str, parameter: Parameter, value: Any) -> EvaluationError:
    if not is_bounded(value):
        limit, what = (
            (MAX_VALUE_CHARS, "characters")
            if isinstance(value, str)
            else (MAX_VALUE_NODES, "values")
        )
        return _mismatch("too_large", name, parameter.name, f"at most {limit} {what}", value)
    return _mismatch("type_mismatch", name, parameter.name, parameter.type.wanted, value)


def _refused(name: str, refusal: Refusal) -> EvaluationError:
    return _mismatch(refusal.code, name, refusal.parameter, refusal.wanted, refusal.value)


def _mismatch(code: Code, name: str, parameter: str, wanted: str, value: object) -> EvaluationError:
    where = f"as `{parameter}` of `{name}`" if parameter else f"for `{name}`"
    return EvaluationError(code, f"expected {wanted} {where}, but got {show_value(value)}")


def _given(name: str, result: Any) -> Any:
    """Let a result pass that the language can have. O(1), but for an instant."""
    if isinstance(result, str):
        if len(result) > MAX_RESULT_CHARS:
            raise _too_large(name, MAX_RESULT_CHARS, "characters")
    elif isinstance(result, (list, dict)):  # a union is slow
        if len(result) > MAX_RESULT_NODES:
            raise _too_large(name, MAX_RESULT_NODES, "values")
    elif isinstance(result, datetime):
        return write_instant(result)
    elif isinstance(result, float):
        if not math.isfinite(result):
            raise EvaluationError(
                "overflow", f"expected a finite result of `{name}`, but got {result}"
            )
    elif isinstance(result, int) and not MIN_INT <= result <= MAX_UINT:
        raise EvaluationError(
            "overflow", f"expected a result of `{name}` within 64 bits, but it is larger"
        )
    return result


def _looked_at(name: str, returns: ValueType, result: Any) -> Any:
    if returns.read(result) is UNFIT:
        raise EvaluationError(
            "type_mismatch",
            f"expected `{name}` to give {returns.wanted}, but it gave {show_value(result)}",
        )
    return admit(result, name)


def _too_large(name: str, limit: int, what: str) -> EvaluationError:
    return EvaluationError(
        "too_large", f"expected a result of `{name}` of at most {limit} {what}, but it has more"
    )
