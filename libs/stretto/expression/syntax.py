"""The syntax tree of an expression, read from and written to the library's serialized form.

The library gives a compiled expression only as protobuf (`cel.expr.ParsedExpr`, published as
cel-spec `proto/cel/expr/syntax.proto`); its message classes are not shipped, and the part we need
is small. `read_parsed` and `write_parsed` are inverse to one another up to the source positions,
which are not written back (nothing at evaluation uses them).

The parser bounds nesting to 32, so the recursion here is bounded too.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from stretto.expression.wire import decode, integer, length_delimited, signed, varint

__all__ = [
    "Call",
    "Const",
    "Entry",
    "Ident",
    "ListOf",
    "Loop",
    "MapOf",
    "Node",
    "Select",
    "Tree",
    "children",
    "double",
    "read_parsed",
    "walk",
    "write_parsed",
]

_DOUBLE_KEY = b"\x29"
"""Field 5, of eight bytes."""

_TYPE_URL = b"type.googleapis.com/cel.expr.ParsedExpr"


@dataclass(slots=True, frozen=True)
class Const:
    """A literal. `value` is None for null, unsigned and bytes; `raw` is always it."""

    id: int
    raw: bytes
    value: bool | int | float | str | None = None
    is_null: bool = False


@dataclass(slots=True, frozen=True)
class Ident:
    id: int
    name: str


@dataclass(slots=True, frozen=True)
class Select:
    """`operand.field`, or the test `has(operand.field)`."""

    id: int
    operand: "Node"
    field: str
    test: bool = False


@dataclass(slots=True, frozen=True)
class Call:
    """A function, a method (`target` given) or an operator (`_+_`, `_[_]`, `@in` …)."""

    id: int
    function: str
    args: tuple["Node", ...]
    target: "Node | None" = None


@dataclass(slots=True, frozen=True)
class ListOf:
    id: int
    elements: tuple["Node", ...]
    optional: bytes = b""
    """The packed indices of elements written `?x`."""


@dataclass(slots=True, frozen=True)
class Entry:
    """A key and value of a map; `field` instead of a key belongs to a message."""

    id: int
    key: "Node | None"
    value: "Node"
    optional: bool = False
    field: str = ""


@dataclass(slots=True, frozen=True)
class MapOf:
    id: int
    entries: tuple[Entry, ...]
    message: str = ""


@dataclass(slots=True, frozen=True)
class Loop:
    """What a macro (`map`, `all`, `cel.bind` …) expands to: a fold of `over` into `result_name`."""

    id: int
    item_name: str
    second_name: str
    over: "Node"
    result_name: str
    start: "Node"
    condition: "Node"
    step: "Node"
    result: "Node"


Node = Const | Ident | Select | Call | ListOf | MapOf | Loop


@dataclass(slots=True, frozen=True)
class Tree:
    """A syntax tree and where in the source, in characters from 0, each node id stands."""

    root: Node
    positions: dict[int, int]


def read_parsed(serialized: bytes) -> Tree:
    """Read an expression that was compiled without checking and serialized."""
    outer = dict(_fields(serialized))
    assert outer[1] == _TYPE_URL, outer[1]
    root: Node | None = None
    positions: dict[int, int] = {}
    for number, value in _fields(outer[2]):
        if number == 2:
            root = _read(value)
        else:
            assert number == 3, number
            positions = _positions(value)
    assert root is not None
    return Tree(root, positions)


def write_parsed(root: Node) -> bytes:
    """Serialize a tree so that the library takes it back."""
    return length_delimited(1, _TYPE_URL) + length_delimited(2, length_delimited(2, _write(root)))


def double(node_id: int, value: float) -> Const:
    """The literal of a double."""
    return Const(node_id, _DOUBLE_KEY + struct.pack("<d", value), value)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below a node."""
    match node:
        case Const() | Ident():
            return ()
        case Select():
            return (node.operand,)
        case Call():
            return node.args if node.target is None else (node.target, *node.args)
        case ListOf():
            return node.elements
        case MapOf():
            keys = tuple(entry.key for entry in node.entries if entry.key is not None)
            return (*keys, *(entry.value for entry in node.entries))
        case Loop():
            return (node.over, node.start, node.condition, node.step, node.result)
    assert_never(node)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, value in decode(data):
        yield number, _bytes(value)


def _positions(source_info: bytes) -> dict[int, int]:
    positions: dict[int, int] = {}
    for number, entry in _fields(source_info):
        if number == 4:
            pair = dict(decode(entry))
            positions[integer(pair.get(1, 0))] = integer(pair.get(2, 0))
    return positions


def _text(value: int | bytes) -> str:
    assert isinstance(value, bytes)
    return value.decode()


def _bytes(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _read(data: bytes) -> Node:
    node_id = 0
    kind, body = 0, b""
    for number, value in decode(data):
        if number == 2:
            node_id = integer(value)
        else:
            kind, body = number, _bytes(value)
    match kind:
        case 3:
            return _read_const(node_id, body)
        case 4:
            return Ident(node_id, "".join(_text(value) for _, value in decode(body)))
        case 5:
            return _read_select(node_id, body)
        case 6:
            return _read_call(node_id, body)
        case 7:
            elements = tuple(_read(value) for number, value in _fields(body) if number == 1)
            packed = b"".join(value for number, value in _fields(body) if number == 2)
            return ListOf(node_id, elements, packed)
        case 8:
            return _read_map(node_id, body)
        case 9:
            return _read_loop(node_id, body)
    raise AssertionError(f"expected an expression of a known kind, but got field {kind}")


def _read_const(node_id: int, body: bytes) -> Const:
    for number, value in decode(body):
        match number:
            case 1:
                return Const(node_id, body, None, is_null=True)
            case 2:
                return Const(node_id, body, bool(value))
            case 3:
                return Const(node_id, body, signed(integer(value)))
            case 5:
                return Const(node_id, body, struct.unpack("<d", _bytes(value))[0])
            case 6:
                return Const(node_id, body, _text(value))
    return Const(node_id, body)


def _read_select(node_id: int, body: bytes) -> Select:
    operand: Node | None = None
    field, test = "", False
    for number, value in decode(body):
        if number == 1:
            operand = _read(_bytes(value))
        elif number == 2:
            field = _text(value)
        else:
            assert number == 3, number
            test = bool(value)
    assert operand is not None
    return Select(node_id, operand, field, test)


def _read_call(node_id: int, body: bytes) -> Call:
    target: Node | None = None
    function = ""
    args: list[Node] = []
    for number, value in decode(body):
        if number == 1:
            target = _read(_bytes(value))
        elif number == 2:
            function = _text(value)
        else:
            assert number == 3, number
            args.append(_read(_bytes(value)))
    return Call(node_id, function, tuple(args), target)


def _read_map(node_id: int, body: bytes) -> MapOf:
    message = ""
    entries: list[Entry] = []
    for number, value in decode(body):
        if number == 1:
            message = _text(value)
        else:
            assert number == 2, number
            entries.append(_read_entry(_bytes(value)))
    return MapOf(node_id, tuple(entries), message)


def _read_entry(body: bytes) -> Entry:
    entry_id, field, optional = 0, "", False
    key: Node | None = None
    held: Node | None = None
    for number, value in decode(body):
        match number:
            case 1:
                entry_id = integer(value)
            case 2:
                field = _text(value)
            case 3:
                key = _read(_bytes(value))
            case 4:
                held = _read(_bytes(value))
            case _:
                assert number == 5, number
                optional = bool(value)
    assert held is not None
    return Entry(entry_id, key, held, optional, field)


def _read_loop(node_id: int, body: bytes) -> Loop:
    names: dict[int, str] = {}
    nodes: dict[int, Node] = {}
    for number, value in decode(body):
        if number in {1, 3, 8}:
            names[number] = _text(value)
        else:
            nodes[number] = _read(_bytes(value))
    return Loop(
        node_id,
        item_name=names.get(1, ""),
        second_name=names.get(8, ""),
        over=nodes[2],
        result_name=names.get(3, ""),
        start=nodes[4],
        condition=nodes[5],
        step=nodes[6],
        result=nodes[7],
    )


def _write(node: Node) -> bytes:
    head = varint(2 << 3) + varint(node.id)
    match node:
        case Const():
            return head + length_delimited(3, node.raw)
        case Ident():
            return head + length_delimited(4, length_delimited(1, node.name.encode()))
        case Select():
            body = length_delimited(1, _write(node.operand))
            body += length_delimited(2, node.field.encode())
            return head + length_delimited(5, body + (b"\x18\x01" if node.test else b""))
        case Call():
            body = length_delimited(1, _write(node.target)) if node.target is not None else b""
            body += length_delimited(2, node.function.encode())
            body += b"".join(length_delimited(3, _write(arg)) for arg in node.args)
            return head + length_delimited(6, body)
        case ListOf():
            body = b"".join(length_delimited(1, _write(element)) for element in node.elements)
            body += length_delimited(2, node.optional) if node.optional else b""
            return head + length_delimited(7, body)
        case MapOf():
            body = length_delimited(1, node.message.encode()) if node.message else b""
            body += b"".join(length_delimited(2, _write_entry(entry)) for entry in node.entries)
            return head + length_delimited(8, body)
        case Loop():
            return head + length_delimited(9, _write_loop(node))
    assert_never(node)


def _write_entry(entry: Entry) -> bytes:
    body = varint(1 << 3) + varint(entry.id)
    body += length_delimited(2, entry.field.encode()) if entry.field else b""
    body += length_delimited(3, _write(entry.key)) if entry.key is not None else b""
    return (
        body + length_delimited(4, _write(entry.value)) + (b"\x28\x01" if entry.optional else b"")
    )


def _write_loop(loop: Loop) -> bytes:
    body = length_delimited(1, loop.item_name.encode())
    body += length_delimited(2, _write(loop.over))
    body += length_delimited(3, loop.result_name.encode())
    parts = (loop.start, loop.condition, loop.step, loop.result)
    for number, part in zip((4, 5, 6, 7), parts, strict=True):
        body += length_delimited(number, _write(part))
    return body + (length_delimited(8, loop.second_name.encode()) if loop.second_name else b"")
