"""Whether a Python function looks as if it depended on its arguments alone.

Not a proof: what a function calls is not followed. It finds the honest mistake.
"""

import dis
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

__all__ = ["impurity_of"]

_MODULES = frozenset({
    "asyncio", "httpx", "io", "os", "pathlib", "random", "requests", "secrets", "shutil", "socket",
    "subprocess", "tempfile", "threading", "time", "urllib.request",
})  # fmt: skip
"""Modules of time, chance and the outside."""

_NAMES = frozenset({
    "__import__", "eval", "exec", "globals", "input", "now", "open", "print", "today", "urandom",
    "utcnow", "uuid1", "uuid4",
})  # fmt: skip
"""Functions and methods of the same kind."""

_STATE = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF"})
"""Instructions that keep something for the next call (or for a function inside: no need either)."""


def impurity_of(body: Callable[..., Any]) -> str | None:
    """Say what makes a function impure: `random`, `now`, `a global variable`; None for nothing."""
    scope: dict[str, Any] = getattr(body, "__globals__", {})
    if getattr(body, "__closure__", None):
        return "variables of a function around it"
    for code in _codes(body.__code__):
        for name in code.co_names:
            found = scope.get(name)
            module = getattr(found, "__module__", None) or getattr(found, "__name__", "")
            if name in _NAMES or module in _MODULES:
                return f"`{name}`"
        if any(step.opname in _STATE for step in dis.get_instructions(code)):
            return "a variable that is kept"
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)
