"""Shapes of lists, of mappings by name, and of records."""

from collections.abc import Callable
from collections.abc import Mapping as Map
from typing import Any, Generic

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.scalar_shapes import Name
from stretto.definition.shapes import Field, Located, Schema, Shape, T, wrong_type


class Placed(Generic[T]):
    """A value of a shape together with its place."""

    def __init__(self, shape: Shape[T]) -> None:
        self.shape = shape

    def read(self, node: Node, path: Path, report: Report) -> Located[T] | None:
        value = self.shape.read(node, path, report)
        return None if value is None else Located(value, node, path)

    def schema(self) -> Schema:
        return self.shape.schema()


class ListOf(Generic[T]):
    """A list; where `lone` is set, a single value stands for a list of one."""

    def __init__(self, what: str, shape: Shape[T], most: int, *, lone: bool = False) -> None:
        self.what = what
        self.shape = shape
        self.most = most
        self.lone = lone

    def read(self, node: Node, path: Path, report: Report) -> list[T] | None:
        if not isinstance(node, Sequence):
            if self.lone and isinstance(node, Scalar) and isinstance(node.value, str):
                value = self.shape.read(node, path, report)
                return None if value is None else [value]
            wrong_type(node, path, report, self.what)
            return None
        if len(node.items) > self.most:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {self.most}, but got {len(node.items)}",
            )
            return None
        values = (
            self.shape.read(item, (*path, index), report) for index, item in enumerate(node.items)
        )
        return [value for value in values if value is not None]

    def schema(self) -> Schema:
        inner = self.shape.schema()
        many: Schema = {"type": "array", "items": inner, "maxItems": self.most}
        return {"anyOf": [inner, many]} if self.lone else many


class MapOf(Generic[T]):
    """Values of one shape by name."""

    def __init__(self, what: str, key: Name, shape: Shape[T], most: int) -> None:
        self.what = what
        self.key = key
        self.shape = shape
        self.most = most

    def read(self, node: Node, path: Path, report: Report) -> dict[str, T] | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, self.what)
            return None
        if len(node.entries) > self.most:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected {self.what} of at most {self.most}, but got {len(node.entries)}",
            )
            return None
        found: dict[str, T] = {}
        for name, value in node.entries.items():
            inner = (*path, name)
            named = self.key.check(name, node.key(name), inner, report)
            read = self.shape.read(value, inner, report)
            if named and read is not None:
                found[name] = read
        return found

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": self.key.schema(),
            "additionalProperties": self.shape.schema(),
            "maxProperties": self.most,
        }


class Record(Generic[T]):
    """A mapping of known fields, read into `make(**values)`; fields left out are not passed.

    `check` looks at the whole once its fields are read.
    """

    def __init__(
        self,
        what: str,
        make: Callable[..., T],
        fields: Map[str, Field],
        check: Callable[[T, Mapping, Path, Report], None] | None = None,
    ) -> None:
        self.what = what
        self.make = make
        self.fields = fields
        self.check = check

    def read(self, node: Node, path: Path, report: Report) -> T | None:
        if not isinstance(node, Mapping):
            wrong_type(node, path, report, self.what)
            return None
        unknown_keys(node, path, report, self.fields)
        values, complete = read_fields(node, path, report, self.fields, self.what)
        if not complete:
            return None
        made = self.make(**values)
        if self.check is not None:
            self.check(made, node, path, report)
        return made

    def schema(self) -> Schema:
        return record_schema(self.fields)


class Short(Generic[T]):
    """A record, or a short form of it: what is not a mapping is read by `short` and made a record
    by `expand`."""

    def __init__(self, record: Shape[T], short: Shape[Any], expand: Callable[[Any], T]) -> None:
        self.record = record
        self.short = short
        self.expand = expand

    def read(self, node: Node, path: Path, report: Report) -> T | None:
        if isinstance(node, Mapping):
            return self.record.read(node, path, report)
        value = self.short.read(node, path, report)
        return None if value is None else self.expand(value)

    def schema(self) -> Schema:
        return {"anyOf": [self.short.schema(), self.record.schema()]}


class Value:
    """Any JSON value; `what` other than None asks for a mapping ("a mapping of inputs")."""

    def __init__(self, mapping: str | None = None) -> None:
        self.mapping = mapping

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if self.mapping is not None and not isinstance(node, Mapping):
            wrong_type(node, path, report, self.mapping)
            return None
        return node

    def schema(self) -> Schema:
        return {"type": "object"} if self.mapping is not None else {}
