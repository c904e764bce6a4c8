"""What is known about a value before there is one, read from a JSON Schema.

A shape says less than its schema, never more: whatever is not understood (`patternProperties`,
`not`, remote references …) makes it "anything". So an expression that is refused because of a
shape is wrong for every value that the schema allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stretto.expression.paths import Segments

__all__ = ["ANYTHING", "Shape", "inside", "shape_at", "shape_of"]

MAX_SCHEMA_DEPTH = 16
"""Schemas are followed this deep (`$ref` may be recursive); below is anything."""

JSON_TYPES: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


@dataclass(frozen=True, slots=True)
class Shape:
    """The JSON types a value may have (empty: any), and what is known of its parts.

    Attributes:
        fields: the shapes of named fields of an object.
        required: fields that are surely there.
        closed: an object has no fields but `fields`.
        listed: the schema names fields, so another name is suspicious even where not closed.
        rest: the shape of fields that are not named.
        items: the shape of the items of an array.
    """

    types: frozenset[str] = frozenset()
    fields: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    closed: bool = False
    rest: Shape | None = None
    items: Shape | None = None

    @property
    def listed(self) -> bool:
        return bool(self.fields)

    @property
    def only(self) -> str | None:
        """The one type the value has, or None."""
        return next(iter(self.types)) if len(self.types) == 1 else None


ANYTHING: Final = Shape()


def shape_of(schema: object) -> Shape:
    """Read a JSON Schema (a dict, `true`, `false` or None) of any draft from 4 on.

    Local references (`#/...`) are followed; `anyOf` and `oneOf` are united; `allOf` intersected as
    far as that is simple. Never raises: what is malformed is anything (validating schemas is not
    done here).
    """
    return _Reader(schema if isinstance(schema, dict) else {}).read(schema, MAX_SCHEMA_DEPTH)


def shape_at(roots: Mapping[str, Shape], segments: Segments) -> Shape:
    """The shape of what stands at a path; anything where that is not known."""
    shape = roots.get(str(segments[0]), ANYTHING)
    for segment in segments[1:]:
        shape = inside(shape, segment)
    return shape


def inside(shape: Shape, segment: str | int) -> Shape:
    """The shape of a field or item."""
    if isinstance(segment, int):
        return shape.items or ANYTHING
    return shape.fields.get(segment) or shape.rest or ANYTHING


class _Reader:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def read(self, schema: object, depth: int) -> Shape:
        if not isinstance(schema, dict) or depth == 0:
            return ANYTHING
        parts = [self._own(schema, depth)]
        if isinstance(schema.get("$ref"), str):
            parts.append(self.read(self._resolve(schema["$ref"]), depth - 1))
        for keyword in ("anyOf", "oneOf"):
            choices = schema.get(keyword)
            if isinstance(choices, list) and choices:
                parts.append(_united([self.read(choice, depth - 1) for choice in choices]))
        if isinstance(schema.get("allOf"), list):
            parts.extend(self.read(part, depth - 1) for part in schema["allOf"])
        return _intersected(parts)

    def _own(self, schema: dict[str, Any], depth: int) -> Shape:
        properties = schema.get("properties")
        fields = {
            name: self.read(part, depth - 1)
            for name, part in (properties.items() if isinstance(properties, dict) else ())
            if isinstance(name, str)
        }
        rest = schema.get("additionalProperties", True)
        patterns = bool(schema.get("patternProperties"))
        required = schema.get("required")
        names = required if isinstance(required, list) else ()
        return Shape(
            types=_types(schema),
            fields=fields,
            required=frozenset(name for name in names if isinstance(name, str)),
            closed=rest is False and not patterns,
            rest=self.read(rest, depth - 1) if isinstance(rest, dict) and not patterns else None,
            items=self.read(schema["items"], depth - 1) if _same_items(schema) else None,
        )

    def _resolve(self, pointer: str) -> object:
        if not pointer.startswith("#"):
            return None
        found: object = self.document
        for part in pointer[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found


def _same_items(schema: dict[str, Any]) -> bool:
    return isinstance(schema.get("items"), dict) and "prefixItems" not in schema


def _types(schema: dict[str, Any]) -> frozenset[str]:
    stated = schema.get("type")
    if isinstance(stated, str):
        types = frozenset({stated})
    elif isinstance(stated, list):
        types = frozenset(name for name in stated if isinstance(name, str))
    elif "const" in schema:
        types = _types_of_values([schema["const"]])
    elif isinstance(schema.get("enum"), list):
        types = _types_of_values(schema["enum"])
    else:
        return frozenset()
    if schema.get("nullable") is True:
        types |= {"null"}
    return types if types <= JSON_TYPES else frozenset()


def _types_of_values(values: Iterable[object]) -> frozenset[str]:
    names: set[str] = set()
    for value in values:
        match value:
            case None:
                names.add("null")
            case bool():
                names.add("boolean")
            case int() | float():
                names.add("number")
            case str():
                names.add("string")
            case list():
                names.add("array")
            case _:
                names.add("object")
    return frozenset(names)


def _united(shapes: list[Shape]) -> Shape:
    """What holds of a value that has one of the shapes."""
    if any(not shape.types for shape in shapes):
        types: frozenset[str] = frozenset()
    else:
        types = frozenset[str]().union(*(shape.types for shape in shapes))
    maps = [shape for shape in shapes if not shape.types or "object" in shape.types]
    names = {name for shape in maps for name in shape.fields}
    fields = {name: _united([_field_of(shape, name) for shape in maps]) for name in names}
    lists = [shape.items for shape in shapes if not shape.types or "array" in shape.types]
    known = [items for items in lists if items is not None]
    return Shape(
        types=types,
        fields=fields,
        required=frozenset[str].intersection(*(shape.required for shape in maps))
        if maps
        else frozenset(),
        closed=bool(maps) and all(shape.closed for shape in maps),
        items=_united(known) if known and len(known) == len(lists) else None,
    )


def _field_of(shape: Shape, name: str) -> Shape:
    return shape.fields.get(name) or shape.rest or ANYTHING


def _intersected(shapes: list[Shape]) -> Shape:
    """What holds of a value that has all of the shapes, or a little less."""
    told = [shape for shape in shapes if shape != ANYTHING]
    if not told:
        return ANYTHING
    if len(told) == 1:
        return told[0]
    stated = [shape.types for shape in told if shape.types]
    common = frozenset[str].intersection(*map(_with_integer, stated)) if stated else frozenset()
    names = {name for shape in told for name in shape.fields}
    return Shape(
        types=common - {"integer"} if "number" in common else common,
        fields={
            name: _intersected([shape.fields[name] for shape in told if name in shape.fields])
            for name in names
        },
        required=frozenset[str]().union(*(shape.required for shape in told)),
        closed=any(shape.closed for shape in told),
        items=next((shape.items for shape in told if shape.items is not None), None),
    )


def _with_integer(types: frozenset[str]) -> frozenset[str]:
    return types | {"integer"} if "number" in types else types
