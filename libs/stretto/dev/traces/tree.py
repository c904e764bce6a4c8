"""The spans of a trace as a tree, in the order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stretto.dev.traces.span import Span


@dataclass
class Node:
    """A span and what happened under it."""

    span: Span
    children: list[Node] = field(default_factory=list)

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Span]]:
        """Give every span of the tree with its depth, parents first."""
        pending = [(depth, self)]
        while pending:
            level, node = pending.pop()
            yield level, node.span
            pending.extend((level + 1, child) for child in reversed(node.children))


def tree_of(spans: Iterable[Span]) -> list[Node]:
    """Build the tree. A span whose parent is not there (not exported yet, or lost) is a root too.

    Spans of a cycle, which no correct exporter makes, are left out.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, -span.end_ns))
    known = {span.span_id for span in ordered}
    under: dict[str | None, list[Span]] = defaultdict(list)
    for span in ordered:
        under[span.parent if span.parent in known else None].append(span)
    roots = [Node(span) for span in under[None]]
    pending = list(roots)
    while pending:
        node = pending.pop()
        node.children = [Node(span) for span in under.get(node.span.span_id, ())]
        pending.extend(node.children)
    return roots
