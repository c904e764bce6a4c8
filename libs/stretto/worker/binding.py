"""How the JSON input of an attempt becomes the arguments of a handler.

Two shapes, found once when the handler is registered:

- *by name*: every parameter takes the field of its name: `def charge(amount: float, ref: str)`.
  Annotations are checked; a parameter with a default may be left out; a field that no parameter
  takes is wrong, unless there is a `**rest`.
- *whole*: the only parameter is annotated with a msgspec Struct, a dataclass, a pydantic model or a
  TypedDict: the whole input is read as one.

A parameter annotated `Context`, or called `ctx` without an annotation, gets the context instead.
An input of `null` is the empty object for both.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from stretto.contracts.payload import NULL
from stretto.contracts.unreadable import UNREADABLE
from stretto.worker.context import Context
from stretto.worker.errors import HandlerRefused, InvalidInput

CONTEXT_NAME = "ctx"
_KEYWORD_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_EMPTY_OBJECT = msgspec.Raw(b"{}")

ReadInput = Callable[[msgspec.Raw], dict[str, Any]]
"""Makes keyword arguments of an input; raises InvalidInput."""


class Binding(typing.NamedTuple):
    """How to call one function: `read` its arguments; `context` names its context parameter."""

    read: ReadInput
    context: str | None


def bind(function: Callable[..., object]) -> Binding:
    """Find out how an input fits the parameters of a function.

    Raises:
        HandlerRefused: it has positional-only or `*args` parameters, an annotation that cannot be
            resolved, or a type that JSON cannot be read as.
    """
    parameters = _parameters(function)
    context = next((p.name for p in parameters if _is_context(p)), None)
    fields = [p for p in parameters if p.name != context and p.kind in _KEYWORD_KINDS]
    rest = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    try:
        if len(fields) == 1 and not rest and _is_model(fields[0].annotation):
            return Binding(_whole(fields[0]), context)
        return Binding(_by_name(fields, rest), context)
    except TypeError as error:
        raise HandlerRefused(
            f"expected the parameters of {_name(function)} to have types that JSON can be read as, "
            f"but: {error}"
        ) from error


def read_pydantic(type_: type, value: object) -> object:
    """Build what msgspec does not know: pydantic models.

    Raises:
        ValueError: the value does not fit; one line that names the fields.
        TypeError: the type is none that JSON can be read as.
    """
    validate = getattr(type_, "model_validate", None)
    if validate is None:
        raise TypeError(f"JSON cannot be read as {type_.__name__}")
    try:
        return validate(value)
    except ValueError as error:
        raise ValueError(_one_line(error)) from error


def _one_line(error: ValueError) -> str:
    """Write a validation error of pydantic in one line: `address.city: Field required`."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in errors())


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        hints = typing.get_type_hints(_annotated(function), include_extras=True)
    except NameError as error:
        raise HandlerRefused(
            f"expected the annotations of {_name(function)} to name what its module knows, "
            f"but: {error}"
        ) from error
    found = [
        p.replace(annotation=hints.get(p.name, Any))
        for p in inspect.signature(function).parameters.values()
    ]
    for p in found:
        if p.kind in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL):
            raise HandlerRefused(
                f"expected the parameters of {_name(function)} to be given by name, "
                f"but {p.name!r} can only be given by position"
            )
    return found


def _annotated(function: Callable[..., object]) -> Callable[..., object]:
    """The function that has the annotations: inside of partials, of objects that can be called."""
    while isinstance(function, partial):
        function = function.func
    if inspect.isroutine(function):
        return function
    return type(function).__call__


def _is_context(parameter: inspect.Parameter) -> bool:
    if parameter.annotation is Context:
        return True
    return parameter.name == CONTEXT_NAME and parameter.annotation is Any


def _is_model(annotation: object) -> bool:
    """Tell whether a type describes a whole object by its fields."""
    if not isinstance(annotation, type):
        return False
    return (
        issubclass(annotation, msgspec.Struct)
        or dataclasses.is_dataclass(annotation)
        or hasattr(annotation, "model_validate")
        or typing.is_typeddict(annotation)
    )


def _whole(parameter: inspect.Parameter) -> ReadInput:
    decode = msgspec.json.Decoder(parameter.annotation, dec_hook=read_pydantic).decode
    name = parameter.name

    def read(raw: msgspec.Raw) -> dict[str, Any]:
        try:
            return {name: decode(raw if raw != NULL else _EMPTY_OBJECT)}
        except UNREADABLE as error:
            raise InvalidInput(_sentence(error)) from error

    return read


def _by_name(fields: list[inspect.Parameter], rest: bool) -> ReadInput:
    struct = msgspec.defstruct(
        "Input", [_field(p) for p in fields], kw_only=True, forbid_unknown_fields=not rest
    )
    decode = msgspec.json.Decoder(struct, dec_hook=read_pydantic).decode
    decode_all = msgspec.json.Decoder(dict[str, Any]).decode
    asdict = msgspec.structs.asdict

    def read(raw: msgspec.Raw) -> dict[str, Any]:
        data = raw if raw != NULL else _EMPTY_OBJECT
        try:
            known = asdict(decode(data))
            return decode_all(data) | known if rest else known
        except UNREADABLE as error:
            raise InvalidInput(_sentence(error)) from error

    return read


def _field(parameter: inspect.Parameter) -> tuple[str, Any, Any]:
    default = parameter.default
    if default is inspect.Parameter.empty:
        return parameter.name, parameter.annotation, msgspec.field()
    # A factory, so that a mutable default is the function's own, as in any call.
    return parameter.name, parameter.annotation, msgspec.field(default_factory=lambda: default)


def _sentence(error: Exception) -> str:
    return f"expected the input to fit the handler's parameters, but: {error}"


def _name(function: Callable[..., object]) -> str:
    return getattr(function, "__qualname__", repr(function))
