"""What editors are told of uses and of templates: JSON Schemas as data.

Uses are written out before a document is read, so no shape reads them: this is the one place where
a schema stands by itself.
"""

from stretto.contracts.subjects import NAME_PATTERN
from stretto.contracts.versions import LABEL_PATTERN, MARK
from stretto.definition.limits import MAX_PARAMETERS
from stretto.definition.policies import PARAMETER_NAME
from stretto.definition.shapes import Schema

USE: dict[str, Schema] = {
    "use": {
        "description": "A template, written out here: name, name@3 or name@stable.",
        "type": "string",
        "pattern": f"^{NAME_PATTERN}({MARK}([1-9][0-9]*|{LABEL_PATTERN}))?$",
    },
    "with": {"description": "The parameters of the template.", "type": "object"},
}

_PARAMETER: Schema = {"type": "string", "pattern": r"params\."}
"""What may stand where something else is expected: it becomes that when it is filled in."""


def template_schema(document: Schema, name: Schema) -> Schema:
    """Write the schema of a template, from that of a definition and of a name."""
    fields = {key: value for key, value in document["properties"].items() if key != "workflow"}
    parameters = {
        "description": "The parameters by name: a type, or a JSON Schema with `default`; "
        "`required: false` for one that may be left out.",
        "type": "object",
        "maxProperties": MAX_PARAMETERS,
        "propertyNames": PARAMETER_NAME.schema(),
        "additionalProperties": {"type": ["string", "object", "null"]},
    }
    described = fields.pop("description")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stretto template",
        "type": "object",
        "properties": {
            "template": {**name, "description": "The name of the template."},
            "description": described,
            "parameters": parameters,
            **{key: _or_parameter(value) for key, value in fields.items()},
        },
        "required": ["template"],
        "anyOf": document["anyOf"],
        "additionalProperties": False,
        "$defs": {key: _inside(value) for key, value in document["$defs"].items()},
    }


def _or_parameter(schema: Schema) -> Schema:
    """Let a parameter stand for a value, and for every value inside it."""
    if "$ref" in schema:
        return schema
    inner = _inside(schema)
    described = inner.pop("description", None)
    either: Schema = {"anyOf": [inner, _PARAMETER]}
    return either if described is None else {"description": described, **either}


def _inside(schema: Schema) -> Schema:
    made = dict(schema)
    if "properties" in made:
        made["properties"] = {k: _or_parameter(v) for k, v in made["properties"].items()}
    for key in ("additionalProperties", "items"):
        if isinstance(made.get(key), dict):
            made[key] = _or_parameter(made[key])
    for key in ("anyOf", "oneOf"):
        if key in made:
            made[key] = [_inside(each) for each in made[key]]
    return made
