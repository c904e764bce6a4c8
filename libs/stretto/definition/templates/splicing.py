"""Parameters inside an expression: `params.rate * input.total` becomes `0.19 * input.total`.

Works on the words of an expression (strings and comments left alone), not on its syntax tree: what
is not about parameters stays as it was written.
"""

import ast
import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from stretto.definition.nodes import Mapping, Node, Scalar, Sequence
from stretto.expression.errors import ExpressionError
from stretto.expression.interpolation import is_template, split

ROOT = "params"
"""What parameters are called in expressions."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[rRbB]{0,2}(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
        |"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


class NotInside(ValueError):
    """A value that cannot be written inside an expression or a longer text; the text says why."""


class Token(NamedTuple):
    """A word of an expression: name, text (a string), number or mark; where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


class Mention(NamedTuple):
    """A parameter that an expression mentions: `params` and what is selected of it, each with
    where it ends. `guarded`: it stands in a `has(…)`."""

    start: int
    selected: tuple[tuple[str | int, int], ...]
    end: int
    guarded: bool = False


def tokens_of(source: str) -> list[Token]:
    """Take an expression apart, spaces and comments left out."""
    return [
        Token(match.lastgroup or "", match[0], match.start(), match.end())
        for match in _TOKEN.finditer(source)
        if match.lastgroup != "space"
    ]


def mentions(source: str) -> Iterator[Mention]:
    """Find the parameters in an expression, in its order."""
    tokens = tokens_of(source)
    for number, token in enumerate(tokens):
        if token.kind != "name" or token.text != ROOT or _selects(tokens, number):
            continue
        guarded = number > 1 and tokens[number - 1].text == "(" and tokens[number - 2].text == "has"
        selected = tuple(_selectors(tokens, number + 1))
        yield Mention(token.start, selected, token.end, guarded)


def roots_of(source: str) -> Iterator[str]:
    """What an expression refers to: names, and steps as `steps.<name>`."""
    tokens = tokens_of(source)
    for number, token in enumerate(tokens):
        if token.kind != "name" or _selects(tokens, number):
            continue
        if token.text == "steps":
            for key, _ in _selectors(tokens, number + 1):
                yield f"steps.{key}"
                break
        else:
            yield token.text


def _selects(tokens: list[Token], number: int) -> bool:
    """Whether a word is a field of what stands before it."""
    return number > 0 and tokens[number - 1].text == "."


def _selectors(tokens: list[Token], at: int) -> Iterator[tuple[str | int, int]]:
    """The fields and places that are selected of what stands before `at`, methods left out."""
    padded = [*tokens, *[Token("end", "", 0, 0)] * 3]
    while True:
        first, second, third = padded[at : at + 3]
        if first.text == "." and second.kind == "name" and third.text != "(":
            yield second.text, second.end
            at += 2
        elif first.text == "[" and second.kind in ("text", "number") and third.text == "]":
            key = _literal(second.text)
            if key is None:
                return
            yield key, third.end
            at += 3
        else:
            return


def _literal(text: str) -> str | int | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def expression_of(node: Node, *, double: bool = False) -> str:
    """Write a value as a part of an expression; what it says at run time stays an expression.

    `double`: its integers are written as floating-point numbers (a parameter of type number).

    Raises:
        NotInside: a text that is partly an expression.
    """
    if isinstance(node, Sequence):
        return f"[{', '.join(expression_of(item) for item in node.items)}]"
    if isinstance(node, Mapping):
        fields = (
            f"{json.dumps(name, ensure_ascii=False)}: {expression_of(value)}"
            for name, value in node.entries.items()
        )
        return f"{{{', '.join(fields)}}}"
    assert isinstance(node, Scalar)
    value = node.value
    match value:
        case str():
            return _text(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() if double:
            text = f"{value}.0"
        case int():
            text = str(value)
        case _:
            text = repr(value)
    return f"({text})" if text.startswith("-") else text


def _text(value: str) -> str:
    try:
        pieces = split(value) if is_template(value) else []
    except ExpressionError as error:
        raise NotInside(f"expected a whole expression, but {error}") from error
    if not any(piece.is_expression for piece in pieces):
        return json.dumps("".join(p.text for p in pieces) if pieces else value, ensure_ascii=False)
    if len(pieces) > 1:
        raise NotInside(
            "expected a constant or one whole ${{ }} inside an expression, but got a text that is "
            "partly an expression"
        )
    inner = pieces[0].text.strip()
    return f"({inner}\n)" if "//" in inner else f"({inner})"


def text_of(node: Node) -> str:
    """Write a value as a part of a longer text: text as it is, everything else as JSON.

    Raises:
        NotInside: a list or mapping with expressions inside.
    """
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    text = json.dumps(node.data, ensure_ascii=False, separators=(",", ":"))
    if is_template(text):
        raise NotInside(
            "expected a constant or one whole ${{ }} inside a longer text, but got "
            f"{'a list' if isinstance(node, Sequence) else 'a mapping'} with expressions"
        )
    return text
