"""Syntax trees: read from the library, written back, read again: the same."""

import pytest

from stretto.expression import native
from stretto.expression.macros import macro_of
from stretto.expression.syntax import Const, Loop, double, read_parsed, walk, write_parsed
from stretto.expression.wire import decode, length_delimited, signed, varint

SOURCES = [
    "1",
    "-1",
    "1u",
    "1.5",
    "true",
    "null",
    "'text é'",
    "b'bytes'",
    "input.a.b",
    "has(input.a)",
    "input['a'][0]",
    "a + b * -c",
    "f(1, x.g('y'))",
    "[1, ?x, [2]]",
    "{'a': 1, ?'b': x, 3: []}",
    "Message{field: 1, other: [2]}",
    "list.map(x, x + 1)",
    "list.all(i, x, x > i)",
    "cel.bind(x, 1, x)",
    "a ? b : c",
    "a.?b",
]


@pytest.mark.parametrize("source", SOURCES)
def test_a_tree_is_written_as_it_was_read(source: str) -> None:
    tree = native.parse(source)

    again = read_parsed(write_parsed(tree.root))

    assert again.root == tree.root
    assert again.positions == {}
    assert set(tree.positions) >= {node.id for node in walk(tree.root)} - _made_by_macros(source)


def _made_by_macros(source: str) -> set[int]:
    """Nodes that stand nowhere in the source; here: no claim about expressions with macros."""
    if any(word in source for word in ("map", "all", "bind", "has")):
        return {node.id for node in walk(native.parse(source).root)}
    return set()


@pytest.mark.parametrize(
    ("source", "value"),
    [("1", 1), ("-9223372036854775808", -(2**63)), ("2.5", 2.5), ("'é'", "é"), ("false", False)],
)
def test_a_literal_has_its_value(source: str, value: object) -> None:
    root = native.parse(source).root

    assert isinstance(root, Const)
    assert root.value == value


def test_a_double_is_written_like_one_that_was_read() -> None:
    root = native.parse("2.5").root

    assert isinstance(root, Const)
    assert double(root.id, 2.5) == root


@pytest.mark.parametrize(
    ("source", "kind", "names", "parts"),
    [
        ("x.all(i, i)", "all", ("i",), 1),
        ("x.exists(i, i)", "exists", ("i",), 1),
        ("x.exists_one(i, i)", "exists_one", ("i",), 1),
        ("x.map(i, i)", "map", ("i",), 1),
        ("x.map(i, i, 1)", "map", ("i",), 2),
        ("x.filter(i, i)", "map", ("i",), 2),
        ("x.all(n, i, i)", "all", ("n", "i"), 1),
        ("x.transformList(n, i, i)", "map", ("n", "i"), 1),
        ("x.transformList(n, i, i, 1)", "map", ("n", "i"), 2),
        ("cel.bind(i, x, i)", "bind", ("i",), 1),
    ],
)
def test_a_macro_is_recognised(source: str, kind: str, names: tuple[str, ...], parts: int) -> None:
    loop = native.parse(source).root

    assert isinstance(loop, Loop)
    macro = macro_of(loop)
    assert macro is not None
    assert (macro.kind, macro.names, len(macro.parts)) == (kind, names, parts)


def test_another_fold_is_no_macro() -> None:
    loop = native.parse("{}.transformMap(k, v, v)").root

    assert isinstance(loop, Loop)
    assert macro_of(loop) is None


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, 2**32, 2**64 - 1])
def test_a_varint_is_read_as_written(value: int) -> None:
    assert list(decode(varint(8) + varint(value))) == [(1, value)]


def test_fields_of_all_kinds_are_read() -> None:
    message = length_delimited(1, b"ab") + b"\x11" + b"8" * 8 + b"\x1d" + b"4" * 4

    assert list(decode(message)) == [(1, b"ab"), (2, b"8" * 8), (3, b"4" * 4)]


def test_a_negative_number_is_two_complement() -> None:
    assert signed(2**64 - 1) == -1
    assert signed(5) == 5
