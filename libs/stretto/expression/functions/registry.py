"""The table of our own functions, and how a Python function gets into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stretto.expression.functions.calls import checked
from stretto.expression.functions.signature import Parameter, signature_of
from stretto.expression.functions.value_types import ValueType

__all__ = ["FUNCTIONS", "Function", "function", "made_of"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    Attributes:
        name: as it is written, with its namespace (`json.parse`).
        parameters: what it takes; the optional ones come last.
        returns: what it gives.
        apply: what it does, given JSON values; looks at what it is given and at what it gives.
        about: one sentence for the reference.
        examples: expressions and their values; evaluated by a test.
        forgiving: an argument whose path is missing is given as MISSING instead of failing.
        package: the installed package that it comes from, empty for ours.
    """

    name: str
    parameters: tuple[Parameter, ...]
    returns: ValueType
    apply: Callable[..., Any]
    about: str
    examples: tuple[tuple[str, Any], ...] = ()
    forgiving: bool = False
    package: str = ""

    @property
    def arities(self) -> range:
        """The numbers of arguments it takes."""
        required = sum(not parameter.optional for parameter in self.parameters)
        return range(required, len(self.parameters) + 1)

    @property
    def signature(self) -> str:
        """How it is called, with types: `text.pad_start(text: string, width: int) -> string`."""
        shown = ", ".join(map(str, self.parameters))
        return f"{self.name}({shown}) -> {self.returns.name}"


FUNCTIONS: dict[str, Function] = {}
"""Every function by its name. It only grows: who keeps something made of it looks at its length."""


def function(
    name: str, examples: Mapping[str, Any], *, forgiving: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a type-hinted Python function; its docstring is the line for the reference."""

    def register(body: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in FUNCTIONS, name
        FUNCTIONS[name] = made_of(name, body, tuple(examples.items()), forgiving=forgiving)
        return body

    return register


def made_of(
    name: str,
    body: Callable[..., Any],
    examples: tuple[tuple[str, Any], ...] = (),
    *,
    forgiving: bool = False,
    package: str = "",
) -> Function:
    """Make a function of the language out of a type-hinted Python function.

    Raises:
        SignatureError: it cannot be called with JSON alone, or is not documented.
    """
    signature = signature_of(body)
    # A forgiving function only hands on one of its arguments, whatever and how large it is.
    apply = body if forgiving else checked(name, signature, body, foreign=bool(package))
    return Function(
        name,
        signature.parameters,
        signature.returns,
        apply,
        signature.about,
        examples,
        forgiving,
        package,
    )
