"""What an evaluation would cost, estimated before it begins.

The native library cannot be interrupted and holds the interpreter lock, so an expression that would
take long or make something huge must not be started. Estimated are, bottom up, the size of every
intermediate value and the elementary operations (about 25 ns each) to make it, from the sizes of
what is handed in:

    a + b             size a + size b
    list.map(x, e)    n rounds of e, and n² for the list, which the library copies each round
    a in b, a == b    as many operations as the smaller is large
    s.replace(a, b)   up to (n + 1) times the size of b

Sizes are upper bounds; what cannot be bounded (the length of `lists.range` of a number that is only
known later) is refused. An expression without macros and without growing functions needs none of
this unless it names many large values, and most are of this kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from stretto.expression.errors import EvaluationError
from stretto.expression.inputs import Rewritten
from stretto.expression.limits import (
    MAX_COST,
    MAX_LOOP_ITEMS,
    MAX_RESULT_CHARS,
    MAX_WORK_SIZE,
)
from stretto.expression.macros import macro_of
from stretto.expression.sizes import (
    NUMBER_CHARS,
    SMALL,
    Size,
    both_of,
    greater_of,
    held_of,
    inside_of,
    measure,
    sum_of,
)
from stretto.expression.syntax import (
    Call,
    Const,
    Ident,
    ListOf,
    Loop,
    MapOf,
    Node,
    Select,
    children,
    walk,
)

__all__ = ["BUDGET", "Budget", "Guard", "guard_of"]

_encode = msgspec.json.Encoder().encode

Guard = Callable[[Mapping[str, Any]], int]
"""Bounds the cost of an evaluation over its variables; raises EvaluationError if it is too much."""

BUDGET = "@budget"
"""The root under which a scope carries what the macros that we run ourselves may still spend."""

_BY_VALUE = 9
_GROWING: Mapping[str, int] = {
    "distinct": 2, "flatten": 1, "format": 1, "join": 1, "lists.range": _BY_VALUE, "replace": 1,
    "regex.replace": 1, "@sortByAssociatedKeys": 1, "sort": 1, "split": 1, "regex.extractAll": 1,
    "sets.contains": 1, "sets.equivalent": 1, "sets.intersects": 1,
}  # fmt: skip
"""Functions that cost more than the size of their arguments, or give more, and how much faster:
1 for the square, 2 for the cube, _BY_VALUE for what only the value of the argument tells."""

_CHEAP = frozenset({
    "_&&_", "_||_", "!_", "_<_", "_<=_", "_>_", "_>=_", "_?_:_", "_[_]", "_?._", "_[?_]", "size",
    "@not_strictly_false",
})  # fmt: skip
"""Operators that do not look at all of their operands."""

_FREE_OCCURRENCES = MAX_WORK_SIZE // MAX_RESULT_CHARS
"""So many values of the largest size may be named without looking at their sizes."""

_LARGEST_PRECISION = 1400
"""Characters that `format` can make of one number."""


def guard_of(part: Rewritten) -> Guard | None:
    """Make the guard of a part of an expression; None where nothing can go wrong."""
    form = _form_of(part)
    if not form.loops and not form.powers and form.occurrences <= _FREE_OCCURRENCES:
        return None

    def guard(variables: Mapping[str, Any]) -> int:
        cost = form.cost_if_small(variables.values())
        if cost is not None:
            return cost
        estimate = _Estimate()
        estimate.of(part.node, {name: measure(value) for name, value in variables.items()})
        return estimate.cost

    return guard


class Budget:
    """Operations that may still be spent."""

    def __init__(self) -> None:
        self.left = MAX_COST

    def spend(self, cost: int) -> None:
        """Take operations away.

        Raises:
            EvaluationError: `cost_exceeded`, there are none left.
        """
        self.left -= cost
        if self.left < 0:
            raise _too_costly()


@dataclass(frozen=True, slots=True)
class _Form:
    """What of an expression's cost its text tells, for a quick bound that suffices mostly.

    Attributes:
        nodes, loops: how many there are.
        depth: how deep macros are nested.
        linear: operators whose cost grows with their operands.
        powers: how fast functions grow, all together.
        copies: how often at most a value is repeated by naming the variables of macros.
        literals: characters of literals.
        occurrences: how often variables are named.
    """

    nodes: int
    loops: int
    depth: int
    linear: int
    powers: int
    copies: int
    literals: int
    occurrences: int

    def cost_if_small(self, values: Iterable[Any]) -> int | None:
        """A bound of the cost that is quick to find, or None where it is not small."""
        if self.powers >= _BY_VALUE:
            return None
        total, items = self.literals + self.nodes, self.nodes
        for value in values:
            if isinstance(value, list | dict):
                encoded = _encode(value)
                total += len(encoded)
                items += encoded.count(b",") + 1
            else:
                total += len(value) if isinstance(value, str) else NUMBER_CHARS
        total *= self.copies * max(1, self.occurrences)
        if self.powers:
            bound: int = total ** (self.powers + 1)
            return bound if not self.loops and bound <= MAX_WORK_SIZE else None
        rounds: int = items**self.depth
        cost = rounds * (self.nodes + self.linear * total) + rounds * items * self.loops
        if items <= MAX_LOOP_ITEMS and cost <= MAX_COST and rounds * total <= MAX_WORK_SIZE:
            return cost
        return None


def _form_of(part: Rewritten) -> _Form:
    nodes = list(walk(part.node))
    loops = [node for node in nodes if isinstance(node, Loop)]
    calls = [_name(node) for node in nodes if isinstance(node, Call)]
    names = {name for value in part.inputs for name in value.variables}
    idents = [node.name for node in nodes if isinstance(node, Ident)]
    copies = 1
    for loop in loops:
        for name in (loop.item_name, loop.second_name, loop.result_name):
            copies *= max(1, idents.count(name) if name else 1)
    return _Form(
        nodes=len(nodes),
        loops=len(loops),
        depth=_depth(part.node),
        linear=sum(name not in _CHEAP for name in calls),
        powers=sum(_GROWING.get(name, 0) for name in calls),
        copies=copies,
        literals=sum(
            len(node.value)
            for node in nodes
            if isinstance(node, Const) and isinstance(node.value, str)
        ),
        occurrences=sum(name in names for name in idents),
    )


def _depth(node: Node) -> int:
    below = max(map(_depth, children(node)), default=0)
    return below + isinstance(node, Loop)


class _Estimate:
    """Adds up the cost of one evaluation."""

    def __init__(self) -> None:
        self.cost = 0

    def of(self, node: Node, sizes: Mapping[str, Size]) -> Size:
        """Bound the size of a node's value, and count what it costs to make it."""
        size = self.bounded(node, sizes)
        self.spend(1)
        if size.total > MAX_WORK_SIZE:
            raise EvaluationError(
                "too_large",
                f"expected values of at most {MAX_WORK_SIZE} characters and items on the way, "
                "but there may be larger ones",
            )
        return size

    def spend(self, cost: int) -> None:
        self.cost += cost
        if self.cost > MAX_COST:
            raise _too_costly()

    def bounded(self, node: Node, sizes: Mapping[str, Size]) -> Size:
        match node:
            case Const(value=value):
                return measure(value)
            case Ident(name=name):
                return sizes.get(name, SMALL)
            case Select():
                return inside_of(self.of(node.operand, sizes))
            case Call():
                return self.call(node, sizes)
            case ListOf():
                return held_of([self.of(element, sizes) for element in node.elements])
            case MapOf():
                parts = [self.of(entry.value, sizes) for entry in node.entries]
                keys = [self.of(entry.key, sizes) for entry in node.entries if entry.key]
                return held_of([both_of(key, part) for key, part in zip(keys, parts, strict=True)])
            case Loop():
                return self.loop(node, sizes)
        assert_never(node)

    def call(self, node: Call, sizes: Mapping[str, Size]) -> Size:
        target = () if _is_namespace(node) else (node.target,)
        args = [self.of(arg, sizes) for arg in (*target, *node.args) if arg is not None]
        total = sum(arg.total for arg in args)
        name = _name(node)
        match name, args:
            case (("_&&_" | "_||_" | "!_" | "_<_" | "_<=_" | "_>_" | "_>=_"), _):
                return SMALL
            case (("_==_" | "_!=_"), _):
                self.spend(min(arg.total for arg in args))
                return SMALL
            case "_?:_" | "_?_:_", [_, one, other]:
                return greater_of(one, other)
            case (("_[_]" | "_?._" | "_[?_]"), [held, *_]):
                return inside_of(held)
            case "@in", [_, held]:
                self.spend(held.total)
                return SMALL
            case ("size", [held]):
                return Size(number=held.length)
            case (("_+_" | "_-_" | "_*_"), [one, other]):
                self.spend(one.length + other.length)
                return sum_of(one, other, name)
        self.spend(total)
        return self.grown(name, args, total)

    def grown(self, name: str, args: list[Size], total: int) -> Size:
        """The result of a function over arguments of some sizes."""
        first = args[0] if args else SMALL
        others = args[1:]
        match name:
            case "lists.range":
                if first.number is None:
                    raise EvaluationError(
                        "cost_exceeded", "expected a range of a length that is known before"
                    )
                self.spend(first.number)
                return Size(first.number, 1, first.number + 1, NUMBER_CHARS, first.number)
            case "replace" | "regex.replace":
                added = (first.total + 1) * max((arg.total for arg in others), default=0)
                return Size(total=first.total + added)
            case "join":
                added = first.length * max((arg.total for arg in others), default=0)
                return Size(total=first.total + added)
            case "format":
                numbers = sum(arg.length for arg in others)
                return Size(total=total * 4 + numbers * _LARGEST_PRECISION)
            case "distinct":
                self.spend(first.length * first.length * max(1, first.largest))
            case "sort" | "@sortByAssociatedKeys":
                self.spend(first.length * first.length.bit_length() * max(1, first.largest))
            case "flatten":
                return Size(first.total, first.longest, first.total, first.largest)
            case "split" | "regex.extractAll":
                return Size(first.total + 1, 1, 3 * first.total + 2, first.total)
            case _ if name.startswith("sets.") and others:
                self.spend(first.length * others[0].length * max(1, first.largest))
                return SMALL
        length = max((arg.length for arg in args), default=1)
        longest = max((arg.longest for arg in args), default=1)
        return Size(length, longest, 2 * total + NUMBER_CHARS, max(1, first.largest), first.number)

    def loop(self, node: Loop, sizes: Mapping[str, Size]) -> Size:
        macro = macro_of(node)
        if macro is not None and macro.kind == "bind":
            start = self.of(node.start, sizes)
            return self.of(node.result, {**sizes, node.result_name: start})
        over = self.of(node.over, sizes)
        rounds = over.length
        if rounds > MAX_LOOP_ITEMS:
            raise EvaluationError(
                "too_large", f"expected at most {MAX_LOOP_ITEMS} items in a macro, but got {rounds}"
            )
        item = inside_of(over)
        names = dict.fromkeys((node.item_name, node.second_name), item)
        before = self.cost
        step = self.of(node.step, {**sizes, **names, node.result_name: Size(0, 0, 0, 0)})
        self.spend((self.cost - before) * max(0, rounds - 1))
        if not isinstance(node.start, ListOf | MapOf):
            return SMALL
        self.spend(rounds * rounds)
        longest = max(step.longest, step.length)
        return Size(rounds, longest, rounds * step.total + 1, max(step.largest, 1))


def _too_costly() -> EvaluationError:
    return EvaluationError(
        "cost_exceeded", f"expected at most {MAX_COST} operations, but this may take more"
    )


def _name(node: Call) -> str:
    if _is_namespace(node):
        assert isinstance(node.target, Ident)
        return f"{node.target.name}.{node.function}"
    return node.function


def _is_namespace(node: Call) -> bool:
    return isinstance(node.target, Ident) and node.target.name in {"lists", "regex", "sets"}
