"""The types of an expression, checked by the native library before there are values.

Each path whose type is known is replaced in the source by a stand-in variable of that type and
blanks, so that lines and columns stay.

A path that may be of several types is an error only where it is one for each of them; `number` is
both int and double, and mixing those is left to the evaluation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from stretto.expression import native
from stretto.expression.errors import ExpressionError
from stretto.expression.inputs import Found, Use
from stretto.expression.paths import Segments
from stretto.expression.scope import ScopeTypes
from stretto.expression.shapes import Shape, shape_at

__all__ = ["check_types", "is_optional"]

_STAND_IN: Mapping[str, str] = {
    "string": "__s", "boolean": "__b", "integer": "__i", "number": "__d", "null": "__n",
    "object": "__m",
}  # fmt: skip
_LISTS: Mapping[str | None, str] = {
    "string": "__S", "boolean": "__B", "integer": "__I", "object": "__M",
}  # fmt: skip
_ALTERNATIVES: Mapping[str, tuple[str, ...]] = {"number": ("__i", "__d")}

_Spot = tuple[int, int, str]
"""A stretch of the source and the stand-in for it."""
_Unsure = tuple[int, int, tuple[str, ...]]

_SPACE = r"[ \t]*"


def check_types(source: str, found: Found, scope: ScopeTypes) -> str:
    """Check the types of a whole expression and tell the type of its result.

    Raises:
        ExpressionError: no overload fits, whatever the values that the schemas allow.
    """
    spots = [spot for use in found.uses if (spot := _spot(source, use, scope)) is not None]
    sure = [(start, end, names[0]) for start, end, names in spots if len(names) == 1]
    result = native.check(_with_stand_ins(source, sure), source, found.mixes)
    for start, end, names in spots:
        if len(names) > 1:
            _check_alternatives(source, sure, (start, end, names), found.mixes)
    return result


def is_optional(result: str) -> bool:
    """Whether a type of a result, as the library names it, is an optional."""
    return result.startswith("optional_type")


def _check_alternatives(source: str, sure: list[_Spot], unsure: _Unsure, mixes: bool) -> None:
    """Raise only if a path is wrong as each of its types."""
    start, end, names = unsure
    errors = []
    for name in names:
        try:
            native.check(_with_stand_ins(source, [*sure, (start, end, name)]), source, mixes)
        except ExpressionError as error:
            errors.append(error)
        else:
            return
    raise errors[0]


def _with_stand_ins(source: str, spots: list[_Spot]) -> str:
    for start, end, name in sorted(spots, reverse=True):
        source = source[:start] + name.ljust(end - start) + source[end:]
    return source


def _spot(source: str, use: Use, scope: ScopeTypes) -> _Unsure | None:
    """Where a path stands in the source, and the stand-ins for its possible types."""
    segments = use.segments[: use.width]
    names = stand_ins(shape_at(scope.roots, segments))
    if not names:
        return None
    start = use.offsets[0]
    end = _end_of(source, start, segments)
    return None if end is None else (start, end, names)


def stand_ins(shape: Shape) -> tuple[str, ...]:
    """The stand-ins for the types of a shape; none where they are not known."""
    names: list[str] = []
    for kind in sorted(shape.types, key=lambda name: (name == "null", name)):
        if kind == "array":
            items = shape.items.only if shape.items is not None else None
            names.append(_LISTS.get(items, "__l"))
        else:
            names.extend(_ALTERNATIVES.get(kind, (_STAND_IN[kind],)))
    return tuple(dict.fromkeys(names))


def _end_of(source: str, start: int, segments: Segments) -> int | None:
    """Where a path that begins at `start` ends, if it is written plainly on one line."""
    at = start
    for count, segment in enumerate(segments):
        if count == 0:
            pattern = re.escape(str(segment))  # a root as we spell it, in the source as given
        elif isinstance(segment, int):
            pattern = rf"{_SPACE}\[{_SPACE}{segment}{_SPACE}\]"
        else:
            name = re.escape(segment)
            pattern = (
                rf"{_SPACE}(?:\.{_SPACE}(?:{name}(?![A-Za-z0-9_])|`{name}`)"
                rf"|\[{_SPACE}(?:\"{name}\"|'{name}'){_SPACE}\])"
            )
        found = re.compile(pattern).match(source, at)
        if found is None:
            return None
        at = found.end()
    return at
