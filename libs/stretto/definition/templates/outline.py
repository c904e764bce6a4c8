"""What a text is, and which templates it uses, before it is read in earnest."""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Scalar, Sequence
from stretto.definition.templates.document import name_in
from stretto.definition.yaml_reader import read

Kind = Literal["workflow", "template", "label"]

_WORTH_A_LOOK = re.compile(r"""(?:^|[\s{,?"'])(?:use|template|label)["']?\s*:""")


class Outline(NamedTuple):
    """A text's kind, its name (empty where it has none), and the references of its `use`."""

    kind: Kind
    name: str = ""
    uses: tuple[str, ...] = ()


PLAIN = Outline("workflow")


def outline(text: str) -> Outline:
    """Tell what a text is. Never raises; a text that cannot be read is a workflow with mistakes."""
    if _WORTH_A_LOOK.search(text) is None:
        return PLAIN
    node = read(text, Report(""))
    if not isinstance(node, Mapping):
        return PLAIN
    if "label" in node.entries:
        return Outline("label", name_in(node, "label"))
    kind: Kind = "template" if "template" in node.entries else "workflow"
    return Outline(kind, name_in(node, kind), uses_in(node))


def uses_in(node: Node) -> tuple[str, ...]:
    """The references of a document: every text at a key `use`, each once."""
    return tuple(dict.fromkeys(_uses(node)))


def _uses(node: Node) -> Iterator[str]:
    open_ = [node]
    while open_:
        node = open_.pop()
        if isinstance(node, Sequence):
            open_ += node.items
        elif isinstance(node, Mapping):
            use = node.entries.get("use")
            if isinstance(use, Scalar) and isinstance(use.value, str):
                yield use.value
            open_ += node.entries.values()
