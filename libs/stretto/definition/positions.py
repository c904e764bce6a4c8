"""Where a character of a string stands in the document that the string was read from.

A string is written plain, in quotes with escapes, or as a block that is folded and indented. What
all forms keep is the order of the characters that are not white space; so a character is found by
counting those, in the string and in the document.
"""

from typing import NamedTuple

from stretto.definition.nodes import Node, Position, Scalar

_ESCAPE_DIGITS = {"x": 2, "u": 4, "U": 8}
_SPACE_ESCAPES = frozenset('tnvfr "N_LP\n\t '.replace('"', ""))
"""Escapes of a double-quoted string that stand for white space, or for nothing."""


class Inside(NamedTuple):
    """A character of a string, by its offset; found in the document only when it is needed."""

    node: Node
    offset: int


At = Node | Position | Inside
"""Where a mistake is."""


def position_of(text: str, at: At) -> Position:
    """Give the line and column in the document `text`."""
    if isinstance(at, Inside):
        return place_in(text, at.node, at.offset)
    return at.position if isinstance(at, Node) else at


def offset_in(text: str, line: int, column: int) -> int:
    """Give the offset of a line and column, both from 1, in a string."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start + column - 1


def place_in(text: str, scalar: Node, offset: int) -> Position:
    """Find where character `offset` of a string stands in the document `text`."""
    if not isinstance(scalar, Scalar) or not _written_here(text, scalar):
        return scalar.position
    wanted = sum(not c.isspace() for c in str(scalar.value)[:offset])
    at = scalar.offset
    if scalar.style in ("|", ">"):
        at = text.find("\n", at) + 1
    elif scalar.style:
        at += 1
    while at < len(text):
        length, solid = _next(text, at, scalar.style)
        if solid and wanted == 0:
            break
        wanted -= solid
        at += length
    line = text.count("\n", 0, at) + 1
    return Position(line, at - text.rfind("\n", 0, at))


def _written_here(text: str, scalar: Scalar) -> bool:
    """Tell whether the document still holds the string where it says (not so where it was made
    up)."""
    if scalar.offset >= len(text):
        return False
    return text[scalar.offset] == scalar.style if scalar.style else bool(scalar.value)


def _next(text: str, at: int, style: str) -> tuple[int, bool]:
    """Give the length of what stands at a place for one character of the string, and whether that
    character is other than white space."""
    char = text[at]
    if style == "'" and char == "'":
        return 2, True
    if style != '"' or char != "\\" or at + 1 >= len(text):
        return 1, not char.isspace()
    kind = text[at + 1]
    if kind in _ESCAPE_DIGITS:
        digits = text[at + 2 : at + 2 + _ESCAPE_DIGITS[kind]]
        return 2 + len(digits), not chr(int(digits, 16)).isspace()
    return 2, kind not in _SPACE_ESCAPES
