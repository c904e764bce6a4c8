"""From the tree of an expression to what is evaluated: the free paths taken out.

Each longest chain of fields and constant indices that begins at a root becomes a variable of its
own, so that only what is used crosses into the native library, and so that a missing path is an
error that we can name. What is evaluated for

    steps.fetch.output.status == 200 && has(input.region) && size(input.items) > 1 || failed()

is ``@0 == 200 && @1 && @2 > 1 || @3``, where ``@0`` is looked up, ``@1`` says whether the field is
there, ``@2`` how many items there are, and ``@3`` is the status. A path that is missing leaves its
variable unset: whether that matters is for the language to say (``&&``, ``||`` and ``?:`` skip what
they do not need).

Calls of our own functions are taken out likewise (see `functions`), and macros in which such a call
depends on the variable of the macro.

JSON has one kind of number and the language has several, which arithmetic does not mix. So a term
of paths and numbers (``input.price * 2 + input.tax``) is made of one kind: all doubles where a
schema or a literal says so, else all doubles if one of the values is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import assert_never

from stretto.expression.errors import nearest
from stretto.expression.functions import FUNCTIONS, Function
from stretto.expression.inputs import (
    CallInput,
    Found,
    LoopInput,
    NumbersInput,
    PathInput,
    Rewritten,
)
from stretto.expression.macros import Macro, macro_of
from stretto.expression.names import NATIVE_NAMESPACES, TYPE_NAMES, namespaces
from stretto.expression.path_inputs import Expression, Leaf, PathInputs
from stretto.expression.scope import ROOTS, STATUS_FUNCTIONS, STATUS_ROOT, ScopeTypes
from stretto.expression.spelling import root_of
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
    double,
    walk,
)

__all__ = ["rewrite"]

_WITHOUT_IMPLEMENTATION = {"cel.@mapInsert": "transformMap"}


_ARITHMETIC = frozenset({"_+_", "_-_", "_*_", "_/_", "-_"})
"""Operators that want their numbers to be of one kind."""

_DASHED = re.compile(r"(?<=\.)[A-Za-z_]\w*(?:-[A-Za-z_]\w*)+")
"""A field that looks as if its name had dashes: `steps.a-b`."""

_TRUE = b"\x10\x01"
"""The literal `true` as the wire has it."""


def rewrite(tree: Tree, source: str, scope: ScopeTypes) -> tuple[Rewritten, Found]:
    """Take the free paths out of an expression.

    Raises:
        ExpressionError: a name that nothing declares, a loop variable named like a root, a message
            built by name, a function without implementation.
    """
    found = Found()
    expression = Expression(tree.positions, source, scope, found)
    return _Rewriter(expression, frozenset()).finish(tree.root), found


class _Rewriter(PathInputs):
    """Rewrites one expression, or a part that we evaluate by itself."""

    def finish(self, root: Node) -> Rewritten:
        return Rewritten(self.node(root, frozenset()), tuple(self.inputs.values()))

    def node(self, node: Node, bound: frozenset[str]) -> Node:
        leaf = self.leaf(node, bound)
        if leaf is not None:
            return self.path(node, leaf)
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
        assert_never(node)

    def nodes(self, nodes: tuple[Node, ...], bound: frozenset[str]) -> tuple[Node, ...]:
        return tuple(self.node(node, bound) for node in nodes)

    # Arithmetic

    def leaves(self, node: Node, bound: frozenset[str]) -> list[Node] | None:
        """The paths, calls of ours and numbers that a term of nothing else is made of, or None."""
        if self.leaf(node, bound) is not None or self.own(node, bound) is not None:
            return [node]
        match node:
            case Const(value=int() | float() as value) if not isinstance(value, bool):
                return [node]
            case Call(function=function, args=args, target=None) if function in _ARITHMETIC:
                leaves: list[Node] = []
                for arg in args:
                    inner = self.leaves(arg, bound)
                    if inner is None:
                        return None
                    leaves += inner
                return leaves
        return None

    def term(self, node: Node, leaves: list[Node], bound: frozenset[str]) -> Node | None:
        """Rewrite a term so that its numbers are of one kind; None where they are anyway."""
        paths = [leaf for node in leaves if (leaf := self.leaf(node, bound)) is not None]
        if len(leaves) == 1:
            return None
        if any(self.own(leaf, bound) is not None for leaf in leaves):
            self.found.mixes = True
            return self.together(node, bound)
        if not paths:
            return None
        numbers = [leaf.value for leaf in leaves if isinstance(leaf, Const)]
        doubles = any(isinstance(number, float) for number in numbers)
        if doubles or any(self.is_a("number", path) for path in paths):
            self.found.mixes = True
            return self.replaced(node, bound, self.doubled)
        if all(self.is_a("integer", path) for path in paths):
            return None
        self.found.mixes = True
        return self.together(node, bound)

    def doubled(self, node: Node, leaf: Leaf | None) -> Node:
        if leaf is not None:
            return self.path(node, leaf, as_double=True)
        assert isinstance(node, Const)
        assert isinstance(node.value, int | float)
        return double(node.id, float(node.value))

    def together(self, node: Node, bound: frozenset[str]) -> Node:
        """Make one input of all leaves of a term."""
        members: list[PathInput | CallInput | int | float] = []
        variables: list[str] = []
        prefix = f"@{len(self.inputs)}"

        def member(node: Node, leaf: Leaf | None) -> Node:
            variables.append(f"{prefix}.{len(variables)}")
            if leaf is not None:
                chain, ask = leaf
                members.append(PathInput(variables[-1], self.use(chain), ask))
            elif isinstance(node, Const):
                assert isinstance(node.value, int | float)
                members.append(node.value)
            else:
                members.append(self.call_input(variables[-1], node, bound))
            return Ident(node.id, variables[-1])

        replaced = self.replaced(node, bound, member)
        self.inputs[node.id] = NumbersInput(tuple(variables), tuple(members))
        return replaced

    def replaced(
        self, node: Node, bound: frozenset[str], replace: Callable[[Node, Leaf | None], Node]
    ) -> Node:
        leaf = self.leaf(node, bound)
        if leaf is not None or not isinstance(node, Call) or self.own(node, bound) is not None:
            return replace(node, leaf)
        args = tuple(self.replaced(arg, bound, replace) for arg in node.args)
        return Call(node.id, node.function, args)

    # Everything else

    def select(self, node: Select, bound: frozenset[str]) -> Node:
        chain = self.chain(node.operand, bound) if node.test else None
        if chain is not None:
            return self.field(node, chain, "has", node.field)
        return Select(node.id, self.node(node.operand, bound), node.field, node.test)

    def call(self, node: Call, bound: frozenset[str]) -> Node:
        if node.function in {"_?._", "_[?_]"}:
            operand, key = node.args
            chain = self.chain(operand, bound)
            if chain is not None and isinstance(key, Const) and isinstance(key.value, str):
                self.found.functions.add(node.function)
                cut = self.field(operand, chain, "field", key.value)
                return Call(node.id, node.function, (cut, key))
        if node.target is None and node.function in STATUS_FUNCTIONS and not node.args:
            return self.status(node)
        leaves = self.leaves(node, bound)
        if leaves is not None and (term := self.term(node, leaves, bound)) is not None:
            return term
        name, namespaced = self.function_name(node, bound)
        self.found.functions.add(name)
        if self.own(node, bound) is not None:
            return self.variable(
                node.id, (name, node.id), lambda variable: self.call_input(variable, node, bound)
            )
        if namespaced and name.partition(".")[0] not in NATIVE_NAMESPACES:
            message = f"expected a known function, but `{name}` is not"
            raise self.error(node, message, nearest(name, FUNCTIONS), back=len(node.function))
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
            case Ident(name=space) if space not in bound and space in namespaces():
                return f"{space}.{node.function}", True
        return node.function, False

    def status(self, node: Call) -> Node:
        self.found.statuses.add(node.function)
        if node.function == "always":
            return Const(node.id, _TRUE, True)
        segments = (STATUS_ROOT, node.function)
        return self.variable(node.id, segments, lambda name: PathInput(name, segments))

    def own(self, node: Node, bound: frozenset[str]) -> Function | None:
        """The function of ours that a node calls, or None."""
        if not isinstance(node, Call):
            return None
        name, namespaced = self.function_name(node, bound)
        return FUNCTIONS.get(name) if namespaced or node.target is None else None

    def call_input(self, variable: str, node: Node, bound: frozenset[str]) -> CallInput:
        """What a variable for a call of ours stands for."""
        assert isinstance(node, Call)
        function = self.own(node, bound)
        assert function is not None
        assert not self.depends(node, bound)
        self.found.functions.add(function.name)
        count, arities = len(node.args), function.arities
        if count not in arities:
            wanted = " to ".join(dict.fromkeys(map(str, (arities[0], arities[-1]))))
            message = f"expected {wanted} arguments for `{function.signature}`, but got {count}"
            raise self.error(node, message, back=len(node.function))
        args = tuple(_Rewriter(self.expression, self.local).finish(arg) for arg in node.args)
        return CallInput(variable, function, args)

    def depends(self, node: Node, names: frozenset[str]) -> bool:
        """Whether a call of ours somewhere in a node depends on one of the names."""
        return bool(names) and any(
            isinstance(part, Call)
            and self.function_name(part, frozenset())[0] in FUNCTIONS
            and any(isinstance(leaf, Ident) and leaf.name in names for leaf in walk(part))
            for part in walk(node)
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
            taken = name in ROOTS or name in NATIVE_NAMESPACES or name.startswith("__")
            if taken or _calls_by(name, node):
                raise self.error(
                    node, f"expected another name for the loop variable, but `{name}` is taken"
                )
        macro = macro_of(node)
        if macro is not None and any(
            self.depends(part, frozenset(macro.names)) for part in macro.parts
        ):
            return self.own_loop(node, macro)
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

    def own_loop(self, node: Loop, macro: Macro) -> Ident:
        """Run a macro ourselves, because a function of ours inside depends on its variables."""
        outer = node.start if macro.kind == "bind" else node.over
        over = _Rewriter(self.expression, self.local).finish(outer)
        inside = self.local | set(macro.names)
        parts = tuple(_Rewriter(self.expression, inside).finish(part) for part in macro.parts)
        return self.variable(
            node.id, ("loop", node.id), lambda name: LoopInput(name, macro, over, parts)
        )

    def check_name(self, node: Ident, bound: frozenset[str]) -> None:
        name = root_of(node.name)
        if name in bound or name in TYPE_NAMES:
            return
        known = (*ROOTS, *sorted(namespaces()), *sorted(bound | self.local))
        message = f"expected a declared name, but `{name}` is not"
        if (dashed := self.dashed(node)) is not None:
            message = f'{message} (a name with dashes is written `["{dashed}"]`)'
        raise self.error(node, message, nearest(name, known))

    def dashed(self, node: Ident) -> str | None:
        """The name with dashes that a subtraction was probably meant to be."""
        for found in _DASHED.finditer(self.expression.source):
            if found.start() < self.offset(node) < found.end():
                return found[0]
        return None


def _calls_by(name: str, loop: Loop) -> bool:
    """Whether a function of ours is called by a namespace that a loop takes for a variable."""
    return any(
        isinstance(part, Call)
        and isinstance(part.target, Ident)
        and part.target.name == name
        and f"{name}.{part.function}" in FUNCTIONS
        for part in walk(loop)
    )
