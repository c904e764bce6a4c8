"""Paths against the shapes of a scope: is there such a root, such a step, such a field?

Pure, and without the native library.
"""

from __future__ import annotations

from collections.abc import Iterable

from stretto.expression.errors import ExpressionError, error_at, nearest
from stretto.expression.inputs import Use
from stretto.expression.paths import Segments, show_path
from stretto.expression.scope import ScopeTypes
from stretto.expression.shapes import Shape, inside

__all__ = ["check_paths"]


def check_paths(uses: Iterable[Use], scope: ScopeTypes, source: str) -> list[ExpressionError]:
    """Check each path against the scope; give what is only suspicious back.

    Raises:
        ExpressionError: a root that is not declared here, a field that a closed object does not
            have, a field of something that has none.
    """
    warnings: list[ExpressionError] = []
    for use in uses:
        root = str(use.segments[0])
        if root not in scope.roots:
            raise error_at(
                source,
                use.offsets[0],
                f"expected a name that is known here, but `{root}` is not",
                nearest(root, scope.roots),
            )
        shape = scope.roots[root]
        for count in range(1, len(use.segments)):
            problem, sure = _problem(shape, use.segments, count)
            if problem is not None:
                segment = str(use.segments[count])
                error = error_at(
                    source, use.offsets[count], problem, nearest(segment, shape.fields)
                )
                if sure:
                    raise error
                warnings.append(error)
            shape = inside(shape, use.segments[count])
    return warnings


def _problem(shape: Shape, segments: Segments, count: int) -> tuple[str | None, bool]:
    """What is wrong with segment `count` taken from something of a shape, and whether surely."""
    segment, before = segments[count], show_path(segments[:count])
    wanted = "array" if isinstance(segment, int) else "object"
    if shape.types and wanted not in shape.types:
        had = " or ".join(sorted(shape.types))
        what = "a list" if wanted == "array" else f"a map with `{segment}`"
        return f"expected `{before}` to be {what}, but its schema says {had}", True
    if isinstance(segment, str) and segment not in shape.fields:
        if shape.closed:
            return f"expected a field of `{before}`, but it has no `{segment}`", True
        if shape.listed and shape.rest is None:
            return (
                f"expected a field that the schema of `{before}` names, but got `{segment}`",
                False,
            )
    return None, False
