"""Inputs that may be left out, and are used as if they were always there.

A schema that says which fields are required says by that which are not: an expression that reads
one of those fails the step of a run that was started without it. Warned of once a field, and only
where nothing in the definition asks whether it is there.
"""

import re

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Path, quoted
from stretto.definition.positions import Inside

_ASKED = re.compile(
    r"""(?:has|default)\s*\(\s*input(?:\.|\[["'])([A-Za-z0-9_-]+)"""
    r"""|input\.\?([A-Za-z0-9_]+)|input\[\?["']([^"']+)"""
    r"""|["']([^"']+)["']\s+in\s+input\b"""
)
"""The ways in which an expression asks whether a field of the input is there."""


class OptionalInputs:
    """The fields of the input that may be left out, and where they are read."""

    def __init__(self, schema: object) -> None:
        self._optional = _optional(schema)
        self._read: dict[str, tuple[Inside, Path]] = {}
        self._asked: set[str] = set()
        self._looked: set[str] = set()

    def note(self, fields: tuple[str, ...], source: str, at: Inside, path: Path) -> None:
        """Note that the expression `source` reads the input, or a field (of a field) of it."""
        if not self._optional:
            return
        if fields and fields[0] in self._optional:
            self._read.setdefault(fields[0], (at, path))
        if source not in self._looked:
            self._looked.add(source)
            for match in _ASKED.finditer(source):
                self._asked.update(name for name in match.groups() if name)

    def warn(self, report: Report) -> None:
        """Warn of the fields that are read and that nothing asks for."""
        for field, (at, path) in self._read.items():
            if field in self._asked:
                continue
            known = " (its default in the schema is not filled in)" if self._optional[field] else ""
            report.warn(
                at, path, "optional_input",
                f"expected {quoted(field)} to be a required field of the input, or to be asked "
                f"for, but a run may be started without it{known}, and this fails then",
                f"put it into `required`, or write default(input.{field}, …)",
            )  # fmt: skip


def _optional(schema: object) -> dict[str, bool]:
    """The fields that may be left out, and whether they have a default; none where the schema does
    not say which are required."""
    if not isinstance(schema, dict):
        return {}
    required, properties = schema.get("required"), schema.get("properties")
    if not isinstance(required, list) or not required or not isinstance(properties, dict):
        return {}
    return {
        name: isinstance(said, dict) and "default" in said
        for name, said in properties.items()
        if name not in required
    }
