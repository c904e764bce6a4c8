"""The name that was probably meant: the known one that is the fewest slips of the keyboard away."""

from collections.abc import Collection

from stretto.definition.limits import MAX_SUGGESTION_WORK

_SLIPS_PER_CHARS = 3
"""One slip is forgiven for every three characters: `reserv` is `reserve`, `a` is not `b`."""

_STEM_CHARS = 4
"""Names that begin with the same letters, so many and all but one of the shorter, are near:
`retries` is `retry`."""

_ELSEWHERE = {
    "action": "task",
    "after": "needs",
    "args": "with",
    "arguments": "with",
    "condition": "if",
    "delay": "wait",
    "depends": "needs",
    "depends_on": "needs",
    "error": "fail",
    "inputs": "with",
    "jobs": "steps",
    "loop": "for_each",
    "name": "workflow",
    "on_error": "on_failure",
    "outputs": "output",
    "params": "with",
    "parameters": "with",
    "rollback": "compensate",
    "run": "task",
    "sleep": "wait",
    "tasks": "steps",
    "throw": "fail",
    "undo": "compensate",
    "uses": "task",
    "variables": "set",
    "when": "if",
    "with_items": "for_each",
}
"""What other systems call what is named otherwise here."""

_MAX_CHARS = 40
"""Longer names are not compared: the work grows with the square of their length."""


class Suggestions:
    """Finds near names within a budget of comparisons, so that a hostile text cannot cost much."""

    def __init__(self, budget: int = MAX_SUGGESTION_WORK) -> None:
        self._budget = budget

    def nearest(self, name: str, known: Collection[str]) -> str | None:
        """Tell which known name is nearest to `name`, or None if none is near enough."""
        if not name or len(name) > _MAX_CHARS:
            return None
        best: str | None = None
        stem: str | None = None
        allowed = len(name) // _SLIPS_PER_CHARS
        folded = _folded(name)
        for candidate in known:
            if stem is None and _same_stem(folded, _folded(candidate)):
                stem = candidate
            if abs(len(candidate) - len(name)) > allowed:
                continue
            if self._budget <= 0:
                return best
            self._budget -= 1
            distance = _slips(folded, _folded(candidate), allowed)
            if distance <= allowed and candidate != name:
                best, allowed = candidate, distance - 1
                if allowed < 0:
                    break
        return best or stem or self._elsewhere(folded, known)

    def _elsewhere(self, name: str, known: Collection[str]) -> str | None:
        ours = _ELSEWHERE.get(name)
        return ours if ours in known else None


def _folded(name: str) -> str:
    """A name as it is compared: case and the kind of dash do not count."""
    return name.casefold().replace("-", "_")


def _same_stem(left: str, right: str) -> bool:
    least = max(_STEM_CHARS, min(len(left), len(right)) - 1)
    return len(right) >= least and left[:least] == right[:least]


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
