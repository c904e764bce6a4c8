"""The expressions of a definition: compiled once, checked against what is known where they stand,
and their references resolved to places that the core knows.

A *spot* says what may be referred to somewhere; a *gathering* collects the references of the
expressions of one ask.
"""

from typing import NamedTuple

from stretto.contracts.codec import json_encode
from stretto.definition.limits import MAX_EXPRESSION_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence, quoted
from stretto.definition.optional_inputs import OptionalInputs
from stretto.definition.positions import Inside, offset_in
from stretto.definition.references import Gathering, References
from stretto.definition.shapes import Located, json_of
from stretto.definition.texts import MARK
from stretto.expression import (
    EvaluationError,
    ExpressionError,
    Kind,
    Program,
    ScopeTypes,
    compile_expression,
    compile_template,
)
from stretto.expression.interpolation import is_template, split
from stretto.expression.limits import MAX_TEMPLATE_NODES
from stretto.expression.shapes import Shape, shape_at

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "required": ["type", "message", "retryable", "step", "details"],
    "properties": {
        "type": _TEXT, "message": _TEXT, "retryable": {"type": "boolean"}, "step": {},
        "details": {},
    },
    "additionalProperties": False,
}  # fmt: skip
"""What a handler knows of the failure."""

_LOOP = {
    "type": "object",
    "required": ["index", "output"],
    "properties": {"index": {"type": "integer"}, "output": {}},
    "additionalProperties": False,
}
"""What a loop's steps know of it."""


class Condition(NamedTuple):
    """A compiled condition: its source; what it always is, if it is; whether it asks for what
    became of the needs (`failed()` …)."""

    source: str
    always_is: bool | None
    asks_status: bool


class Template(NamedTuple):
    """A checked template: its JSON, and whether there is anything to fill in."""

    json: bytes
    is_constant: bool


class Items(NamedTuple):
    """A compiled list of a `for_each`: its source, and what is known of an item."""

    source: str
    item: Shape | None


class Text(NamedTuple):
    """A piece of a string: an expression's source and the offset in the string where it begins."""

    source: str
    offset: int


class Expressions:
    """Compiles and resolves the expressions of one definition."""

    def __init__(self, references: References, input_schema: object, report: Report) -> None:
        self._references = references
        self._report = report
        self.input_schema = input_schema
        self.optional_inputs = OptionalInputs(input_schema)
        self._scope = ScopeTypes.of(
            "run", "item", "index", "signal", "inputs", "value", "device", steps={},
            open_steps=True, input=input_schema, error=_ERROR, loop=_LOOP,
        )  # fmt: skip
        self._compiled: dict[tuple[str, Kind | None, int], Program] = {}
        self._scopes: list[ScopeTypes] = [self._scope]

    def condition(self, located: Located[str | bool], into: Gathering) -> Condition | None:
        """Compile an `if`; None where it is wrong."""
        value, node, path = located
        if isinstance(value, bool):
            return Condition("true" if value else "false", value, asks_status=False)
        program = self._whole(Located(value, node, path), Kind.BOOL, into)
        if program is None:
            return None
        always = program.evaluate({}) if program.is_constant else None
        return Condition(program.source.strip(), always, bool(program.status_functions))

    def value(self, located: Located[str], into: Gathering) -> Program | None:
        """Compile an expression that may give anything; None where it is wrong."""
        return self._whole(located, None, into)

    def scope_with(self, base: int, **roots: Shape) -> int:
        """Make the scope in which further roots are of these shapes; for `Spot.scope`."""
        self._scopes.append(ScopeTypes({**self._scopes[base].roots, **roots}))
        return len(self._scopes) - 1

    def items(self, located: Located[Node], into: Gathering) -> Items | None:
        """Compile the list of a `for_each`; a list of constants becomes an expression."""
        _, node, path = located
        if isinstance(node, Sequence):
            return self._constant_items(node, path)
        assert isinstance(node, Scalar) and isinstance(node.value, str)
        program = self._whole(Located(node.value, node, path), Kind.LIST, into)
        if program is None:
            return None
        item = None
        if program.is_path and len(program.references) == 1 and "[" not in program.source:
            scope = self._scopes[into.spot.scope]
            item = shape_at(scope.roots, program.references[0]).items
        return Items(program.source.strip(), item)

    def _constant_items(self, node: Sequence, path: Path) -> Items | None:
        """Write a list of constants as an expression: JSON is one."""
        source = json_of(node).decode()
        try:
            compile_expression(source, self._scope, Kind.LIST)
        except ExpressionError as error:
            self._report.mistake(
                node, path, "expression", error.message, "give a long list in the input"
            )
            return None
        return Items(source, None)

    def scope_of_items(self, items: Items, base: int) -> int:
        """Make the scope in which `item` is known as far as the list is; for `Spot.scope`."""
        return base if items.item is None else self.scope_with(base, item=items.item)

    def steps_at(self, scope: int) -> Shape:
        """What is known of the steps in a scope."""
        return self._scopes[scope].roots["steps"]

    def template(self, node: Node, path: Path, into: Gathering) -> Template | None:
        """Check every string of a value; None where one is wrong."""
        if node.size > MAX_TEMPLATE_NODES:
            self._report.mistake(
                node,
                path,
                "too_large",
                f"expected at most {MAX_TEMPLATE_NODES} values, but got {node.size}",
            )
            return None
        found = _Found()
        self._walk(node, path, into, found)
        if not found.right:
            return None
        if found.marked and not found.dynamic:
            data = compile_template(node.data).evaluate({})
            return Template(json_encode(data), is_constant=True)
        return Template(json_of(node), is_constant=not found.dynamic)

    def kinds(self, node: Node, into: Gathering) -> frozenset[str]:
        """The kinds of value that a text with expressions can give, as far as that is known; the
        text was checked by `template`."""
        assert isinstance(node, Scalar) and isinstance(node.value, str)
        pieces = split(node.value)
        if len(pieces) != 1 or not pieces[0].is_expression:
            return frozenset({Kind.STRING})
        program = self._compiled.get((pieces[0].text, None, into.spot.scope))
        return frozenset() if program is None else program.kinds

    def _walk(self, node: Node, path: Path, into: Gathering, found: "_Found") -> None:
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and MARK in node.value:
                found.marked = True
                self._string(Located(node.value, node, path), into, found)
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                self._walk(item, (*path, index), into, found)
        else:
            assert isinstance(node, Mapping)
            for name, value in node.entries.items():
                if MARK in name:
                    self._report.mistake(
                        node.key(name), (*path, name), "expression",
                        "expected a key without an expression, but it holds ${{",
                    )  # fmt: skip
                    found.right = False
                self._walk(value, (*path, name), into, found)

    def _string(self, located: Located[str], into: Gathering, found: "_Found") -> None:
        text, node, path = located
        pieces = self._split(text, 0, node, path, into)
        if pieces is None:
            found.right = False
            return
        for piece in pieces:
            found.dynamic = True
            program = self._compile(piece, None, node, path, into)
            if program is None or not self._refer(program, piece, node, path, into):
                found.right = False

    def _whole(self, located: Located[str], kind: Kind | None, into: Gathering) -> Program | None:
        """Compile a string that is one expression, bare or in `${{ }}`."""
        text, node, path = located
        lead = len(text) - len(text.lstrip())
        piece = Text(text.strip(), lead)
        if is_template(text):
            pieces = self._split(text.strip(), lead, node, path, into, only=True)
            if pieces is None:
                return None
            piece = pieces[0]
        program = self._compile(piece, kind, node, path, into)
        if program is None or not self._refer(program, piece, node, path, into):
            return None
        return program if self._evaluates(program, node, path) else None

    def _split(
        self, text: str, lead: int, node: Node, path: Path, into: Gathering, *, only: bool = False
    ) -> list[Text] | None:
        """Take the expressions out of a string; `only`: it must be one expression and no more."""
        try:
            pieces = split(text)
        except ExpressionError as error:
            self._refuse(error, Text(text, lead), node, path, into)
            return None
        if only and (len(pieces) != 1 or not pieces[0].is_expression):
            self._report.mistake(
                node,
                path,
                "expression",
                "expected one expression, bare or in ${{ }}, but got more around it",
            )
            return None
        return [Text(piece.text, piece.offset + lead) for piece in pieces if piece.is_expression]

    def _compile(
        self, piece: Text, kind: Kind | None, node: Node, path: Path, into: Gathering
    ) -> Program | None:
        key = (piece.source, kind, into.spot.scope)
        program = self._compiled.get(key)
        if program is None:
            if len(piece.source) > MAX_EXPRESSION_CHARS:
                self._report.mistake(
                    node,
                    path,
                    "too_large",
                    f"expected an expression of at most {MAX_EXPRESSION_CHARS} characters, "
                    f"but got {len(piece.source)}",
                    "do it in a task",
                )
                return None
            try:
                program = compile_expression(piece.source, self._scopes[into.spot.scope], kind)
            except ExpressionError as error:
                self._refuse(error, piece, node, path, into)
                return None
            self._compiled[key] = program
        for warning in program.warnings:
            self._refuse(warning, piece, node, path, into, warn=True)
        return program

    def _refer(
        self, program: Program, piece: Text, node: Node, path: Path, into: Gathering
    ) -> bool:
        """Resolve what a program refers to; tell whether all of it is right."""
        right = True
        for reference, (line, column) in program.positions.items():
            offset = piece.offset + offset_in(piece.source, line, column)
            at = Inside(node, offset)
            right &= self._references.resolve(reference, at, path, into)
            if reference[0] == "input":
                self.optional_inputs.note(reference[1:], piece.source, at, path)
        if program.status_functions:
            right &= self._references.add_status(node, path, into)
        return right

    def _evaluates(self, program: Program, node: Node, path: Path) -> bool:
        """Report a constant that cannot be evaluated."""
        if program.is_constant:
            try:
                program.evaluate({})
            except EvaluationError as error:
                self._report.mistake(node, path, "expression", error.message)
                return False
        return True

    def _refuse(
        self,
        error: ExpressionError,
        piece: Text,
        node: Node,
        path: Path,
        into: Gathering,
        *,
        warn: bool = False,
    ) -> None:
        offset = piece.offset + offset_in(piece.source, error.line, error.column)
        at = Inside(node, offset)
        hint = self._references.bracketed(piece.source, into.spot.frame)
        if not hint and error.suggestion:
            hint = f"did you mean {quoted(error.suggestion)}?"
        tell = self._report.warn if warn else self._report.mistake
        tell(at, path, "expression", error.message, hint)


class _Found:
    """What a walk over a template has met."""

    __slots__ = ("dynamic", "marked", "right")

    def __init__(self) -> None:
        self.right = True
        self.marked = False
        self.dynamic = False
