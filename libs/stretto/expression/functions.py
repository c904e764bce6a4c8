"""Our own functions of the language, beside the standard ones and the extensions.

A function is deterministic, total over JSON (it raises EvaluationError for what it cannot do),
documented, and has examples that a test evaluates. To add one, write it here under `@function`.

Functions are called outside of the native library, with JSON values, before the expression around
them is evaluated (see `environment`, point 5): so they cannot take the variable of a macro.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.expression.errors import EvaluationError
from stretto.expression.paths import show_value

__all__ = ["FUNCTIONS", "MISSING", "Function", "function"]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language.

    Attributes:
        name: as it is written, with its namespace (`json.parse`).
        arities: the numbers of arguments it takes.
        apply: what it does, given JSON values.
        about: one sentence for the reference.
        examples: expressions and their values; evaluated by a test.
        forgiving: an argument whose path is missing is given as MISSING instead of failing.
    """

    name: str
    arities: tuple[int, ...]
    apply: Callable[..., Any]
    about: str
    examples: tuple[tuple[str, Any], ...]
    forgiving: bool = False


MISSING: Any = object()
"""What a forgiving function gets for an argument that names a path which is not there."""

FUNCTIONS: dict[str, Function] = {}


def function(
    name: str,
    arities: tuple[int, ...],
    about: str,
    examples: Mapping[str, Any],
    *,
    forgiving: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function of the language under its name."""

    def register(apply: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in FUNCTIONS, name
        examples_given = tuple(examples.items())
        FUNCTIONS[name] = Function(name, arities, apply, about, examples_given, forgiving)
        return apply

    return register


@function(
    "default",
    (2,),
    "The first value, or the second where the first is missing or null.",
    {"default(input.nothing, 5)": 5, "default(null, 'x')": "x", "default(1, 2)": 1},
    forgiving=True,
)
def _default(value: Any, otherwise: Any) -> Any:
    if value is not MISSING and value is not None:
        return value
    if otherwise is MISSING:
        raise EvaluationError("missing_path", "expected a default, but it is missing as well")
    return otherwise


@function(
    "pick",
    (2,),
    "A map with only the given fields, those that are there.",
    {
        "pick({'a': 1, 'b': 2, 'c': 3}, ['a', 'c'])": {"a": 1, "c": 3},
        "pick({'a': 1}, ['b'])": {},
    },
)
def _pick(source: Any, names: Any) -> dict[str, Any]:
    fields = _map("pick", source)
    return {name: fields[name] for name in _names("pick", names) if name in fields}


@function(
    "omit",
    (2,),
    "A map without the given fields.",
    {"omit({'a': 1, 'b': 2}, ['a'])": {"b": 2}, "omit({}, ['a'])": {}},
)
def _omit(source: Any, names: Any) -> dict[str, Any]:
    unwanted = _names("omit", names)
    return {name: value for name, value in _map("omit", source).items() if name not in unwanted}


@function(
    "merge",
    (2,),
    "A map with the fields of both; where both have one, the second's.",
    {"merge({'a': 1, 'b': 2}, {'b': 3})": {"a": 1, "b": 3}},
)
def _merge(first: Any, second: Any) -> dict[str, Any]:
    return _map("merge", first) | _map("merge", second)


@function(
    "json.parse",
    (1,),
    "The value that a JSON text stands for.",
    {"json.parse('{\"a\": [1, 2.5, null]}').a": [1, 2.5, None], "json.parse('\"x\"')": "x"},
)
def _json_parse(text: Any) -> Any:
    if not isinstance(text, str):
        raise _mismatch("json.parse", "a string", text)
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise EvaluationError("invalid", f"expected a JSON text, but {error}") from None


@function(
    "json.format",
    (1,),
    "A value as compact JSON text.",
    {
        "json.format({'a': [1, null]})": '{"a":[1,null]}',
        "json.format('x')": '"x"',
    },
)
def _json_format(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _map(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _mismatch(name, "a map", value)


def _names(name: str, value: Any) -> list[str]:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise _mismatch(name, "a list of strings", value)


def _mismatch(name: str, wanted: str, value: Any) -> EvaluationError:
    return EvaluationError(
        "type_mismatch", f"expected {wanted} for `{name}`, but got {show_value(value)}"
    )
