"""The native library's messages, read and said again in ours.

It reports mistakes of the text as ``ERROR: <input>:line:column: message`` (several, each with an
excerpt), and errors of the values as ``STATUS: message``. Both are prose, so this is the one place
that reads prose; what it does not know it passes on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stretto.expression.errors import Code, EvaluationError, ExpressionError, nearest
from stretto.expression.functions import FUNCTIONS
from stretto.expression.paths import show_value
from stretto.expression.scope import STATUS_FUNCTIONS

__all__ = ["compile_error", "evaluation_error"]

_MISTAKE = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '(.*)'")
_OPERAND = re.compile(r"expression of type '(.+?)' cannot be the operand of a select operation")
_UNDECLARED = re.compile(r"undeclared reference to '(.+?)'")
_MISMATCHED = re.compile(r"Syntax error: (?:mismatched|extraneous) input '(.+?)' expecting (.*)")
_MISSING = re.compile(r"Syntax error: missing '(.+?)' at '(.+?)'")
_NOT_VIABLE = re.compile(r"Syntax error: no viable alternative at input '(.*)'")
_WORD = re.compile(r"Syntax error: no viable alternative at input '\.(in|true|false|null)'")
_TOKEN = re.compile(r"Syntax error: token recognition error at: '(.*)'")

_TOO_DEEP = re.compile(r"Exceeded max recursion depth|Expression recursion limit exceeded")
_END = "<EOF>"

_OPERATORS: Mapping[str, str] = {
    "_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%", "-_": "-", "!_": "!",
    "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==", "_!=_": "!=",
    "_&&_": "&&", "_||_": "||", "@in": "in", "_[_]": "[ ]", "_?_:_": "? :", "_?._": ".?",
    "_[?_]": "[? ]", "<jump_condition>": "? :", "<iter_range>": "a macro",
}  # fmt: skip

_GLOBAL = (
    "has", "size", "matches", "int", "uint", "double", "string", "bytes", "bool", "timestamp",
    "duration", "type", "dyn", *STATUS_FUNCTIONS,
)  # fmt: skip
_METHODS = (
    "all", "exists", "exists_one", "filter", "map", "transformList", "contains", "startsWith",
    "endsWith", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek",
    "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds", "charAt", "format",
    "indexOf", "lastIndexOf", "join", "lowerAscii", "upperAscii", "replace", "reverse", "split",
    "substring", "trim", "slice", "flatten", "distinct", "sort", "sortBy", "first", "last",
    "orValue", "hasValue", "value", "optMap",
)  # fmt: skip
"""Names that a person may have meant."""

_HABITS: Mapping[str, str] = {
    "len": "size", "length": "size", "count": "size", "str": "string", "float": "double",
    "number": "double", "integer": "int", "boolean": "bool", "includes": "contains",
    "lower": "lowerAscii", "toLowerCase": "lowerAscii", "upper": "upperAscii",
    "toUpperCase": "upperAscii", "strip": "trim", "any": "exists", "every": "all",
    "coalesce": "default", "and": "&&", "or": "||", "not": "!", "=": "==", "===": "==",
    "is": "==", "range": "lists.range",
}  # fmt: skip
"""What other languages call what is here, too."""

_NOT_HERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("now", "today", "time", "date"),
        "there is no clock; `run.started_at` is when the run began",
    ),
    **dict.fromkeys(
        ("random", "uuid", "rand", "uuid4"), "there is no chance; `run.id` is another in every run"
    ),
}
_IF = re.compile(r"(?:Syntax error: )?reserved identifier: if$")


def compile_error(text: str, source: str, *, mixes: bool = False) -> ExpressionError | None:
    """Read the first mistake that the library reports about a source.

    None where evaluation can do all that it refuses: compare numbers of different kinds (with
    `mixes`: calculate with them), choose between values of different types, compare with null.
    """
    if _TOO_DEEP.search(text):
        return ExpressionError(
            "expected an expression nested at most 32 deep, but this one is deeper", source=source
        )
    for found in _MISTAKE.finditer(text):
        line, column, message = found.groups()
        if not _works_nevertheless(message, mixes=mixes):
            return _mistake(source, max(1, int(line)), max(1, int(column)), message)
    assert _MISTAKE.search(text), text
    return None


_NUMBERS = frozenset({"int", "uint", "double", "dyn"})
_EQUALITY = frozenset({"_==_", "_!=_"})
_COMPARISONS = frozenset({"_<_", "_<=_", "_>_", "_>=_", "@in"}) | _EQUALITY
_ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "_%_"})


def _works_nevertheless(message: str, *, mixes: bool) -> bool:
    """Whether the checker refuses what evaluation can do: it knows JSON, the checker does not."""
    found = _OVERLOAD.match(message)
    if found is None:
        return False
    operator, types = found[1], set(re.findall(r"[a-z_]\w*", found[2]))
    if operator == "_?_:_":
        return found[2].startswith(("(bool,", "(dyn,"))
    if operator in _EQUALITY and "null_type" in types:
        return True
    if operator == "@in":
        types -= {"list"}
    tolerant = _COMPARISONS | _ARITHMETIC if mixes else _COMPARISONS
    return operator in tolerant and types <= _NUMBERS


def _mistake(source: str, line: int, column: int, text: str) -> ExpressionError:
    message, suggestion, back = _said_again(text)
    return ExpressionError(
        message, line=line, column=max(1, column - back), source=source, suggestion=suggestion
    )


def _said_again(message: str) -> tuple[str, str | None, int]:
    """The message in our words, a name that was probably meant, and how far left it begins."""
    if found := _OVERLOAD.match(message):
        name, types = found[1], found[2].replace("null_type", "null")
        if name in _OPERATORS:
            return f"expected operands that `{_OPERATORS[name]}` takes, but got {types}", None, 0
        return f"expected arguments that `{name}` takes, but got {types}", None, 0
    if found := _OPERAND.match(message):
        got = found[1].replace("null_type", "null")
        return f"expected a map to take a field of, but got {got}", None, 0
    if found := _UNDECLARED.match(message):
        return _unknown(found[1].rsplit(".", 1)[-1])
    if found := _MISMATCHED.match(message):
        return f"expected {_wanted(found[2])}, but {_got(found[1])}", _HABITS.get(found[1]), 0
    if found := _MISSING.match(message):
        return f"expected `{found[1]}`, but {_got(found[2])}", None, 0
    if found := _WORD.match(message):
        return f'expected a field, but `{found[1]}` is a word: write `["{found[1]}"]`', None, 0
    if found := _NOT_VIABLE.match(message):
        return f"expected an expression, but cannot read `{found[1]}`", None, 0
    if found := _TOKEN.match(message):
        token = found[1].strip()
        return f"expected an expression, but got `{token}`", _HABITS.get(token), 0
    if _IF.match(message):
        return "expected an expression, but `if` is none: write `condition ? this : that`", None, 0
    return f"expected an expression, but {message}", None, 0


def _unknown(name: str) -> tuple[str, str | None, int]:
    """What is said of a name that is declared nowhere, as `_said_again` says it."""
    if name in _METHODS:
        return f"expected `{name}` on a value (`value.{name}(...)`)", None, len(name)
    if name in _GLOBAL:
        return f"expected arguments that `{name}` takes, but got others", None, len(name)
    if name in _NOT_HERE:
        return f"expected a known function, but {_NOT_HERE[name]}", None, len(name)
    meant = nearest(name, (*_GLOBAL, *_METHODS, *FUNCTIONS, *_HABITS))
    meant = meant and _HABITS.get(meant, meant)
    return f"expected a known function, but `{name}` is not", meant, len(name)


def _got(token: str) -> str:
    return "the expression ends" if token == _END else f"got `{token}`"


def _wanted(tokens: str) -> str:
    if "IDENTIFIER" in tokens and "NUM_INT" in tokens:
        return "a value"
    return "the end" if tokens == _END else tokens.replace("{", "one of ", 1).rstrip("}")


_RUNTIME_OVERLOAD = re.compile(r"No matching overloads found : ([^\s(]+)(?:\((.*)\))?")
_RUNTIME_METHOD = re.compile(r"No matching overloads found : \((.*)\)\.(\w+)\((.*)\)")
_KEY = re.compile(r"Key not found in map : (.*)")
_INDEX = re.compile(r"Index error: index=(-?\d+) size=(\d+)")

_KNOWN: tuple[tuple[str, Code, str], ...] = (
    ("divide by zero", "division_by_zero", "expected a divisor other than zero"),
    ("modulus by zero", "division_by_zero", "expected a divisor other than zero"),
    ("Iteration budget exceeded", "cost_exceeded", "expected at most 10000 rounds of macros"),
    ("integer overflow", "overflow", "expected a result within 64 bits"),
    ("OUT_OF_RANGE", "overflow", ""),
    ("out of range", "overflow", ""),
    ("overflow", "overflow", ""),
    ("Applying SELECT", "type_mismatch", "expected a map to take a field of"),
    ("Invalid container type", "type_mismatch", "expected a list or map to take an item of"),
    ("Index error: expected", "type_mismatch", "expected a whole number as index of a list"),
    ("Unsupported map key type", "type_mismatch", ""),
    ("Invalid map key type", "type_mismatch", ""),
)
"""Pieces of the library's messages, what they mean and how we say it; first fit; else `invalid`."""


def evaluation_error(text: str, operands: Mapping[str, object]) -> EvaluationError:
    """Read an error of the values; `operands` are the ones that were handed in, by path."""
    message = re.sub(r"^[A-Z_]+: ", "", text.splitlines()[0])
    message = re.sub(r" \[[A-Z_]+\]$", "", message)
    shown = _shown(operands)
    if found := _RUNTIME_OVERLOAD.search(message):
        name, types = found[1], found[2] or "others"
        operator = _OPERATORS.get(name, name)
        if name in _ARITHMETIC and set(types.split(", ")) == {"int64", "double"}:
            return EvaluationError(
                "type_mismatch",
                f"expected numbers of one kind for `{operator}`, but got an int and a double "
                f"(convert with `double()`){shown}",
            )
        return EvaluationError(
            "type_mismatch", f"expected values that `{operator}` takes, but got {types}{shown}"
        )
    if found := _RUNTIME_METHOD.search(message):
        owner, method, types = found.groups()
        got = f"{owner}.{method}({types})"
        return EvaluationError(
            "type_mismatch", f"expected values that `{method}` takes, but got {got}{shown}"
        )
    if found := _KEY.search(message):
        return EvaluationError("missing_path", f"expected the key {found[1]}, but it is not there")
    if found := _INDEX.search(message):
        index, size = found.groups()
        return EvaluationError(
            "missing_path", f"expected item {index}, but the list has {size} items"
        )
    for piece, code, said in _KNOWN:
        if piece in text:
            return EvaluationError(code, f"{said or f'expected a result, but {message}'}{shown}")
    return EvaluationError("invalid", f"expected a result, but {message}{shown}")


def _shown(operands: Mapping[str, object]) -> str:
    pairs = [f"{path} = {show_value(value)}" for path, value in operands.items()]
    return f" ({', '.join(pairs)})" if pairs else ""
