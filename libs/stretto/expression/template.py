"""Templates: JSON values in which texts may hold `${{ expression }}`.

A text that is one whole expression becomes its result, whatever its type; inside a longer text the
result is written out: text as it is, everything else as compact JSON. `$${{` stands for a literal
`${{`. Keys of maps are not templates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.interpolation import Piece, is_template, split
from stretto.expression.limits import MAX_DEPTH, MAX_RESULT_CHARS, MAX_TEMPLATE_NODES
from stretto.expression.paths import Reference, Scope
from stretto.expression.program import Program, compile_expression
from stretto.expression.scope import ScopeTypes

__all__ = ["Template", "compile_condition", "compile_template"]

_encode = msgspec.json.Encoder().encode
_Render = Callable[[Scope, bool], Any]
"""Gives a value; the flag: what is missing becomes null instead of an error."""
_Write = Callable[[Scope, bool], bytes]


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of a template: constant JSON, or how to evaluate it and how to write it."""

    constant: Any
    evaluate: _Render | None
    chunks: tuple[bytes | _Write, ...]
    """The part as JSON: what is always the same, and what is not."""


class Template:
    """A compiled template.

    Attributes:
        references: the paths that its expressions need, each once.
        programs: its expressions, with the place of each.
        status_functions: as of a program.
        is_constant: there is no expression in it.
    """

    __slots__ = (
        "_chunks",
        "_node",
        "is_constant",
        "programs",
        "references",
        "status_functions",
    )

    def __init__(self, node: _Node, programs: tuple[tuple[str, Program], ...]) -> None:
        self._node = node
        self._chunks = tuple(_joined(node.chunks))
        self.programs = programs
        found = (reference for _, program in programs for reference in program.references)
        self.references: tuple[Reference, ...] = tuple(dict.fromkeys(found))
        self.status_functions = frozenset[str]().union(
            *(program.status_functions for _, program in programs)
        )
        self.is_constant = not programs

    def evaluate(self, scope: Scope, *, lenient: bool = False) -> Any:
        """Fill the template in. The result may share structure with the template and the scope.

        Args:
            lenient: an expression that needs a path which is missing gives null.

        Raises:
            EvaluationError: with its place.
        """
        if self._node.evaluate is None:
            return self._node.constant
        return self._node.evaluate(scope, lenient)

    def render_json(self, scope: Scope, *, lenient: bool = False) -> bytes:
        """Fill the template in and write it as JSON; cheaper than encoding what `evaluate` gives.

        Raises:
            EvaluationError: with its place.
        """
        chunks = self._chunks
        if len(chunks) == 1 and isinstance(chunks[0], bytes):
            return chunks[0]
        return b"".join(
            [chunk if type(chunk) is bytes else chunk(scope, lenient) for chunk in chunks]  # type: ignore[operator]
        )


def compile_template(
    value: Any,
    scope: ScopeTypes | None = None,
    *,
    place: str = "",
    mistakes: list[ExpressionError] | None = None,
) -> Template:
    """Compile a JSON value.

    Args:
        value: plain JSON.
        scope: what its expressions may refer to.
        place: how errors name the whole value (`with`).
        mistakes: where to collect all mistakes; without it the first one is raised. With mistakes
            the template must not be used.

    Raises:
        ExpressionError: with its place; line and column count within the text that holds it.
    """
    compiler = _Compiler(scope, mistakes)
    node = compiler.compile(value, place, 1)
    return Template(node, tuple(compiler.programs))


def compile_condition(
    text: str | bool, scope: ScopeTypes | None = None, expect: Any = None, *, place: str = ""
) -> Program:
    """Compile an expression that is written bare (`input.x > 1`) or as one whole `${{ }}`.

    Raises:
        ExpressionError: line and column count within the text.
    """
    if isinstance(text, bool):
        text = "true" if text else "false"
    try:
        if not is_template(text):
            return compile_expression(text, scope, expect)
        pieces = split(text.strip())
        if len(pieces) != 1 or not pieces[0].is_expression:
            raise ExpressionError(
                "expected one expression, bare or in `${{ }}`, but got more around it", source=text
            )
        return _compile_piece(pieces[0], text.strip(), scope, expect)
    except ExpressionError as error:
        error.place = place
        raise


def _compile_piece(
    piece: Piece, text: str, scope: ScopeTypes | None, expect: Any = None
) -> Program:
    """Compile an expression within a text; errors count lines and columns in the text."""
    try:
        return compile_expression(piece.text, scope, expect)
    except ExpressionError as error:
        before = text[: piece.offset]
        if error.line == 1:
            error.column += piece.offset - (before.rfind("\n") + 1)
        error.line += before.count("\n")
        error.source = text
        raise


class _Compiler:
    def __init__(self, scope: ScopeTypes | None, mistakes: list[ExpressionError] | None) -> None:
        self.scope = scope
        self.mistakes = mistakes
        self.programs: list[tuple[str, Program]] = []
        self.nodes = 0

    def compile(self, value: Any, place: str, depth: int) -> _Node:
        self.nodes += 1
        if self.nodes > MAX_TEMPLATE_NODES or depth > MAX_DEPTH:
            return self.mistake(
                ExpressionError(
                    f"expected at most {MAX_TEMPLATE_NODES} values, at most {MAX_DEPTH} deep, "
                    "but the template is larger",
                    place=place,
                )
            )
        match value:
            case str():
                return self.text(value, place)
            case list():
                return _list(
                    [
                        self.compile(item, f"{place}[{index}]", depth + 1)
                        for index, item in enumerate(value)
                    ]
                )
            case dict():
                return self.map(value, place, depth)
        return _constant(value)

    def map(self, value: dict[str, Any], place: str, depth: int) -> _Node:
        nodes: dict[str, _Node] = {}
        for key, item in value.items():
            inside = f"{place}.{key}" if place else str(key)
            if is_template(str(key)):
                self.mistake(
                    ExpressionError(
                        "expected a key without expression, but it holds `${{`", place=inside
                    )
                )
            nodes[key] = self.compile(item, inside, depth + 1)
        return _map(nodes)

    def text(self, text: str, place: str) -> _Node:
        try:
            if "\0" in text:
                raise ExpressionError("expected text, but it holds the character U+0000")
            if not is_template(text):
                return _constant(text)
            return self.pieces(text, split(text), place)
        except ExpressionError as error:
            error.place = place
            return self.mistake(error)

    def pieces(self, text: str, pieces: list[Piece], place: str) -> _Node:
        parts: list[str | Program] = []
        for piece in pieces:
            if piece.is_expression:
                program = _compile_piece(piece, text, self.scope)
                self.programs.append((place, program))
                parts.append(program)
            else:
                parts.append(piece.text)
        if all(isinstance(part, str) for part in parts):
            return _constant("".join(str(part) for part in parts))
        if len(parts) == 1 and isinstance(parts[0], Program):
            return _dynamic(_placed(parts[0], place))
        return _dynamic(_interpolation(parts, place))

    def mistake(self, error: ExpressionError) -> _Node:
        if self.mistakes is None:
            raise error
        self.mistakes.append(error)
        return _constant(None)


def _constant(value: Any) -> _Node:
    return _Node(value, None, (_encode(value),))


def _dynamic(evaluate: _Render) -> _Node:
    return _Node(None, evaluate, (lambda scope, lenient: _encode(evaluate(scope, lenient)),))


def _list(nodes: list[_Node]) -> _Node:
    chunks: list[bytes | _Write] = [b"["]
    for count, node in enumerate(nodes):
        chunks += [b","] if count else []
        chunks += node.chunks
    chunks.append(b"]")
    if all(node.evaluate is None for node in nodes):
        return _Node([node.constant for node in nodes], None, tuple(chunks))
    getters = [_getter(node) for node in nodes]
    return _Node(
        None,
        lambda scope, lenient: [get(scope, lenient) for get in getters],
        tuple(chunks),
    )


def _map(nodes: dict[str, _Node]) -> _Node:
    chunks: list[bytes | _Write] = [b"{"]
    for count, (key, node) in enumerate(nodes.items()):
        chunks += [(b"," if count else b"") + _encode(key) + b":", *node.chunks]
    chunks.append(b"}")
    if all(node.evaluate is None for node in nodes.values()):
        return _Node({key: node.constant for key, node in nodes.items()}, None, tuple(chunks))
    getters = [(key, _getter(node)) for key, node in nodes.items()]
    return _Node(
        None,
        lambda scope, lenient: {key: get(scope, lenient) for key, get in getters},
        tuple(chunks),
    )


def _getter(node: _Node) -> _Render:
    if node.evaluate is not None:
        return node.evaluate
    constant = node.constant
    return lambda scope, lenient: constant


def _joined(chunks: Iterable[bytes | _Write]) -> list[bytes | _Write]:
    """The same chunks with neighbouring bytes joined."""
    joined: list[bytes | _Write] = []
    for chunk in chunks:
        if isinstance(chunk, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += chunk
        else:
            joined.append(chunk)
    return joined


def _placed(program: Program, place: str) -> _Render:
    get = program.evaluate

    def evaluate(scope: Scope, lenient: bool) -> Any:
        try:
            return get(scope)
        except EvaluationError as error:
            if lenient and error.code == "missing_path":
                return None
            error.arose(program.locate, scope)
            raise error.at(place) from None

    return evaluate


def _interpolation(parts: list[str | Program], place: str) -> _Render:
    getters = [part if isinstance(part, str) else _placed(part, place) for part in parts]

    def evaluate(scope: Scope, lenient: bool) -> str:
        text = "".join(
            [part if isinstance(part, str) else _written(part(scope, lenient)) for part in getters]
        )
        if len(text) > MAX_RESULT_CHARS:
            raise EvaluationError(
                "too_large",
                f"expected at most {MAX_RESULT_CHARS} characters, but got {len(text)}",
                place=place,
            )
        return text

    return evaluate


def _written(value: Any) -> str:
    return value if isinstance(value, str) else _encode(value).decode()
