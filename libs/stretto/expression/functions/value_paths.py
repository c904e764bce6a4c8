"""Paths into a value, given as text: `customer.address[0]["post-code"]`."""

import re
from functools import lru_cache
from typing import Any

from stretto.expression.functions.calls import Refusal

__all__ = ["NOTHING", "Path", "at", "path_of"]

NOTHING: Any = object()
"""There is no value at a path."""

Path = tuple[str | int, ...]

_SEGMENT = re.compile(r"""(?:^|\.)([^.\[\]"']+)|\[(\d{1,9})\]|\["([^"]*)"\]|\['([^']*)'\]""")
_MAX_PATH_CHARS = 1000
"""A longer one is no path: what follows looks at each character."""


def path_of(text: str, parameter: str = "path") -> Path:
    """Read a path.

    Raises:
        Refusal: it is none.
    """
    path = _read(text) if len(text) <= _MAX_PATH_CHARS else None
    if not path:
        raise Refusal(parameter, "a path like a.b[0]", text)
    return path


def at(value: Any, path: Path) -> Any:
    """The value at a path, or NOTHING."""
    for segment in path:
        if isinstance(segment, int):
            if not isinstance(value, list) or segment >= len(value):
                return NOTHING
        elif not isinstance(value, dict) or segment not in value:
            return NOTHING
        value = value[segment]
    return value


@lru_cache(maxsize=256)
def _read(text: str) -> Path | None:
    end, path = 0, []
    for found in _SEGMENT.finditer(text):
        if found.start() != end:
            return None
        end = found.end()
        field, index, *quoted = found.groups()
        named = next((name for name in (field, *quoted) if name is not None), "")
        path.append(int(index) if index is not None else named)
    return tuple(path) if end == len(text) else None
