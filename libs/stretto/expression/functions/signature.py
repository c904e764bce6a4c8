"""From the signature of a Python function to the one that the language knows.

Refused is what could not be called with JSON alone, or would not give the same for the same.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from stretto.expression.errors import shorten
from stretto.expression.functions.value_types import MISSING, ValueType, value_type_of

__all__ = ["Parameter", "Signature", "SignatureError", "signature_of"]

_MAX_PARAMETERS = 8
"""More are a map."""


class SignatureError(ValueError):
    """A Python function that cannot become a function of the language; the text says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function takes at one place. `default` counts where it is optional."""

    name: str
    type: ValueType
    optional: bool = False
    default: Any = None

    def __str__(self) -> str:
        if not self.optional:
            return f"{self.name}: {self.type.name}"
        shown = "" if self.default is MISSING else f" = {_shown(self.default)}"
        return f"{self.name}?: {self.type.name}{shown}"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives, and the first line of its docstring."""

    parameters: tuple[Parameter, ...]
    returns: ValueType
    about: str


def signature_of(body: Callable[..., Any]) -> Signature:
    """Read the signature of a type-hinted function.

    Raises:
        SignatureError: it is impure by its form, or not wholly hinted, or not documented.
    """
    if not inspect.isfunction(body):
        raise SignatureError(f"expected a Python function, but got a {type(body).__name__}")
    if inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body):
        raise SignatureError("expected a plain function, but it is `async`")
    if inspect.isgeneratorfunction(body):
        raise SignatureError("expected a function that returns its result, but it yields")
    about = (inspect.getdoc(body) or "").partition("\n")[0]
    if not about.endswith("."):
        raise SignatureError(
            "expected a docstring that begins with one sentence on one line, but it does not"
        )
    hints = _hints_of(body)
    declared = inspect.signature(body).parameters.values()
    if not 0 < len(declared) <= _MAX_PARAMETERS:
        raise SignatureError(
            f"expected 1 to {_MAX_PARAMETERS} parameters, but it has {len(declared)}"
            " (a function without any has nothing to depend on but the outside)"
        )
    parameters = tuple(_parameter(parameter, hints) for parameter in declared)
    return Signature(parameters, _type_of("result", hints, "return"), about)


def _hints_of(body: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(body)
    except (NameError, TypeError) as error:
        raise SignatureError(f"expected type hints that can be read, but {error}") from None


def _parameter(declared: inspect.Parameter, hints: dict[str, Any]) -> Parameter:
    name = declared.name
    if declared.kind not in {declared.POSITIONAL_ONLY, declared.POSITIONAL_OR_KEYWORD}:
        raise SignatureError(f"expected parameters with a place, but `{name}` has none")
    kind = _type_of(f"parameter `{name}`", hints, name)
    default = declared.default
    if default is declared.empty:
        return Parameter(name, kind)
    if not (default is MISSING or default is None or isinstance(default, str | int | float)):
        raise SignatureError(
            f"expected a default of `{name}` that nobody can change, but got {_shown(default)}"
        )
    return Parameter(name, kind, optional=True, default=default)


def _type_of(what: str, hints: dict[str, Any], name: str) -> ValueType:
    if name not in hints:
        raise SignatureError(f"expected a type hint for the {what}, but there is none")
    found = value_type_of(hints[name])
    if found is None:
        raise SignatureError(
            f"expected a type of JSON, `datetime` or `timedelta` for the {what}, "
            f"but got `{_shown(hints[name])}`"
        )
    return found


def _shown(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    return shorten("null" if value is None else repr(value))
