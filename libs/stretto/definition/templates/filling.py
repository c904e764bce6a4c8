"""Fill the parameters of a template into a copy of its body.

A text that is one whole `${{ params.x }}` becomes the argument, whatever it is; inside an
expression it becomes a part of the expression, inside a longer text it is written out. An argument
that is worked out at run time (`${{ input.total }}`) is put in as the expression that it is.
"""

import sys
from collections.abc import Mapping as Map
from typing import NamedTuple

from stretto.definition.limits import MAX_TEXT_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence, quoted, strings_in
from stretto.definition.origins import OfArgument, OfSample, OfTemplate, Origin
from stretto.definition.templates.budget import Budget
from stretto.definition.templates.document import Template
from stretto.definition.templates.parameters import Argument
from stretto.definition.templates.splicing import (
    ROOT,
    Mention,
    NotInside,
    expression_of,
    mentions,
    roots_of,
    text_of,
)
from stretto.expression.errors import ExpressionError
from stretto.expression.interpolation import is_template, split

MADE_UP = sys.maxsize
"""The offset of a text that stands nowhere as it is: places inside it are not looked for."""

_DATA = frozenset({"with", "set", "emit", "output", "input", "labels", "description"})
"""Fields of a step whose value is the user's own: what looks like a condition in it is none."""

_BARE = frozenset({"if", "until", "where", "for_each", "devices"})
"""Fields that may be an expression without its braces."""

_BINDS: dict[str, frozenset[str]] = {
    "repeat": frozenset({"loop"}),
    "catch": frozenset({"error"}),
    "where": frozenset({"signal"}),
}
"""Fields inside which a name means something else than outside."""

_PER_ITEM = frozenset({"item", "index"})

_Bound = frozenset[str]


class _At(NamedTuple):
    """Where in the template we are: in a step's own data or not, at a condition or not, and which
    names mean something here that they do not mean at the use."""

    path: Path
    depth: int
    data: bool = False
    bare: bool = False
    steps: bool = False
    bound: _Bound = frozenset()

    def inside(self, key: str | int) -> "_At":
        return self._replace(path=(*self.path, key), depth=self.depth + 1, bare=False, steps=False)


class _Piece(NamedTuple):
    """What became of an expression: its new text, or the argument that it was as a whole."""

    text: str
    whole: Argument | None = None
    parameter: str = ""
    made_up: bool = False


class Filling:
    """Fills one template for one use. `origin` None: the template stands for itself."""

    def __init__(
        self,
        template: Template,
        arguments: Map[str, Argument],
        origin: OfTemplate | None,
        report: Report,
        budget: Budget,
    ) -> None:
        self.template = template
        self.arguments = arguments
        self.origin = origin
        self.report = report
        self.budget = budget
        self.mentioned: set[str] = set()

    def body(self, keys: tuple[str, ...], base: Path) -> dict[str, Node]:
        """Fill some parts of the body; they will stand at `base` of the document."""
        start = _At(base, len(base))
        return {
            key: self._field(key, self.template.body.entries[key], start)
            for key in keys
            if key in self.template.body.entries
        }

    def _field(self, key: str, node: Node, at: _At) -> Node:
        """Fill a field of a step (or of the document)."""
        inside = at.inside(key)
        if at.data or key in _DATA:
            return self._value(node, inside._replace(data=True))
        if key == "steps":
            return self._value(node, inside._replace(steps=True))
        if key in _BINDS:
            inside = inside._replace(bound=at.bound | _BINDS[key])
        return self._value(node, inside._replace(bare=key in _BARE))

    def _value(self, node: Node, at: _At) -> Node:
        self.budget.value(node, at.path, at.depth)
        made: Node
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and ROOT in node.value:
                return self._text(node, node.value, at)
            made = Scalar(node.value, node.line, node.column, node.offset, node.style)
        elif isinstance(node, Sequence):
            items = [self._value(item, at.inside(i)) for i, item in enumerate(node.items)]
            made = Sequence(items, node.line, node.column, node.offset)
        else:
            assert isinstance(node, Mapping)
            made = self._mapping(node, at)
        made.origin = self.origin
        return made

    def _mapping(self, node: Mapping, at: _At) -> Mapping:
        keys = {}
        for name, key in node.keys.items():
            keys[name] = Scalar(key.value, key.line, key.column, key.offset, key.style)
            keys[name].origin = self.origin
        if at.steps:
            at = at._replace(bound=at.bound | {f"steps.{name}" for name in node.entries})
            entries = {name: self._value(v, at.inside(name)) for name, v in node.entries.items()}
        else:
            within = at
            if not at.data and "for_each" in node.entries:
                within = at._replace(bound=at.bound | _PER_ITEM)
            entries = {
                name: self._field(name, value, at if name in ("if", "for_each") else within)
                for name, value in node.entries.items()
            }
        return Mapping(entries, keys, node.line, node.column, node.offset)

    # --- texts

    def _text(self, node: Scalar, value: str, at: _At) -> Node:
        place = Scalar(value, node.line, node.column, node.offset, node.style)
        place.origin = self.origin
        try:
            if at.bare and not is_template(value):
                piece = self._splice(value, place, at)
                if piece.whole is not None:
                    return self._insert(piece, place, at)
                return self._made(place, piece.text, at, made_up=piece.made_up)
            pieces = split(value)
            if len(pieces) == 1 and pieces[0].is_expression:
                piece = self._splice(pieces[0].text, place, at)
                if piece.whole is not None:
                    return self._insert(piece, place, at)
                text = f"${{{{{piece.text}}}}}"
                return self._made(place, text, at, made_up=piece.made_up)
            return self._longer(value, place, at)
        except ExpressionError:
            return place  # told when the expression is read
        except NotInside as error:
            self.report.mistake(place, at.path, "bad_value", str(error))
            place.origin = OfSample()  # told: nothing more is to be said of it
            return place

    def _longer(self, value: str, place: Scalar, at: _At) -> Node:
        """Fill a text with expressions inside, each by itself."""
        parts: list[str] = []
        made_up = False
        end = 0
        for piece in split(value):
            if not piece.is_expression:
                continue
            spliced = self._splice(piece.text, place, at)
            made_up |= spliced.made_up
            parts.append(value[end : piece.offset - len("${{")])
            if spliced.whole is not None:
                parts.append(text_of(spliced.whole.node))
            else:
                parts.append(f"${{{{{spliced.text}}}}}")
            end = piece.offset + len(piece.text) + len("}}")
        return self._made(place, "".join(parts) + value[end:], at, made_up=made_up)

    def _made(self, place: Scalar, text: str, at: _At, *, made_up: bool) -> Node:
        if text == place.value and not made_up:
            return place
        made = Scalar(text, place.line, place.column, MADE_UP, place.style)
        made.origin = OfSample() if made_up else self.origin
        if len(text) > MAX_TEXT_CHARS:
            self.report.mistake(
                made, at.path, "too_large",
                f"expected a string of at most {MAX_TEXT_CHARS} characters, but its parameters "
                f"make {len(text)} of it",
            )  # fmt: skip
        return made

    def _splice(self, source: str, place: Scalar, at: _At) -> _Piece:
        """Put the arguments into an expression."""
        parts: list[str] = []
        end = 0
        made_up = False
        for mention in mentions(source):
            selected = self._selected(mention, place, at)
            if selected is None:
                made_up = True  # told already: nothing more is to be said of this text
                continue
            name, argument, upto = selected
            made_up |= isinstance(argument.node.origin, OfSample)
            self._check_captured(name, argument, place, at)
            if not source[: mention.start].strip() and not source[upto:].strip():
                return _Piece("", argument, name, made_up)
            double = self.template.parameters[name].types == ("number",)
            parts += [source[end : mention.start], expression_of(argument.node, double=double)]
            end = upto
        return _Piece("".join(parts) + source[end:], made_up=made_up)

    def _selected(
        self, mention: Mention, place: Scalar, at: _At
    ) -> tuple[str, Argument, int] | None:
        """The argument that is meant, or the part of it; and where the mention of it ends."""
        name = mention.selected[0][0] if mention.selected else None
        if not isinstance(name, str):
            known = ", ".join(self.template.parameters) or "none"
            self.report.mistake(
                place, at.path, "bad_reference",
                f"expected {ROOT}.<name>, but got {ROOT} alone", f"it has {known}",
            )  # fmt: skip
            return None
        if name not in self.template.parameters:
            self.report.mistake(
                place, at.path, "unknown_parameter",
                f"expected a parameter of the template, but {quoted(name)} is none",
                self.report.meant(name, self.template.parameters),
            )  # fmt: skip
            return None
        self.mentioned.add(name)
        argument = self.arguments[name]
        end = mention.selected[0][1]
        if mention.guarded:
            return name, argument, end
        for key, upto in mention.selected[1:]:
            inner = _part(argument.node, key)
            if inner is None:
                break
            argument = argument._replace(node=inner, path=(*argument.path, key))
            end = upto
        return name, argument, end

    # --- arguments

    def _insert(self, piece: _Piece, place: Scalar, at: _At) -> Node:
        assert piece.whole is not None
        return self._copy(piece.whole, piece.parameter, place, at)

    def _copy(self, argument: Argument, parameter: str, place: Scalar, at: _At) -> Node:
        """Copy an argument to where it is asked for."""
        node, path, own = argument
        self.budget.value(place, at.path, at.depth)
        made: Node
        if isinstance(node, Scalar):
            made = Scalar(node.value, node.line, node.column, node.offset, node.style)
        elif isinstance(node, Sequence):
            items = [
                self._copy(Argument(item, (*path, i), own), parameter, place, at.inside(i))
                for i, item in enumerate(node.items)
            ]
            made = Sequence(items, node.line, node.column, node.offset)
        else:
            assert isinstance(node, Mapping)
            entries = {
                key: self._copy(
                    Argument(value, (*path, key), own), parameter, place, at.inside(key)
                )
                for key, value in node.entries.items()
            }
            made = Mapping(entries, node.keys, node.line, node.column, node.offset)
        made.origin = self._origin_of(argument, parameter, place)
        return made

    def _origin_of(self, argument: Argument, parameter: str, place: Scalar) -> Origin | None:
        if isinstance(argument.node.origin, OfSample):
            return argument.node.origin
        if argument.own or self.origin is None:
            return self.origin
        return OfArgument(parameter, self.template.called, argument.node, argument.path, place)

    def _check_captured(self, name: str, argument: Argument, place: Scalar, at: _At) -> None:
        """Refuse an argument that refers to something that means something else in the template."""
        if argument.own or not at.bound:
            return
        for scalar, _ in strings_in(argument.node, ()):
            for root in _roots(str(scalar.value)):
                if root in at.bound:
                    self.report.mistake(
                        argument.node,
                        argument.path,
                        "captured",
                        f"expected parameter {name} not to refer to {quoted(root)}, but template "
                        f"{self.template.called} has its own where it uses it, line {place.line}",
                        "work it out in a step (set) before, under another name",
                    )
                    return


def _part(node: Node, key: str | int) -> Node | None:
    if isinstance(node, Mapping) and isinstance(key, str):
        return node.entries.get(key)
    if isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
        return node.items[key]
    return None


def _roots(text: str) -> list[str]:
    if not is_template(text):
        return []
    try:
        pieces = split(text)
    except ExpressionError:
        return []
    return [root for piece in pieces if piece.is_expression for root in roots_of(piece.text)]
