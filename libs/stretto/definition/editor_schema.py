"""The JSON Schema of definitions, which editors use to complete and check while one types."""

from typing import Any

from stretto.definition.document import document_schema
from stretto.definition.policies import WORKFLOW_NAME
from stretto.definition.use_schema import template_schema


def json_schema() -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of a definition, with descriptions.

    It accepts whatever `load` accepts; `load` checks more (names, needs, expressions).
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stretto workflow definition",
        **document_schema(),
    }


def template_json_schema() -> dict[str, Any]:
    """Write the JSON Schema of a template; parameters may stand for any value."""
    return template_schema(document_schema(), WORKFLOW_NAME.schema())
