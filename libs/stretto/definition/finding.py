"""Where in a definition an expression stands that has failed: from what the failure says of it."""

import re

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Path, Position, Scalar, strings_in
from stretto.definition.positions import offset_in, place_in
from stretto.definition.yaml_reader import read

_SPOT = re.compile(r", at (\d+):(\d+) of `(…?)(.*?)(…?)`(?= \[|\Z)", re.DOTALL)
"""How a failure tells the place in an expression (`stretto.expression.errors.Spot`)."""

_NUMBERS = re.compile(r"\[\d+\]")


def position_of_failure(source: str, step: str, message: str) -> Position | None:
    """Find the place that a failure of a step is about.

    Args:
        source: the definition as it was written.
        step: the path of the step, or `output`.
        message: of the failure.

    Returns:
        Line and column; those of the line's beginning where the expression is too long to be told
        whole. None where the message tells no place, or the definition does not hold the
        expression (a template made it).
    """
    told = _SPOT.search(message)
    document = read(source, Report("")) if told else None
    if told is None or document is None:
        return None
    line, column, cut, part, _ = told.groups()
    place = message.partition(":")[0]
    best: tuple[int, Scalar, int] | None = None
    for scalar, path in strings_in(document, ()):
        at = str(scalar.value).find(part)
        if at < 0:
            continue
        likeness = _likeness(path, step, place)
        if best is None or likeness > best[0]:
            best = likeness, scalar, at
    if best is None:
        return None
    _, scalar, at = best
    if not cut:  # the part is the expression from its beginning
        at += offset_in(part, int(line), int(column))
    return place_in(source, scalar, at)


def _likeness(path: Path, step: str, place: str) -> int:
    """How many of the names of a step and a place within it a path goes through, in their order."""
    wanted = [*_NUMBERS.sub("", step).split("."), *re.split(r"[.\[\]]+", place)]
    names = [str(part) for part in path]
    count = at = 0
    for name in filter(None, wanted):
        if name in names[at:]:
            at = names.index(name, at) + 1
            count += 1
    return count
