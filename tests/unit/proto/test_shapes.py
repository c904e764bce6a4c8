"""Changes of a message that take something away are found; those that add are not minded."""

import copy
from typing import Any

import pytest

from stretto.proto.shapes import broken, extended, shape_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["id", "parts"],
    "properties": {
        "id": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "status": {"type": "string", "enum": ["open", "done"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "which": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "null"}]},
        "payload": {},
    },
    "$defs": {
        "Part": {
            "type": "object",
            "required": ["size"],
            "properties": {"size": {"type": "integer"}},
        }
    },
}
SHAPE = {
    "id": "string!",
    "labels": "object",
    "labels{}": "string",
    "note": "null|string",
    "parts": "array!",
    "parts[]": "object",
    "parts[].size": "integer!",
    "payload": "any",
    "status": "string: done, open",
    "which": "null|object",
    "which.size": "integer!",
}


def changed(*path: str, to: object = None, required: list[str] | None = None) -> list[str]:
    """What is broken when one place of the schema is changed (None: taken away)."""
    schema = copy.deepcopy(SCHEMA)
    part: Any = schema
    for key in path[:-1]:
        part = part[key]
    if path and to is None:
        del part[path[-1]]
    elif path:
        part[path[-1]] = to
    if required is not None:
        schema["required"] = required
    return broken({"order": SHAPE}, {"order": shape_of(schema)})


def test_a_shape_names_every_field_with_its_type() -> None:
    assert shape_of(SCHEMA) == SHAPE


def test_the_same_message_breaks_nothing() -> None:
    assert changed() == []


def test_a_message_that_is_gone_is_found() -> None:
    assert broken({"order": SHAPE}, {}) == ["expected order to stay, but it is gone"]


@pytest.mark.parametrize(
    ("path", "to", "sentence"),
    [
        (("properties", "note"), None, "expected order to keep 'note', but it is gone"),
        (
            ("properties", "note"),
            {"type": "string"},
            "expected 'note' of order to stay 'null|string', but it is 'string'",
        ),
        (
            ("$defs", "Part", "properties", "size"),
            {"type": "number"},
            "expected 'parts[].size' of order to stay 'integer!', but it is 'number!'",
        ),
        (
            ("properties", "status", "enum"),
            ["open"],
            "expected 'status' of order to stay 'string: done, open', but it is 'string: open'",
        ),
        (
            ("properties", "labels", "additionalProperties"),
            {"type": "integer"},
            "expected 'labels{}' of order to stay 'string', but it is 'integer'",
        ),
    ],
)
def test_what_was_taken_away_is_said(path: tuple[str, ...], to: object, sentence: str) -> None:
    assert sentence in changed(*path, to=to)


def test_a_field_stays_as_necessary_as_it_was() -> None:
    assert changed(required=["id"]) == [
        "expected 'parts' of order to stay 'array!', but it is 'array'"
    ]
    assert changed(required=["id", "parts", "note"]) == [
        "expected 'note' of order to stay 'null|string', but it is 'null|string!'"
    ]


def test_a_new_field_must_not_be_required() -> None:
    added = {**SCHEMA["properties"], "new": {"type": "string"}}
    assert changed("properties", to=added) == []
    assert changed("properties", to=added, required=["id", "parts", "new"]) == [
        "expected the new 'new' of order to be optional, but it is required"
    ]


def test_a_new_object_may_have_fields_that_are_required() -> None:
    added = {**SCHEMA["properties"], "extra": {"$ref": "#/$defs/Part"}}
    assert changed("properties", to=added) == []


def test_words_may_be_added_to_those_of_a_field() -> None:
    assert changed("properties", "status", "enum", to=["open", "done", "late"]) == []


def test_what_is_new_is_promised_from_then_on() -> None:
    wider = {"order": SHAPE | {"new": "string"}, "bill": {"id": "string!"}}
    assert extended({"order": SHAPE}, wider) == wider
    assert extended({"gone": {}}, {}) == {"gone": {}}
