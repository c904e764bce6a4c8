"""The fields that the schema of an input marks as secret: `writeOnly: true`, `format: password`."""

from collections.abc import Iterator
from typing import Any

MAX_SECRET_NAMES = 100
"""Names of one workflow; the first ones of more: they travel with every question."""


def secret_names(schema: Any) -> tuple[str, ...]:
    """The names of the fields that a JSON Schema marks, at any depth, in order, each once."""
    found = dict.fromkeys(_marked(schema))
    return tuple(found)[:MAX_SECRET_NAMES]


def _marked(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            fields = value.get("properties")
            if isinstance(fields, dict):
                yield from (str(name) for name, field in fields.items() if _is_secret(field))
            waiting += value.values()


def _is_secret(field: Any) -> bool:
    if not isinstance(field, dict):
        return False
    return field.get("writeOnly") is True or field.get("format") == "password"
