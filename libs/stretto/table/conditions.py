"""What the optimiser sees in a condition: the terms of an `&&`, and questions of equality."""

from __future__ import annotations

from typing import NamedTuple, assert_never

from stretto.expression.errors import ExpressionError
from stretto.expression.interpolation import is_template, split
from stretto.expression.native import parse
from stretto.expression.paths import Segments
from stretto.expression.scope import ROOTS
from stretto.expression.syntax import Call, Const, Ident, ListOf, Loop, MapOf, Node, Select

Literal = str | int | float | bool | None

Form = tuple[object, ...]
"""A syntax tree without its places: equal for expressions that say the same."""


class Term(NamedTuple):
    """A part of a condition that has to be true: its text, and its form."""

    source: str
    form: Form


class Equality(NamedTuple):
    """A condition that holds exactly if a value is one of some literals."""

    path: Segments
    literals: tuple[Literal, ...]


class Read(NamedTuple):
    """A condition as the optimiser sees it. `terms` is the whole where it cannot be taken apart."""

    source: str
    terms: tuple[Term, ...]
    equality: Equality | None


def read_condition(text: str) -> Read:
    """Read a condition, bare or in `${{ }}`.

    Raises:
        ExpressionError: it is none.
    """
    source = text
    if is_template(text):
        pieces = split(text.strip())
        if len(pieces) != 1:
            raise ExpressionError("expected one expression, but got more around it", source=text)
        source = pieces[0].text
    root = parse(source).root
    nodes = _conjuncts(root)
    terms: tuple[Term, ...] = (Term(source.strip(), _form(root)),)
    if len(nodes) > 1:
        forms = [_form(node) for node in nodes]
        texts = _cut(source)
        if len(texts) == len(forms) and all(map(_says, texts, forms)):
            terms = tuple(map(Term, texts, forms))
    return Read(source.strip(), terms, _equality(root))


def _conjuncts(node: Node) -> list[Node]:
    if isinstance(node, Call) and node.function == "_&&_":
        return [inner for arg in node.args for inner in _conjuncts(arg)]
    return [node]


def _says(text: str, form: Form) -> bool:
    """Whether a piece of text is the expression that it was taken for."""
    try:
        return _form(parse(text).root) == form
    except ExpressionError:
        return False


def _cut(source: str) -> list[str]:
    """Cut a text at the `&&` outside brackets and quotes; checked by who calls."""
    parts, start, depth, quote, at = [], 0, 0, "", 0
    while at < len(source):
        char = source[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif not depth and source.startswith("&&", at):
            parts.append(source[start:at].strip())
            at += 1
            start = at + 1
        at += 1
    return [*parts, source[start:].strip()]


def _form(node: Node) -> Form:
    match node:
        case Const():
            return ("const", node.raw)
        case Ident():
            return ("name", node.name)
        case Select():
            return ("select", _form(node.operand), node.field, node.test)
        case Call():
            target = None if node.target is None else _form(node.target)
            return ("call", node.function, target, *map(_form, node.args))
        case ListOf():
            return ("list", node.optional, *map(_form, node.elements))
        case MapOf():
            entries = (
                (None if e.key is None else _form(e.key), _form(e.value), e.optional, e.field)
                for e in node.entries
            )
            return ("map", node.message, *entries)
        case Loop():
            names = (node.item_name, node.second_name, node.result_name)
            parts = (node.over, node.start, node.condition, node.step, node.result)
            return ("loop", names, *map(_form, parts))
        case _:
            assert_never(node)


def _equality(node: Node) -> Equality | None:
    """Read `path == literal`, `path in [literals]`, and `||` of those over one path."""
    if not isinstance(node, Call) or len(node.args) != 2:
        return None
    left, right = node.args
    if node.function == "_||_":
        one, other = _equality(left), _equality(right)
        if one is None or other is None or one.path != other.path:
            return None
        return Equality(one.path, (*one.literals, *other.literals))
    if node.function == "_==_":
        if isinstance(left, Const):
            left, right = right, left
        return _among(left, (right,))
    if node.function == "@in" and isinstance(right, ListOf) and not right.optional:
        return _among(left, right.elements)
    return None


def _among(at: Node, literals: tuple[Node, ...]) -> Equality | None:
    path = _path(at)
    if path is None or not literals or path[0] not in ROOTS:
        return None
    values = []
    for each in literals:
        if not isinstance(each, Const) or (each.value is None and not each.is_null):
            return None
        values.append(each.value)
    return Equality(path, tuple(values))


def _path(node: Node) -> Segments | None:
    match node:
        case Ident():
            return (node.name,)
        case Select(test=False):
            outer = _path(node.operand)
            return None if outer is None else (*outer, node.field)
        case Call(function="_[_]", args=(inner, Const(value=str() as key))):
            outer = _path(inner)
            return None if outer is None else (*outer, key)
    return None
