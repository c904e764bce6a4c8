"""A mistake inside a string stands where the string says it, however the string is written."""

import pytest

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Position, Scalar, scalar_at
from stretto.definition.positions import Inside, offset_in, place_in, position_of
from stretto.definition.yaml_reader import read


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("v: one two X\n", 1, 12),
        ("v: 'it''s X'\n", 1, 11),
        ('v: "a\\tb\\u00e9\\"\\x20 \\N X"\n', 1, 25),
        ("v: |\n   one\n\n   two X\n", 4, 8),
        ("v: >2\n   one\n   two X\n", 3, 8),
        ("v: one\n  two\n\n  X\n", 4, 3),
        ('v: "one\n  two \\\n  X"\n', 3, 3),
    ],
)
def test_a_character_of_a_string_is_found(text: str, line: int, column: int) -> None:
    node = read(text, Report("f"))
    assert isinstance(node, Mapping)
    scalar = node.entries["v"]
    assert isinstance(scalar, Scalar) and isinstance(scalar.value, str)

    found = place_in(text, scalar, scalar.value.index("X"))

    assert found == Position(line, column)
    assert text.split("\n")[line - 1][column - 1] == "X"


def test_a_place_is_a_node_a_position_or_a_character() -> None:
    text = "v: ab\n"
    scalar = Scalar("ab", 1, 4, 3)

    assert position_of(text, scalar) == Position(1, 4)
    assert position_of(text, Position(7, 7)) == Position(7, 7)
    assert position_of(text, Inside(scalar, 1)) == Position(1, 5)


def test_what_was_made_up_stands_where_it_was_made() -> None:
    quoted = Scalar("x", 1, 1, 0, style="'")

    assert place_in("plain", quoted, 0) == Position(1, 1)
    assert place_in("", Scalar("x", 3, 4, 99), 0) == Position(3, 4)
    assert place_in("5s", scalar_at(quoted, 5.0), 0) == Position(1, 1)


def test_past_the_end_is_the_end() -> None:
    assert place_in("ab", Scalar("abcdef", 1, 1, 0), 5) == Position(1, 3)


def test_offsets_follow_lines_and_columns() -> None:
    assert offset_in("ab\ncd\nef", 1, 2) == 1
    assert offset_in("ab\ncd\nef", 3, 1) == 6
