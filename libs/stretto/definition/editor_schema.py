"""The JSON Schema of definitions, which editors use to complete and check while one types."""

from typing import Any

from stretto.definition.document import document_schema


def json_schema() -> dict[str, Any]:
    """Write the JSON Schema (2020-12) of a definition, with descriptions.

    It accepts whatever `load` accepts; `load` checks more (names, needs, expressions).
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stretto workflow definition",
        **document_schema(),
    }
