"""The shapes of texts with expressions: conditions, expressions, templates and constants."""

from stretto.definition.limits import MAX_CONSTANT_ITEMS, MAX_TEXT_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, Scalar, Sequence, strings_in
from stretto.definition.shapes import Schema, wrong_type

MARK = "${{"
"""What begins an expression inside a text."""


class Condition:
    """An expression that is true or false, with or without `${{ }}`, or a boolean."""

    def read(self, node: Node, path: Path, report: Report) -> str | bool | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or not value.strip():
            wrong_type(node, path, report, "a condition like ${{ input.total > 0 }}")
            return None
        return value

    def schema(self) -> Schema:
        return {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS},
                      {"type": "boolean"}],
            "examples": ["${{ input.total > 0.0 }}", "${{ always() }}"],
        }  # fmt: skip


class Items:
    """The list of a `for_each`: one whole expression, or a list of constants."""

    def read(self, node: Node, path: Path, report: Report) -> Node | None:
        if isinstance(node, Sequence):
            return node if self._constant(node, path, report) else None
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str) or not value.strip():
            wrong_type(node, path, report, "a list, or an expression like ${{ input.items }}")
            return None
        return node

    def _constant(self, node: Sequence, path: Path, report: Report) -> bool:
        if len(node.items) > MAX_CONSTANT_ITEMS:
            report.mistake(
                node,
                path,
                "too_large",
                f"expected a list of at most {MAX_CONSTANT_ITEMS} items, but got {len(node.items)}",
                "give longer lists in the input",
            )
            return False
        for scalar, inner in strings_in(node, path):
            if MARK in str(scalar.value):
                report.mistake(
                    scalar,
                    inner,
                    "bad_value",
                    "expected a list of constants, but got an expression inside it",
                    "write the whole list as one expression: ${{ [input.a, input.b] }}",
                )
                return False
        return True

    def schema(self) -> Schema:
        return {
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS},
                      {"type": "array", "maxItems": MAX_CONSTANT_ITEMS}],
            "examples": ["${{ input.items }}"],
        }  # fmt: skip
