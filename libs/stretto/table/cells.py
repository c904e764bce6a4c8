"""Conditions of a decision table in their short forms, read into sets of values.

::

    cell    = "-" | "${{ expression }}" | tests
    tests   = test { "," test }
    test    = "not(" tests ")" | operator value | interval | value
    interval= ("[" | "(" | "]") [value] ".." [value] ("]" | ")" | "[")
    value   = number | true | false | null | text | 'text' | "text"

What a bare word is depends on the type of the column: in a column of texts `10` and `true` are
texts, in one of unknown type they are a number and a boolean.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from stretto.table.limits import MAX_CONDITION_CHARS, MAX_TESTS
from stretto.table.values import EVERYTHING, ValueSet, between, complement, just, united

ANY = "-"
"""The condition that everything fits."""

COLUMN_TYPES = ("any", "string", "number", "integer", "boolean")

MAX_NUMBER = 1.7e308

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_EXPRESSION = re.compile(r"\$\{\{(.*)\}\}", re.DOTALL)
_OPERATORS = ("<=", ">=", "!=", "==", "<", ">", "=")
_OPENING = {"[": False, "(": True, "]": True}
_CLOSING = {"]": False, ")": True, "[": True}
_WORDS: dict[str, Any] = {"null": None, "true": True, "false": False}


class ConditionError(Exception):
    """A condition that cannot be read: "expected …, but …", and what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Cell(NamedTuple):
    """A condition: the values that fit it, or (None) the source of an expression that says so."""

    text: str
    admits: ValueSet | None
    source: str = ""

    @property
    def is_any(self) -> bool:
        return self.admits == EVERYTHING


ANYTHING = Cell(ANY, EVERYTHING)


def read_cell(text: str, type_: str = "any") -> Cell:
    """Read a condition of a column of one of COLUMN_TYPES.

    Raises:
        ConditionError: it is none.
    """
    if len(text) > MAX_CONDITION_CHARS:
        raise ConditionError(
            f"expected a condition of at most {MAX_CONDITION_CHARS} characters, "
            f"but got {len(text)}",
            "give a long list in the input and ask for it: ${{ value in input.list }}",
        )
    stripped = text.strip()
    if stripped in ("", ANY):
        return ANYTHING
    source = expression_in(stripped)
    if source is not None:
        return Cell(stripped, None, source)
    return Cell(stripped, _tests(stripped, type_))


def expression_in(text: str) -> str | None:
    """The source of a condition that is an expression; None for a short form."""
    found = _EXPRESSION.fullmatch(text.strip())
    return None if found is None or "${{" in found[1] else found[1].strip()


def literal(value: object) -> str:
    """Write a JSON scalar as a test that it alone fits, in a column of any type."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return "'" + value + "'" if "'" not in value else '"' + value + '"'
    return str(value)


def _tests(text: str, type_: str) -> ValueSet:
    parts = _split(text)
    if len(parts) > MAX_TESTS:
        raise ConditionError(
            f"expected at most {MAX_TESTS} alternatives, but got {len(parts)}",
            "give a long list in the input and ask for it: ${{ value in input.list }}",
        )
    return united(_test(part.strip(), type_) for part in parts)


def _split(text: str) -> list[str]:
    """Cut at the commas that are not inside quotes or parentheses."""
    parts, start, depth, quote = [], 0, 0, ""
    for at, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and not text[start:at].strip(" !<>=([]"):
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
    if quote:
        raise ConditionError(f"expected a closing {quote}, but {_shown(text)} has none")
    return [*parts, text[start:]]


def _test(text: str, type_: str) -> ValueSet:
    if text == ANY:
        return EVERYTHING
    if not text:
        raise ConditionError("expected a value between the commas, but there is none")
    negated = re.fullmatch(r"not\s*\((.*)\)", text, re.DOTALL)
    if negated is not None:
        return complement(_tests(negated[1], type_))
    if text[0] in _OPENING and ".." in text and text[-1] in _CLOSING:
        return _interval(text, type_)
    for operator in _OPERATORS:
        if text.startswith(operator):
            return _compared(operator, _value(text[len(operator) :], type_), text)
    return just(_value(text, type_))


def _compared(operator: str, value: Any, text: str) -> ValueSet:
    match operator:
        case "=" | "==":
            return just(value)
        case "!=":
            return complement(just(value))
    _ordered(value, text)
    match operator:
        case "<":
            return between(None, value, high_open=True)
        case "<=":
            return between(None, value)
        case ">":
            return between(value, low_open=True)
    return between(value)


def _interval(text: str, type_: str) -> ValueSet:
    low_text, _, high_text = text[1:-1].partition("..")
    low = _value(low_text, type_) if low_text.strip() else None
    high = _value(high_text, type_) if high_text.strip() else None
    bounds = [bound for bound in (low, high) if bound is not None]
    if not bounds:
        raise ConditionError(f"expected a bound at least on one side, but got {_shown(text)}")
    for bound in bounds:
        _ordered(bound, text)
    if len({isinstance(bound, str) for bound in bounds}) > 1:
        raise ConditionError(f"expected two numbers or two texts, but got {_shown(text)}")
    found = between(low, high, low_open=_OPENING[text[0]], high_open=_CLOSING[text[-1]])
    if not found:
        raise ConditionError(
            f"expected an interval that something lies in, but nothing is in {_shown(text)}",
            "the lower bound comes first",
        )
    return found


def _ordered(value: Any, text: str) -> None:
    if value is None or isinstance(value, bool):
        raise ConditionError(f"expected a number or a text to compare with, but got {_shown(text)}")


def _value(text: str, type_: str) -> Any:
    text = text.strip()
    if not text:
        raise ConditionError("expected a value, but there is none")
    if "${{" in text:
        raise ConditionError(
            "expected an expression to be the whole condition, but there is more around it",
            "write it all as one expression",
        )
    if text[0] in "'\"":
        if len(text) < 2 or text[-1] != text[0] or text[0] in text[1:-1]:
            raise ConditionError(f"expected one text in quotes, but got {_shown(text)}")
        return _of_type(text[1:-1], type_, text)
    if text == "null":
        return None
    if type_ == "string":
        return text
    if text in _WORDS:
        return _of_type(_WORDS[text], type_, text)
    if _NUMBER.fullmatch(text):
        number = float(text) if any(mark in text for mark in ".eE") else int(text)
        if not abs(number) <= MAX_NUMBER:
            raise ConditionError(
                f"expected a number that a double can hold, but got {_shown(text)}"
            )
        return _of_type(number, type_, text)
    return _of_type(text, type_, text)


def _of_type(value: Any, type_: str, text: str) -> Any:
    match type_:
        case "boolean":
            right = isinstance(value, bool)
        case "number" | "integer":
            right = isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            right = isinstance(value, str)
        case _:
            right = True
    if not right:
        raise ConditionError(f"expected a value of type {type_}, but got {_shown(text)}")
    return value


def _shown(text: str) -> str:
    return f"`{text if len(text) <= 60 else text[:59] + '…'}`"
