"""Shapes: what a place of the document may hold. Each reads a node and writes its JSON Schema.

The two halves stand side by side, so that what an editor completes and what is accepted here cannot
drift apart. `read` gives the value, or None after it has reported what is wrong; a shape never
raises and never stops at the first mistake.
"""

from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from stretto.definition.mistakes import Report
from stretto.definition.nodes import (
    Json,
    Node,
    Path,
    Scalar,
    describe,
)

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Schema = dict[str, Any]
"""A JSON Schema (2020-12) as data."""


class Located(NamedTuple, Generic[T]):
    """A value and where it stands."""

    value: T
    node: Node
    path: Path


class Shape(Protocol[T_co]):
    """What a place may hold."""

    def read(self, node: Node, path: Path, report: Report) -> T_co | None: ...

    def schema(self) -> Schema: ...


class Field(NamedTuple):
    """A named part of a record; the description is for editors."""

    shape: Shape[Any]
    description: str
    required: bool = False


def wrong_type(node: Node, path: Path, report: Report, expected: str, hint: str = "") -> None:
    """Report a value of another type than `expected` ("a list of names")."""
    report.mistake(node, path, "wrong_type", f"expected {expected}, but got {describe(node)}", hint)


def constant_hint(node: Node) -> str:
    """Say that an expression cannot stand in a place."""
    if isinstance(node, Scalar) and isinstance(node.value, str) and "${{" in node.value:
        return "write a constant: no expression can stand here"
    return ""


def json_of(node: Node) -> bytes:
    """Write a value as JSON."""
    data: Json = node.data
    return msgspec.json.encode(data)
