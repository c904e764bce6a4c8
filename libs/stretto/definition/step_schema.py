"""The JSON Schema of a step, for editors: its fields, and exactly one kind."""

from stretto.definition.kinds import KINDS
from stretto.definition.records import record_schema
from stretto.definition.shapes import Schema
from stretto.definition.steps import FIELDS
from stretto.definition.use_schema import USE


def step_schema() -> Schema:
    """Write the schema: one alternative a kind, with the fields that the kind takes."""
    return {"oneOf": [*(_alternative(name) for name in KINDS), _use()]}


def _use() -> Schema:
    """A step that is a template, written out: what a group takes, and the parameters."""
    group = KINDS["steps"].fields
    schema = record_schema({key: field for key, field in FIELDS.items() if key in group})
    return schema | {
        "title": "use",
        "properties": {**USE, **schema["properties"]},
        "required": ["use"],
    }


def _alternative(name: str) -> Schema:
    spec = KINDS[name]
    schema = record_schema({key: field for key, field in FIELDS.items() if key in spec.fields})
    kind = {"description": spec.description, **spec.shape.schema()}
    return schema | {
        "title": name,
        "properties": {name: kind, **schema["properties"]},
        "required": [name],
    }
