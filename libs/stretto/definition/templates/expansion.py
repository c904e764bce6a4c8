"""A document that uses templates → the same document with everything written out."""

from collections.abc import Mapping as Map
from typing import NamedTuple

from stretto.contracts.versions import VersionRef, parse_ref
from stretto.definition.kinds import KINDS
from stretto.definition.limits import MAX_TEMPLATE_DEPTH
from stretto.definition.mistakes import Report
from stretto.definition.nodes import (
    Mapping,
    Node,
    Path,
    Scalar,
    Sequence,
    describe,
    quoted,
    scalar_at,
)
from stretto.definition.origins import OfTemplate
from stretto.definition.templates.budget import Budget, Overrun
from stretto.definition.templates.document import BODY_KEYS, STEP_KEYS, Template
from stretto.definition.templates.filling import Filling
from stretto.definition.templates.library import Library
from stretto.definition.templates.parameters import Argument, Wanted, arguments_of

USE = "use"
WITH = "with"


class Expanded(NamedTuple):
    """A document without uses, and the templates that it used, each once, in order."""

    document: Node
    uses: tuple[str, ...] = ()


class Within(NamedTuple):
    """What a text is inside of: the templates that led to it, and what its references stand for."""

    chain: tuple[str, ...] = ()
    pins: Map[str, int] = {}


def expand(document: Node, report: Report, library: Library) -> Expanded | None:
    """Write out what a document uses; None where a limit was reached (reported).

    What is wrong with a use is reported, and a stand-in put in its place, so that the rest can be
    checked all the same.
    """
    if not isinstance(document, Mapping) or USE not in report.text:
        return Expanded(document)
    return expand_within(document, report, library, Within())


def expand_within(
    document: Mapping, report: Report, library: Library, within: Within
) -> Expanded | None:
    """As `expand`, for a document that may be a template's own."""
    expansion = _Expansion(report, library, document.size)
    try:
        made = expansion.document(document, within)
    except Overrun:
        return None
    return Expanded(made, tuple(expansion.uses))


class _Expansion:
    def __init__(self, report: Report, library: Library, size: int) -> None:
        self.report = report
        self.library = library
        self.budget = Budget(report, size)
        self.uses: dict[str, None] = {}

    def document(self, node: Mapping, within: Within) -> Mapping:
        if USE in node.entries:
            return self._whole(node, within)
        return self._inside(node, (), within)

    # --- walking

    def _inside(self, node: Mapping, path: Path, within: Within) -> Mapping:
        """Expand the steps that a step (or the document) holds, at whatever field."""
        changed: dict[str, Node] = {}
        for key in ("steps", "repeat", "catch"):
            inner = node.entries.get(key)
            if inner is None:
                continue
            at = (*path, key)
            if key == "steps":
                made = self._steps(inner, at, within)
            elif isinstance(inner, Mapping):
                made = self._inside(inner, at, within)
            elif isinstance(inner, Sequence):
                made = self._handlers(inner, at, within)
            else:
                continue
            if made is not inner:
                changed[key] = made
        return node if not changed else _with(node, node.entries | changed)

    def _steps(self, node: Node, path: Path, within: Within) -> Node:
        if not isinstance(node, Mapping):
            return node
        made = {
            name: self._step(value, (*path, name), within) for name, value in node.entries.items()
        }
        same = all(made[name] is value for name, value in node.entries.items())
        return node if same else _with(node, made)

    def _step(self, node: Node, path: Path, within: Within) -> Node:
        if not isinstance(node, Mapping):
            return node
        node = self._inside(node, path, within)
        return self._use(node, path, within) if USE in node.entries else node

    def _handlers(self, node: Sequence, path: Path, within: Within) -> Sequence:
        items = [
            self._inside(item, (*path, i), within) if isinstance(item, Mapping) else item
            for i, item in enumerate(node.items)
        ]
        if all(made is item for made, item in zip(items, node.items, strict=True)):
            return node
        sequence = Sequence(items, node.line, node.column, node.offset)
        sequence.origin = node.origin
        return sequence

    # --- uses

    def _use(self, node: Mapping, path: Path, within: Within) -> Mapping:
        """Make a group of a step that uses a template."""
        use = Argument(node.entries[USE], (*path, USE))
        kind = next((key for key in node.entries if key in KINDS), None)
        if kind is not None:
            self._refuse_both(node, kind, path, "a step of one kind", "make two steps of it")
        template = self._found(use, within)
        if template is None or kind is not None or not self._fits_step(template, use):
            return _stand_in(node)
        wanted = Wanted(template.called, template.parameters)
        arguments = arguments_of(wanted, node.entries.get(WITH), use, self.report)
        if arguments is None:
            return _stand_in(node)
        origin = OfTemplate(template.called, template.file, template.text, path, *use[:2])
        filling = Filling(template, arguments, origin, self.report, self.budget)
        body = filling.body((*STEP_KEYS, USE, WITH), path)
        inner = Within((*within.chain, template.name), template.pins)
        if USE in body:
            body = self._use(_with(node, body), path, inner).entries
        else:
            body["steps"] = self._steps(body["steps"], (*path, "steps"), inner)
        own = {key: value for key, value in node.entries.items() if key not in (USE, WITH)}
        return _with(node, {**own, **{k: v for k, v in body.items() if k not in own}})

    def _whole(self, node: Mapping, within: Within) -> Mapping:
        """Make a workflow of a document that is a template with its parameters."""
        use = Argument(node.entries[USE], (USE,))
        own = {key: value for key, value in node.entries.items() if key not in (USE, WITH)}
        if "steps" in own:
            self._refuse_both(
                node,
                "steps",
                (),
                "a workflow to be a template or to have steps",
                "use the template in a step, or leave the steps out",
            )
            return self._inside(_with(node, own), (), within)
        template = self._found(use, within)
        arguments = None
        if template is not None:
            wanted = Wanted(template.called, template.parameters)
            arguments = arguments_of(wanted, node.entries.get(WITH), use, self.report)
        if template is None or arguments is None:
            steps = _with(node, {"template": _stand_in(_with(node, {}))})
            return _with(node, {"steps": steps} | own)
        origin = OfTemplate(template.called, template.file, template.text, (), *use[:2])
        filling = Filling(template, arguments, origin, self.report, self.budget)
        keys = tuple(key for key in BODY_KEYS if key not in own)
        body = filling.body((*keys, USE, WITH), ())
        inner = Within((*within.chain, template.name), template.pins)
        return _with(node, own | self.document(_with(node, body), inner).entries)

    def _found(self, use: Argument, within: Within) -> Template | None:
        """The template that is meant; None after a mistake."""
        node, path, _ = use
        self.budget.use(node, path)
        reference = self._reference(use)
        if reference is None:
            return None
        if reference.name in within.chain:
            ring = " uses ".join((*within.chain, reference.name))
            self.report.mistake(
                node, path, "cycle",
                f"expected templates not to use themselves, but {ring}",
            )  # fmt: skip
            return None
        template = self.library.find(reference, within.pins)
        if template is None:
            self._refuse_unknown(reference, use)
            return None
        if len(within.chain) >= MAX_TEMPLATE_DEPTH:
            self.report.mistake(
                node, path, "too_deep",
                f"expected at most {MAX_TEMPLATE_DEPTH} templates inside one another, but "
                f"{template.called} is one more",
            )  # fmt: skip
            return None
        if template.broken:
            self.report.mistake(
                node, path, "unknown_template",
                f"expected a template without mistakes, but {template.called} has some",
            )  # fmt: skip
            return None
        self.uses[template.called] = None
        return template

    def _reference(self, use: Argument) -> VersionRef | None:
        node, path, _ = use
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            try:
                return parse_ref(value)
            except ValueError:
                pass  # told below, with what was found
        self.report.mistake(
            node, path, "bad_name",
            f"expected a template like name, name@3 or name@stable, but got {describe(node)}",
        )  # fmt: skip
        return None

    def _refuse_unknown(self, reference: VersionRef, use: Argument) -> None:
        why = self.library.missing.get(str(reference), "")
        self.report.mistake(
            use.node, use.path, "unknown_template",
            f"expected a template, but {quoted(str(reference))} is not known"
            f"{f': {why}' if why else ''}",
            self.report.meant(reference.name, self.library.names())
            or "register it, or give its file beside this one",
        )  # fmt: skip

    def _fits_step(self, template: Template, use: Argument) -> bool:
        if not template.whole_keys:
            return True
        self.report.mistake(
            use.node, use.path, "not_for_kind",
            f"expected a template of steps, but {template.called} is a whole workflow (it has "
            f"{', '.join(template.whole_keys)})",
            "use it at the top of a definition, and start that with workflow",
        )  # fmt: skip
        return False

    def _refuse_both(self, node: Mapping, key: str, path: Path, what: str, hint: str) -> None:
        self.report.mistake(
            node.key(key), (*path, key), "two_kinds",
            f"expected {what}, but it has both {quoted(USE)} and {quoted(key)}", hint,
        )  # fmt: skip


_KEPT = ("description", "needs", "if", "for_each", "max_parallel", "join", "rest", "rollout",
         "catch", "timeout", "labels")  # fmt: skip
"""What a stand-in keeps of its step: so that mistakes in it are found, too."""


def _stand_in(node: Mapping) -> Mapping:
    """A step about which nothing is known, for one whose template is wrong."""
    kept = {key: value for key, value in node.entries.items() if key in _KEPT}
    return _with(node, {"task": scalar_at(node, "template"), **kept})


def _with(node: Mapping, entries: dict[str, Node]) -> Mapping:
    """A mapping with other entries in the same place."""
    made = Mapping(entries, node.keys, node.line, node.column, node.offset)
    made.origin = node.origin
    return made
