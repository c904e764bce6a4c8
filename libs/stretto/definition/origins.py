"""Where a value came from that does not stand in the document itself: a template, or an argument.

A document that uses templates is expanded before it is read, so a mistake may be found in a value
that stands in a template. It is told where the reader can act: at the `use` (or at the argument) in
the document, with the place in the template in the text.
"""

from typing import NamedTuple, TypeAlias

from stretto.definition.nodes import Node, Path, path_text
from stretto.definition.positions import At, Inside, position_of


class OfTemplate(NamedTuple):
    """A value of a template's body.

    `name`: `charge@2`; `file` where it was read from a file, else empty; `text` its whole text;
    `base` where its body stands in the expanded document; `use` the value of the `use` that brought
    it, and `use_path` where that stands.
    """

    name: str
    file: str
    text: str
    base: Path
    use: Node
    use_path: Path


class OfArgument(NamedTuple):
    """A value that was given for a parameter: `node` at `path` is what was written, `place` the
    text of the template that asks for it."""

    parameter: str
    template: str
    node: Node
    path: Path
    place: Node


class OfSample(NamedTuple):
    """A value made up to check a template by itself: whatever is wrong with it says nothing."""


Origin: TypeAlias = OfTemplate | OfArgument | OfSample

SAMPLE = OfSample()


class Told(NamedTuple):
    """Where a mistake is told: in the document, and (`template` not empty) in which template.

    `through` is what its text begins with: `in template charge@2, line 7, steps.charge: `.
    """

    line: int
    column: int
    path: Path
    through: str = ""
    template: str = ""
    template_file: str = ""
    template_line: int = 0
    template_column: int = 0
    template_path: str = ""


def origin_of(at: At) -> Origin | None:
    """The origin of a place; None for what stands in the document itself."""
    node = at.node if isinstance(at, Inside) else at
    return node.origin if isinstance(node, Node) else None


def tell(text: str, at: At, path: Path) -> Told:
    """Find where a mistake at a place of the expanded document is told; `text` is the document."""
    origin = origin_of(at)
    match origin:
        case OfTemplate():
            line, column = position_of(origin.text, at)
            outer = tell(text, origin.use, origin.use_path)
            inner = path_text(path[len(origin.base) :])
            where = f"line {line}"
            if origin.file:
                where = f"{origin.file}:{line}:{column}"
            through = f"in template {origin.name}, {where}{f', {inner}' if inner else ''}: "
            return outer._replace(
                through=outer.through + through,
                template=origin.name,
                template_file=origin.file,
                template_line=line,
                template_column=column,
                template_path=inner,
            )
        case OfArgument():
            place = Inside(origin.node, at.offset) if isinstance(at, Inside) else origin.node
            outer = tell(text, place, origin.path)
            through = (
                f"as parameter {origin.parameter} of template {origin.template}, "
                f"line {origin.place.line}: "
            )
            return outer._replace(through=outer.through + through)
    line, column = position_of(text, at)
    return Told(line, column, path)
