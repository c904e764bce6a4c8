"""Making a scope of values that came with their places."""

from collections.abc import Iterable
from typing import Any

from stretto.expression.errors import ExpressionError
from stretto.expression.paths import Reference

__all__ = ["around", "check_places"]


def check_places(paths: Iterable[Reference]) -> None:
    """Refuse places of which one lies inside another: filling it in would change a value.

    Raises:
        ExpressionError: with the two.
    """
    known = set(paths)
    for path in known:
        if not path:
            raise ExpressionError("expected a path for each value, but one is empty")
        for length in range(1, len(path)):
            if path[:length] in known:
                outer, inner = ".".join(path[:length]), ".".join(path)
                raise ExpressionError(
                    f"expected places beside each other, but {inner} is inside {outer}"
                )


def around(scope: dict[str, Any], path: Reference) -> dict[str, Any]:
    """Make the maps in which the last name of a path stands; return the innermost."""
    inside = scope
    for name in path[:-1]:
        inside = inside.setdefault(name, {})
    return inside
