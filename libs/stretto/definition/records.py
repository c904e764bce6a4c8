"""Mappings of known fields: what is unknown in one, what is missing, and its JSON Schema."""

from collections.abc import Collection
from collections.abc import Mapping as Map
from typing import Any

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Path, quoted
from stretto.definition.shapes import Field, Schema


def read_fields(
    node: Mapping, path: Path, report: Report, fields: Map[str, Field], what: str
) -> tuple[dict[str, Any], bool]:
    """Read the known fields of a mapping; tell also whether all that are required are right."""
    values: dict[str, Any] = {}
    complete = True
    for name, field in fields.items():
        entry = node.entries.get(name)
        if entry is None:
            if field.required:
                report.mistake(
                    node, path, "missing", f"expected {what} to have {quoted(name)}, but it has not"
                )
                complete = False
            continue
        value = field.shape.read(entry, (*path, name), report)
        if value is not None:
            values[name] = value
        elif field.required:
            complete = False
    return values, complete


def unknown_keys(node: Mapping, path: Path, report: Report, known: Collection[str]) -> list[str]:
    """Report keys that are not known, with the one that was probably meant; give those keys."""
    strange = [name for name in node.entries if name not in known]
    for name in strange:
        at, inner = node.key(name), (*path, name)
        if name == "<<":
            report.mistake(
                at,
                inner,
                "unknown_key",
                "expected a known key, but merge keys are not part of YAML 1.2",
                "write the keys out, or give the whole value by an alias",
            )
        else:
            meant = report.meant(name, known)
            report.mistake(
                at, inner, "unknown_key", f"expected a known key, but got {quoted(name)}",
                meant or _known_hint(known),
            )  # fmt: skip
    return strange


_MAX_HINTED_KEYS = 20
"""More keys than this are not listed in a suggestion."""


def _known_hint(known: Collection[str]) -> str:
    return f"known are {', '.join(known)}" if 0 < len(known) <= _MAX_HINTED_KEYS else ""


def record_schema(fields: Map[str, Field]) -> Schema:
    """Write the JSON Schema of a mapping of known fields."""
    schema: Schema = {
        "type": "object",
        "properties": {
            name: {"description": field.description, **field.shape.schema()}
            for name, field in fields.items()
        },
        "additionalProperties": False,
    }
    required = [name for name, field in fields.items() if field.required]
    return schema | ({"required": required} if required else {})
