"""A message type becomes a schema: every type that messages have, words, defaults."""

from datetime import datetime
from typing import Any, Literal

import msgspec
import pytest

from stretto.contracts.payload import NULL
from stretto.proto.declared import field_words, words_of
from stretto.proto.schema import schema_of


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """What both have."""

    kept: int = 3
    """Said by
    the base."""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A leaf.

    In two paragraphs.
    """

    size: int


class Whole(Base, frozen=True, kw_only=True):
    """A whole."""

    word: Literal["a", "b"]
    """One of two."""
    leaf: Leaf
    maybe: Leaf | None = None
    pair: tuple[str, int] | None = None
    leaves: list[Leaf] = []
    facts: dict[str, Any] = {}
    counts: dict[str, int] = {}
    at: datetime | None = None
    many: str | list[str] | None = None
    raw: msgspec.Raw = NULL
    on: bool = True
    ratio: float = 0.0
    name: str = ""
    free: object = None


def test_every_type_of_a_message_has_its_schema() -> None:
    schema = schema_of(Whole, title="Whole", identity="urn:whole")
    said = {name: {k: v for k, v in field.items() if k not in ("description", "default")}
            for name, field in schema["properties"].items()}  # fmt: skip
    leaf = {"$ref": "#/$defs/Leaf"}
    pair = {
        "type": "array",
        "prefixItems": [{"type": "string"}, {"type": "integer"}],
        "minItems": 2,
        "maxItems": 2,
    }
    assert said == {
        "kept": {"type": "integer"},
        "word": {"type": "string", "enum": ["a", "b"]},
        "leaf": leaf,
        "maybe": {"anyOf": [leaf, {"type": "null"}]},
        "pair": {"anyOf": [pair, {"type": "null"}]},
        "leaves": {"type": "array", "items": leaf},
        "facts": {"type": "object"},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]},
        "many": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "null"},
            ]
        },
        "raw": {},
        "on": {"type": "boolean"},
        "ratio": {"type": "number"},
        "name": {"type": "string"},
        "free": {},
    }
    assert schema["required"] == ["word", "leaf"]
    assert set(schema["$defs"]) == {"Leaf"}


def test_a_default_is_written_where_it_says_something() -> None:
    properties = schema_of(Whole, title="Whole", identity="urn:whole")["properties"]
    defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
    assert defaults == {"kept": 3, "on": True, "ratio": 0.0}


def test_the_words_of_a_field_are_those_below_it_then_the_common_ones() -> None:
    properties = schema_of(Whole, title="Whole", identity="urn:whole")["properties"]
    assert properties["kept"]["description"] == "Said by the base."
    assert properties["word"]["description"] == "One of two."
    assert properties["name"]["description"] == "The name of the signal."
    assert "description" not in properties["ratio"]


def test_the_words_of_a_type_are_its_docstring_without_line_ends() -> None:
    assert words_of(Leaf) == "A leaf.\n\nIn two paragraphs."
    assert words_of(type("Silent", (), {})) == ""


def test_a_class_that_nobody_wrote_says_nothing_of_its_fields() -> None:
    made = msgspec.defstruct("Made", [("x", int)])
    assert field_words(made) == {}


def test_a_type_that_messages_do_not_have_is_refused() -> None:
    class Wrong(msgspec.Struct):
        places: set[int]

    with pytest.raises(TypeError, match="expected a type that JSON messages have"):
        schema_of(Wrong, title="Wrong", identity="urn:wrong")
