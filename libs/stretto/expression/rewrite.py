"""From the tree of an expression to what is evaluated: the free paths taken out.

Each longest chain of fields and constant indices that begins at a root becomes a variable of its
own, so that only what is used crosses into the native library, and so that a missing path is an
error that we can name. What is evaluated for

    steps.fetch.output.status == 200 && has(input.region) && failed()

is ``r0 == 200 && has(r1.region) && r2`` with ``r0`` looked up, ``r1`` cut down to the one field
that is asked for, and ``r2`` the status. A path that is missing leaves its variable unset: whether
that matters is for the language to say (``&&``, ``||`` and ``?:`` skip what they do not need).

Calls of our own functions are taken out likewise (see `functions`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stretto.expression.errors import ExpressionError, nearest
from stretto.expression.functions import FUNCTIONS, Function
from stretto.expression.paths import Reference, Segments
from stretto.expression.scope import ROOTS, STATUS_FUNCTIONS, STATUS_ROOT
from stretto.expression.syntax import (
    Call,
    Const,
    Entry,
    Ident,
    ListOf,
    Loop,
    MapOf,
    Node,
    Select,
    Tree,
)

__all__ = [
    "CallInput",
    "Found",
    "Input",
    "PathInput",
    "Rewritten",
    "Use",
    "error_at",
    "references_of",
    "rewrite",
]

_TYPE_NAMES = frozenset({
    "bool", "bytes", "double", "dyn", "google", "int", "list", "map", "null_type", "optional_type",
    "string", "type", "uint",
})  # fmt: skip
"""Names that stand for types."""

_NAMESPACES = frozenset({
    "base64", "cel", "lists", "math", "optional", "regex", "sets", "strings",
}) | {name.split(".")[0] for name in FUNCTIONS if "." in name}  # fmt: skip
"""Names that stand before a function."""

_WITHOUT_IMPLEMENTATION = {"cel.@mapInsert": "transformMap"}


@dataclass(frozen=True, slots=True)
class PathInput:
    """A variable that stands for a path; with `field`, cut down to that field.

    `only_tested`: what the field holds does not matter, only that it is there.
    """

    variable: str
    segments: Segments
    field: str | None = None
    only_tested: bool = False


@dataclass(frozen=True, slots=True)
class CallInput:
    """A variable that stands for a call of one of our functions."""

    variable: str
    function: Function
    args: tuple[Rewritten, ...]


Input = PathInput | CallInput
_Maker = Callable[[str], Input]
_Chain = list[tuple[str | int, int]]
"""The segments of a path, each with the offset in the source where it stands."""

_TRUE = b"\x10\x01"
"""The literal `true` as the wire has it."""


@dataclass(frozen=True, slots=True)
class Use:
    """One occurrence of a path: its segments and, for each, where it stands in the source."""

    segments: Segments
    offsets: tuple[int, ...]
    width: int
    """How many of the segments are looked up as one value (the last may be only tested for)."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A part of an expression, ready to be evaluated.

    Attributes:
        node: the tree over the variables.
        inputs: what the variables stand for.
    """

    node: Node
    inputs: tuple[Input, ...]

    @property
    def path(self) -> Segments | None:
        """The path that the whole is, if it is nothing else."""
        if isinstance(self.node, Ident) and len(self.inputs) == 1:
            (only,) = self.inputs
            if isinstance(only, PathInput) and only.field is None:
                return only.segments
        return None


@dataclass(slots=True)
class Found:
    """What a whole expression uses."""

    uses: list[Use] = field(default_factory=list)
    statuses: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)


def rewrite(tree: Tree, source: str) -> tuple[Rewritten, Found]:
    """Take the free paths out of an expression.

    Raises:
        ExpressionError: a name that nothing declares, a loop variable named like a root, a message
            built by name, a function without implementation.
    """
    found = Found()
    rewriter = _Rewriter(tree.positions, source, found, loop_names=frozenset())
    return rewriter.finish(tree.root), found


def references_of(uses: Iterable[Use]) -> dict[Reference, int]:
    """The references of some uses, in order, each with where it stands first."""
    references: dict[Reference, int] = {}
    for use in uses:
        names: list[str] = []
        for segment in use.segments:
            if not isinstance(segment, str):
                break
            names.append(segment)
        references.setdefault(tuple(names), use.offsets[0])
    return references


class _Rewriter:
    """Rewrites one expression, or one argument of a call of ours."""

    def __init__(
        self, positions: dict[int, int], source: str, found: Found, loop_names: frozenset[str]
    ) -> None:
        self.positions = positions
        self.source = source
        self.found = found
        self.outer = loop_names
        self.inputs: dict[object, Input] = {}

    def finish(self, root: Node) -> Rewritten:
        return Rewritten(self.node(root, frozenset()), tuple(self.inputs.values()))

    def node(self, node: Node, bound: frozenset[str]) -> Node:
        if isinstance(node, Ident | Select | Call):
            chain = self.chain(node, bound)
            if chain is not None:
                return self.path(node, chain)
        match node:
            case Const():
                return node
            case Ident():
                self.check_name(node, bound)
                return node
            case Select():
                return self.select(node, bound)
            case Call():
                return self.call(node, bound)
            case ListOf():
                return ListOf(node.id, self.nodes(node.elements, bound), node.optional)
            case MapOf():
                return self.map(node, bound)
            case Loop():
                return self.loop(node, bound)

    def nodes(self, nodes: tuple[Node, ...], bound: frozenset[str]) -> tuple[Node, ...]:
        return tuple(self.node(node, bound) for node in nodes)

    # Paths

    def chain(self, node: Node, bound: frozenset[str]) -> _Chain | None:
        """The segments of a free path, each with the offset of where it stands, or None."""
        match node:
            case Ident(name=name) if name not in bound and name.lstrip(".") in ROOTS:
                return [(name.lstrip("."), self.offset(node))]
            case Select(operand=operand, field=name, test=False):
                chain = self.chain(operand, bound)
                return None if chain is None else [*chain, (name, self.offset(node) + 1)]
            case Call(function="_[_]", args=(operand, Const(value=str() | int() as key))):
                if isinstance(key, bool):
                    return None
                chain = self.chain(operand, bound)
                return None if chain is None else [*chain, (key, self.offset(node) + 1)]
        return None

    def path(self, node: Node, chain: _Chain) -> Ident:
        segments = tuple(segment for segment, _ in chain)
        offsets = tuple(offset for _, offset in chain)
        self.found.uses.append(Use(segments, offsets, len(segments)))
        return self.variable(node.id, segments, lambda name: PathInput(name, segments))

    def field(self, node: Node, chain: _Chain, key: str, at: int, *, only_tested: bool) -> Ident:
        """A path cut down to one field, which need not be there."""
        segments = tuple(segment for segment, _ in chain)
        offsets = tuple(offset for _, offset in chain)
        self.found.uses.append(Use((*segments, key), (*offsets, at), len(segments)))
        return self.variable(
            node.id,
            (segments, key, only_tested),
            lambda name: PathInput(name, segments, key, only_tested),
        )

    def variable(self, node_id: int, key: object, make: _Maker) -> Ident:
        """The variable for an input, the same for the same one."""
        known = self.inputs.get(key)
        if known is None:
            known = self.inputs[key] = make(f"r{len(self.inputs)}")
        return Ident(node_id, known.variable)

    # Everything else

    def select(self, node: Select, bound: frozenset[str]) -> Node:
        chain = self.chain(node.operand, bound) if node.test else None
        if chain is not None:
            at = self.offset(node.operand)
            operand: Node = self.field(node.operand, chain, node.field, at, only_tested=True)
        else:
            operand = self.node(node.operand, bound)
        return Select(node.id, operand, node.field, node.test)

    def call(self, node: Call, bound: frozenset[str]) -> Node:
        if node.function in {"_?._", "_[?_]"}:
            operand, key = node.args
            chain = self.chain(operand, bound)
            if chain is not None and isinstance(key, Const) and isinstance(key.value, str):
                self.found.functions.add(node.function)
                at = self.offset(node) + 1
                cut = self.field(operand, chain, key.value, at, only_tested=False)
                return Call(node.id, node.function, (cut, key))
        if node.target is None and node.function in STATUS_FUNCTIONS and not node.args:
            return self.status(node)
        name, namespaced = self.function_name(node, bound)
        self.found.functions.add(name)
        if name in FUNCTIONS and (namespaced or node.target is None):
            return self.own_call(node, FUNCTIONS[name], bound)
        if name in _WITHOUT_IMPLEMENTATION:
            wanted = _WITHOUT_IMPLEMENTATION[name]
            raise self.error(node, f"expected a macro that works, but `{wanted}` does not yet")
        target = node.target
        if target is not None and not namespaced:
            target = self.node(target, bound)
        return Call(node.id, node.function, self.nodes(node.args, bound), target)

    def function_name(self, node: Call, bound: frozenset[str]) -> tuple[str, bool]:
        """The name of a function, and whether its target is only a namespace."""
        match node.target:
            case Ident(name=space) if space not in bound and space in _NAMESPACES:
                return f"{space}.{node.function}", True
        return node.function, False

    def status(self, node: Call) -> Node:
        self.found.statuses.add(node.function)
        if node.function == "always":
            return Const(node.id, _TRUE, True)
        segments = (STATUS_ROOT, node.function)
        return self.variable(node.id, segments, lambda name: PathInput(name, segments))

    def own_call(self, node: Call, function: Function, bound: frozenset[str]) -> Ident:
        loop_names = self.outer | bound
        args = []
        for arg in node.args:
            inner = _Rewriter(self.positions, self.source, self.found, loop_names)
            args.append(inner.finish(arg))
        return self.variable(
            node.id, (function.name, node.id), lambda name: CallInput(name, function, tuple(args))
        )

    def map(self, node: MapOf, bound: frozenset[str]) -> Node:
        if node.message:
            raise self.error(node, f"expected JSON values, but `{node.message}{{...}}` is none")
        entries = tuple(
            Entry(
                entry.id,
                None if entry.key is None else self.node(entry.key, bound),
                self.node(entry.value, bound),
                entry.optional,
            )
            for entry in node.entries
        )
        return MapOf(node.id, entries)

    def loop(self, node: Loop, bound: frozenset[str]) -> Node:
        names = {node.item_name, node.second_name, node.result_name} - {""}
        for name in sorted(names):
            if name in ROOTS or name in _NAMESPACES or name.startswith("__"):
                raise self.error(
                    node, f"expected another name for the loop variable, but `{name}` is taken"
                )
        inside = bound | names
        return Loop(
            node.id,
            node.item_name,
            node.second_name,
            self.node(node.over, bound),
            node.result_name,
            self.node(node.start, bound),
            self.node(node.condition, inside),
            self.node(node.step, inside),
            self.node(node.result, bound | {node.result_name}),
        )

    def check_name(self, node: Ident, bound: frozenset[str]) -> None:
        name = node.name.lstrip(".")
        if name in bound or name in _TYPE_NAMES:
            return
        if name in self.outer:
            raise self.error(
                node, f"expected no loop variable in an argument of our function, but got `{name}`"
            )
        known = (*ROOTS, *_NAMESPACES, *sorted(bound | self.outer))
        raise self.error(
            node, f"expected a declared name, but `{name}` is not", nearest(name, known)
        )

    def offset(self, node: Node) -> int:
        return self.positions.get(node.id, 0)

    def error(self, node: Node, message: str, suggestion: str | None = None) -> ExpressionError:
        return error_at(self.source, self.offset(node), message, suggestion)


def error_at(
    source: str, offset: int, message: str, suggestion: str | None = None
) -> ExpressionError:
    """An error at an offset (characters from 0) of a source."""
    before = source[:offset]
    line = before.count("\n") + 1
    column = offset - (before.rfind("\n") + 1) + 1
    return ExpressionError(message, line=line, column=column, source=source, suggestion=suggestion)
