"""Every file of `proto/` with its text."""

import json
from typing import Any

from stretto.definition import json_schema, template_json_schema
from stretto.proto.asyncapi import asyncapi_yaml
from stretto.proto.messages import events, messages
from stretto.proto.schema import schema_of
from stretto.schedule.document import json_schema as schedule_schema

IDENTITY = "urn:stretto:1"


def schemas() -> dict[str, dict[str, Any]]:
    """Return every JSON Schema of the contract, by its path in `proto/`."""
    found: dict[str, dict[str, Any]] = {
        "workflow.schema.json": json_schema(),
        "template.schema.json": template_json_schema(),
        "schedule.schema.json": schedule_schema(),
    }
    for name, cls in messages().items():
        found[f"messages/{name}.schema.json"] = schema_of(
            cls, title=cls.__name__, identity=f"{IDENTITY}:message:{name}"
        )
    for tag, cls in events().items():
        found[f"events/{tag}.schema.json"] = schema_of(
            cls, title=tag, identity=f"{IDENTITY}:event:{tag}"
        )
    return found


def documents() -> dict[str, str]:
    """Return the text of every file, by its path in `proto/`."""
    texts = {
        path: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for path, schema in schemas().items()
    }
    return texts | {"asyncapi.yaml": asyncapi_yaml()}
