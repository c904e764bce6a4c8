"""Names that an expression may use beside the roots of its scope."""

from functools import lru_cache

from stretto.expression.functions import FUNCTIONS

__all__ = ["NATIVE_NAMESPACES", "TYPE_NAMES", "namespaces"]

TYPE_NAMES = frozenset({
    "bool", "bytes", "double", "dyn", "google", "int", "list", "map", "null_type", "optional_type",
    "string", "type", "uint",
})  # fmt: skip
"""Names that stand for types."""

NATIVE_NAMESPACES = frozenset({
    "base64", "cel", "lists", "math", "optional", "regex", "sets", "strings",
})  # fmt: skip
"""Names that stand before a function of the language itself."""


def namespaces() -> frozenset[str]:
    """Every name that stands before a function: the language's and those of our own functions."""
    return _namespaces(len(FUNCTIONS))


@lru_cache(maxsize=1)
def _namespaces(_functions: int) -> frozenset[str]:
    ours = {name.split(".")[0] for name in FUNCTIONS if "." in name}
    return NATIVE_NAMESPACES | ours
