"""The paths of an expression, each found and made an input of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from stretto.expression.errors import ExpressionError, error_at
from stretto.expression.inputs import Ask, Found, Input, NumbersInput, PathInput, Use
from stretto.expression.paths import Segments
from stretto.expression.scope import ROOTS, ScopeTypes
from stretto.expression.shapes import shape_at
from stretto.expression.spelling import root_of
from stretto.expression.syntax import Call, Const, Ident, Node, Select

_Maker = Callable[[str], Input]
Chain = list[tuple[str | int, int]]
"""The segments of a path, each with the offset in the source where it stands."""

Leaf = tuple[Chain, Ask]
"""A path and what is asked of it."""


@dataclass(frozen=True, slots=True)
class Expression:
    """What all parts of one expression share."""

    positions: dict[int, int]
    source: str
    scope: ScopeTypes
    found: Found


class PathInputs:
    """The inputs of one expression, or of a part that we evaluate by itself.

    Args:
        expression: the whole.
        local: names of macros around the part, which it sees as roots of its scope.
    """

    def __init__(self, expression: Expression, local: frozenset[str]) -> None:
        self.expression = expression
        self.found = expression.found
        self.local = local
        self.inputs: dict[object, Input] = {}

    def chain(self, node: Node, bound: frozenset[str]) -> Chain | None:
        """The segments of a free path, each with the offset of where it stands, or None."""
        match node:
            case Ident() if node.name not in bound:
                name = root_of(node.name)
                known = name in ROOTS or name in self.local
                return [(name, self.offset(node))] if known else None
            case Select(operand=operand, field=name, test=False):
                chain = self.chain(operand, bound)
                return None if chain is None else [*chain, (name, self.offset(node) + 1)]
            case Call(function="_[_]", args=(operand, Const(value=str() | int() as key))):
                if isinstance(key, bool):
                    return None
                chain = self.chain(operand, bound)
                return None if chain is None else [*chain, (key, self.offset(node) + 1)]
        return None

    def leaf(self, node: Node, bound: frozenset[str]) -> Leaf | None:
        """The free path that a node is or asks the size of, or None."""
        chain = self.chain(node, bound)
        if chain is not None:
            return chain, "value"
        match node:
            case Call(function="size", args=(held,), target=None):
                chain = self.chain(held, bound)
            case Call(function="size", args=(), target=held) if held is not None:
                chain = self.chain(held, bound)
        return None if chain is None else (chain, "size")

    def path(self, node: Node, leaf: Leaf, *, as_double: bool = False) -> Ident:
        chain, ask = leaf
        segments = self.use(chain)
        number: Literal["int", "double"] | None = "double" if as_double else None
        if number is None and len(segments) > 1 and self.is_a("integer", leaf):
            number = "int"
        return self.variable(
            node.id,
            (segments, ask, number),
            lambda name: PathInput(name, segments, ask, number=number),
        )

    def use(self, chain: Chain, key: str | None = None) -> Segments:
        """Note that a path is used (and of it, perhaps, one field that need not be there)."""
        segments = tuple(segment for segment, _ in chain)
        offsets = tuple(offset for _, offset in chain)
        if segments[0] not in self.local:
            use = Use(segments, offsets, len(segments))
            if key is not None:
                at = max(offsets[-1], self.expression.source.find(key, offsets[-1] + 1))
                use = Use((*segments, key), (*offsets, at), len(segments))
            self.found.uses.append(use)
        return segments

    def is_a(self, kind: str, leaf: Leaf) -> bool:
        """Whether a path surely gives a number of a kind."""
        chain, ask = leaf
        if ask == "size" or chain[0][0] in self.local:
            return ask == "size" and kind == "integer"
        segments = tuple(segment for segment, _ in chain)
        return shape_at(self.expression.scope.roots, segments).only == kind

    def field(self, node: Node, chain: Chain, ask: Ask, key: str) -> Ident:
        """A path cut down to one field, or whether the field is there."""
        segments = self.use(chain, key)
        return self.variable(
            node.id, (segments, ask, key), lambda name: PathInput(name, segments, ask, key)
        )

    def variable(self, node_id: int, key: object, make: _Maker) -> Ident:
        """The variable for an input, the same for the same one."""
        known = self.inputs.get(key)
        if known is None:
            known = self.inputs[key] = make(f"@{len(self.inputs)}")
        assert not isinstance(known, NumbersInput)
        return Ident(node_id, known.variable)

    def offset(self, node: Node) -> int:
        return self.expression.positions.get(node.id, 0)

    def error(
        self, node: Node, message: str, suggestion: str | None = None, back: int = 0
    ) -> ExpressionError:
        offset = max(0, self.offset(node) - back)
        return error_at(self.expression.source, offset, message, suggestion)
