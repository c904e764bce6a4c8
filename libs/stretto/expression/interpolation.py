"""Texts with `${{ expression }}` inside, taken apart.

An expression ends at the first `}}` that is outside of its own quotes, comments and braces, so that
`${{ {"a": {"b": 1}} }}` and `${{ "}}" }}` mean what they look like.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stretto.expression.errors import error_at

__all__ = ["Piece", "is_template", "split"]

_OPEN = "${{"
_CLOSE = "}}"
_ESCAPE = "$"

_TOKEN = re.compile(
    r'''(?P<raw>[rR]?(?:"""|\'\'\'|"|\'))|(?P<comment>//)|(?P<open>\{)|(?P<close>\}\}?)''',
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text: literal, or an expression with the offset where it begins."""

    text: str
    offset: int
    is_expression: bool


def is_template(text: str) -> bool:
    """Whether a text holds `${{`, escaped or not."""
    return _OPEN in text


def split(text: str) -> list[Piece]:
    """Take a text apart; literal pieces have their escapes resolved and are never empty.

    A line break at the very end (as block texts of YAML have it) does not make a whole expression
    a longer text.

    Raises:
        ExpressionError: a `${{` without its `}}`.
    """
    pieces: list[Piece] = []
    literal: list[str] = []
    at = 0
    while (start := text.find(_OPEN, at)) >= 0:
        if start > at and text[start - 1] == _ESCAPE:
            literal += [text[at : start - 1], _OPEN]
            at = start + len(_OPEN)
            continue
        literal.append(text[at:start])
        _add_literal(pieces, literal)
        begin = start + len(_OPEN)
        end = _end_of_expression(text, begin)
        if end is None:
            raise error_at(text, start, "expected `}}` after `${{`, but the text ends before")
        pieces.append(Piece(text[begin:end], begin, is_expression=True))
        at = end + len(_CLOSE)
    literal.append(text[at:])
    if len(pieces) == 1 and not text[at:].strip("\r\n"):
        return pieces
    _add_literal(pieces, literal)
    return pieces


def _add_literal(pieces: list[Piece], literal: list[str]) -> None:
    text = "".join(literal)
    if text:
        pieces.append(Piece(text, 0, is_expression=False))
    literal.clear()


def _end_of_expression(text: str, at: int) -> int | None:
    """Where the closing braces of an expression that begins at `at` stand."""
    depth = 0
    while (token := _TOKEN.search(text, at)) is not None:
        at = token.end()
        match token.lastgroup:
            case "raw":
                end = _end_of_quotes(text, at, token[0])
                if end is None:
                    return None
                at = end
            case "comment":
                line_end = text.find("\n", at)
                at = line_end if line_end >= 0 else at
            case "open":
                depth += 1
            case _:
                if depth == 0 and token[0] == _CLOSE:
                    return token.start()
                depth = max(0, depth - 1)
                at = token.start() + 1
    return None


def _end_of_quotes(text: str, at: int, opening: str) -> int | None:
    quotes = opening.lstrip("rR")
    if opening != quotes:
        end = text.find(quotes, at)
        return None if end < 0 else end + len(quotes)
    while (end := text.find(quotes, at)) >= 0:
        escape = text.find("\\", at, end)
        if escape < 0:
            return end + len(quotes)
        at = escape + 2
    return None
