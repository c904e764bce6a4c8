"""The name that was probably meant: the known one that is the fewest slips of the keyboard away."""

from collections.abc import Iterable

from stretto.definition.limits import MAX_SUGGESTION_WORK

_SLIPS_PER_CHARS = 3
"""One slip is forgiven for every three characters: `reserv` is `reserve`, `a` is not `b`."""

_MAX_CHARS = 40
"""Longer names are not compared: the work grows with the square of their length."""


class Suggestions:
    """Finds near names within a budget of comparisons, so that a hostile text cannot cost much."""

    def __init__(self, budget: int = MAX_SUGGESTION_WORK) -> None:
        self._budget = budget

    def nearest(self, name: str, known: Iterable[str]) -> str | None:
        """Tell which known name is nearest to `name`, or None if none is near enough."""
        if not name or len(name) > _MAX_CHARS:
            return None
        best: str | None = None
        allowed = max(1, len(name) // _SLIPS_PER_CHARS)
        folded = name.casefold().replace("-", "_")
        for candidate in known:
            if abs(len(candidate) - len(name)) > allowed:
                continue
            if self._budget <= 0:
                return best
            self._budget -= 1
            distance = _slips(folded, candidate.casefold().replace("-", "_"), allowed)
            if distance <= allowed and candidate != name:
                best, allowed = candidate, distance - 1
                if allowed < 0:
                    break
        return best


def _slips(left: str, right: str, limit: int) -> int:
    """Count insertions, deletions, replacements and swaps of neighbours between two texts
    (optimal string alignment distance); more than `limit` is only told to be more."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, before_above = row, before
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before_above[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before = above
    return row[-1]
