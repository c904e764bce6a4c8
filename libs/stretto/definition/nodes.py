"""Values that know where they stand in the text: what the reader of YAML makes.

Lines and columns count from 1, as editors do; offsets count characters from 0.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from stretto.definition.origins import Origin

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the document: `("steps", "charge", "needs", 0)`."""

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


class Position(NamedTuple):
    line: int
    column: int


class Node:
    """A value of the document, its place, and how many values it holds with itself (`size`).

    `origin` says where it came from when it does not stand in the document itself: templates.
    """

    __slots__ = ("column", "line", "offset", "origin", "size")

    line: int
    column: int
    offset: int
    origin: "Origin | None"
    size: int

    @property
    def position(self) -> Position:
        return Position(self.line, self.column)

    @property
    def data(self) -> Json:
        """The value without places, as JSON data. O(size)."""
        raise AssertionError("expected a scalar, a sequence or a mapping")


class Scalar(Node):
    """A single value, resolved by the core schema of YAML 1.2. `style` is `'`, `"`, `|`, `>` or
    empty for a plain one."""

    __slots__ = ("style", "value")

    def __init__(
        self,
        value: str | int | float | bool | None,
        line: int,
        column: int,
        offset: int,
        style: str = "",
    ) -> None:
        self.value = value
        self.line = line
        self.column = column
        self.offset = offset
        self.style = style
        self.origin = None
        self.size = 1

    @property
    def data(self) -> Json:
        return self.value


class Sequence(Node):
    """A list of values."""

    __slots__ = ("items",)

    def __init__(self, items: list[Node], line: int, column: int, offset: int) -> None:
        self.items = items
        self.line = line
        self.column = column
        self.offset = offset
        self.origin = None
        self.size = 1 + sum(item.size for item in items)

    @property
    def data(self) -> Json:
        return [item.data for item in self.items]


class Mapping(Node):
    """Values by name; `keys` are the nodes of the names."""

    __slots__ = ("entries", "keys")

    def __init__(
        self,
        entries: dict[str, Node],
        keys: dict[str, Scalar],
        line: int,
        column: int,
        offset: int,
    ) -> None:
        self.entries = entries
        self.keys = keys
        self.line = line
        self.column = column
        self.offset = offset
        self.origin = None
        self.size = 1 + sum(value.size for value in entries.values())

    @property
    def data(self) -> Json:
        return {name: value.data for name, value in self.entries.items()}

    def key(self, name: str) -> Node:
        """The node of a name, for a mistake about the name itself; the mapping where it is made
        up."""
        return self.keys.get(name, self)


def mapping_of(place: Node, **entries: Node) -> Mapping:
    """Make a mapping that is not in the text, from values that are (a short form written out)."""
    made = Mapping(entries, {}, place.line, place.column, place.offset)
    made.origin = place.origin
    return made


def scalar_at(place: Node, value: str | int | float | bool | None) -> Scalar:
    """Make a scalar that is not in the text, in the place of a value that is."""
    made = Scalar(value, place.line, place.column, place.offset)
    made.origin = place.origin
    return made


def strings_in(node: Node, path: Path) -> Iterator[tuple[Scalar, Path]]:
    """Walk the strings of a value, keys left out, in the order of the text."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str):
            yield node, path
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield from strings_in(item, (*path, index))
    else:
        assert isinstance(node, Mapping)
        for name, value in node.entries.items():
            yield from strings_in(value, (*path, name))


def find(node: Node, path: Path) -> Node:
    """Follow a path inward as far as it exists and give the innermost node."""
    for part in path:
        inner: Node | None = None
        if isinstance(node, Mapping) and isinstance(part, str):
            inner = node.entries.get(part)
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            inner = node.items[part]
        if inner is None:
            return node
        node = inner
    return node


def describe(node: Node) -> str:
    """Say what a value is, for the second half of "expected …, but got …"."""
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if isinstance(node, Mapping):
        return "a mapping" if node.entries else "an empty mapping"
    assert isinstance(node, Scalar)
    match node.value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {'true' if node.value else 'false'}"
        case int():
            return f"the integer {node.value}"
        case float():
            return f"the number {node.value}"
    return quoted(node.value)


MAX_QUOTED_CHARS = 60
"""A value is shown in a mistake up to here."""


def quoted(text: str) -> str:
    """Show a string of the user in a message: in quotes, on one line, cut."""
    shown = text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 1] + "…"
    shown = shown.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return f'"{shown}"'


def path_text(path: Path) -> str:
    """Write a path as people do: `steps.charge.needs[0]`, odd names in brackets and quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part and all(c.isalnum() or c in "_-$" for c in part):
            text += f".{part}" if text else part
        else:
            text += f"[{quoted(part)}]"
    return text
