"""Names that an expression may use beside the roots of its scope."""

from stretto.expression.functions import FUNCTIONS

__all__ = ["NAMESPACES", "TYPE_NAMES"]

TYPE_NAMES = frozenset({
    "bool", "bytes", "double", "dyn", "google", "int", "list", "map", "null_type", "optional_type",
    "string", "type", "uint",
})  # fmt: skip
"""Names that stand for types."""

NAMESPACES = frozenset({
    "base64", "cel", "lists", "math", "optional", "regex", "sets", "strings",
}) | {name.split(".")[0] for name in FUNCTIONS if "." in name}  # fmt: skip
"""Names that stand before a function."""
