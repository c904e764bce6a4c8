"""The terms of a condition that an index of devices knows: equalities and memberships.

`'scanner' in device.capabilities && device.attributes.site == input.site && device.load < 0.5`
has two such terms; the rest is left to the expression itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

from stretto.expression.syntax import Call, Const, Ident, Node, Select

INDEXED_LISTS = ("capabilities", "tasks")
INDEXED_MAPS = ("attributes", "labels")
INDEXED_FIELDS = ("name", "queue")

Key = tuple[str, ...]
"""Which index: `("capabilities",)`, `("attributes", "site")`, `("name",)`."""


class Term(NamedTuple):
    """`key` has `value`; or, where `path` is given, the value that is there in the scope."""

    key: Key
    value: object = None
    path: tuple[str, ...] = ()


class Terms(NamedTuple):
    """The terms that all have to hold, and whether nothing else is asked for."""

    terms: tuple[Term, ...]
    complete: bool


def terms_of(condition: Node) -> Terms:
    """Take the indexed terms out of a condition."""
    found: list[Term] = []
    complete = True
    for part in _conjuncts(condition):
        term = _term(part)
        if term is None:
            complete = False
        else:
            found.append(term)
    return Terms(tuple(found), complete)


def _conjuncts(node: Node) -> Iterator[Node]:
    if isinstance(node, Call) and node.function == "_&&_":
        for arg in node.args:
            yield from _conjuncts(arg)
    else:
        yield node


def _term(node: Node) -> Term | None:
    if not isinstance(node, Call) or len(node.args) != 2:
        return None
    first, second = node.args
    if node.function == "@in":
        key = _key(second)
        return _with(key, first) if key is not None and key[0] in INDEXED_LISTS else None
    if node.function == "_==_":
        for side, other in ((first, second), (second, first)):
            key = _key(side)
            if key is not None and key[0] not in INDEXED_LISTS:
                return _with(key, other)
    return None


def _key(node: Node) -> Key | None:
    """Which index a path below `device` is, or None."""
    path = _path(node)
    if path is None or path[0] != "device":
        return None
    match path[1:]:
        case (name,) if name in INDEXED_LISTS or name in INDEXED_FIELDS:
            return (name,)
        case (name, inner) if name in INDEXED_MAPS:
            return (name, inner)
    return None


def _with(key: Key, node: Node) -> Term | None:
    """Make the term that a key has the value of a literal or of a path elsewhere."""
    if isinstance(node, Const) and isinstance(node.value, str | bool | int):
        return Term(key, node.value)
    path = _path(node)
    if path is None or path[0] == "device":
        return None
    return Term(key, None, path)


def _path(node: Node) -> tuple[str, ...] | None:
    match node:
        case Ident(name=name):
            return (name,)
        case Select(operand=operand, field=name, test=False):
            outer = _path(operand)
            return None if outer is None else (*outer, name)
        case Call(function="_[_]", args=(operand, Const(value=str() as name))):
            outer = _path(operand)
            return None if outer is None else (*outer, name)
    return None
