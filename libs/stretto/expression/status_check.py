"""Comparisons of a step's status with a word that no status is: never true, and no error either."""

from __future__ import annotations

from collections.abc import Iterator

from stretto.expression.errors import ExpressionError, error_at, nearest
from stretto.expression.syntax import Call, Const, Ident, ListOf, Node, Select, Tree, walk

ENDED = ("completed", "failed", "skipped", "cancelled")
"""What has become of a step that has ended."""

_OPEN = (
    "pending", "deciding", "scheduled", "started", "backoff", "waiting", "open", "blocked",
    "queued", "seeking",
)  # fmt: skip
STATUSES = (*ENDED, *_OPEN)
"""All words that `steps.x.status` may be."""

_COMPARISONS = frozenset({"_==_", "_!=_", "@in"})


def check_statuses(tree: Tree, source: str) -> list[ExpressionError]:
    """Find the words that statuses are compared with and that none is, in their order."""
    return [
        error_at(
            source,
            tree.positions.get(word.id, 0),
            f"expected the status of a step ({', '.join(ENDED)}), but `{word.value}` is none",
            nearest(str(word.value), STATUSES),
        )
        for node in walk(tree.root)
        if isinstance(node, Call) and node.function in _COMPARISONS and len(node.args) == 2
        for word in _words(*node.args)
        if word.value not in STATUSES
    ]


def _words(left: Node, right: Node) -> Iterator[Const]:
    for status, other in ((left, right), (right, left)):
        if not _is_status(status):
            continue
        for word in other.elements if isinstance(other, ListOf) else (other,):
            if isinstance(word, Const) and isinstance(word.value, str):
                yield word


def _is_status(node: Node) -> bool:
    """`steps.x.status`, `steps["x-y"].status`."""
    if not isinstance(node, Select) or node.field != "status" or node.test:
        return False
    match node.operand:
        case Select(operand=Ident(name="steps"), test=False):
            return True
        case Call(function="_[_]", args=(Ident(name="steps"), _)):
            return True
    return False
