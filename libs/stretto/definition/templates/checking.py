"""A template by itself: whatever can be known to be wrong before anybody uses it.

It is filled with its defaults, and with made-up values for parameters that have none; what is wrong
with a made-up value is not told.
"""

import msgspec

from stretto.definition.analysis import analyse
from stretto.definition.document import read_document
from stretto.definition.mistakes import Mistake, Report
from stretto.definition.nodes import Mapping, Node, scalar_at
from stretto.definition.templates.budget import Budget, Overrun
from stretto.definition.templates.document import BODY_KEYS, Template, read_template
from stretto.definition.templates.expansion import USE, WITH, Within, expand_within
from stretto.definition.templates.filling import Filling
from stretto.definition.templates.library import Library
from stretto.definition.templates.parameters import Argument, sample_of
from stretto.definition.yaml_reader import read

_OF_ARGUMENTS = frozenset({"never_runs", "never_chosen", "never_true"})
"""Warnings that only hold for the arguments that it was tried with."""


class LoadedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """What a text turned out to be: a template, or mistakes. `uses`: what it uses itself."""

    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    template: Template | None = None
    document: Node | None = None
    uses: tuple[str, ...] = ()


def load_template(
    text: str, file: str = "<template>", library: Library | None = None
) -> LoadedTemplate:
    """Read and check a template. Never raises for any text."""
    report = Report(file)
    document = read(text, report)
    template = None if document is None else read_template(document, report, file=file)
    if template is None:
        return LoadedTemplate(mistakes=report.mistakes(), warnings=report.warnings())
    uses = _check(template, report, library or Library())
    warnings = [w for w in report.warnings() if w.code not in _OF_ARGUMENTS]
    if "output" not in template.body.entries:
        warnings = [w for w in warnings if w.code != "unused" or w.path.startswith("parameters.")]
    if report.count:
        return LoadedTemplate(mistakes=report.mistakes(), warnings=warnings)
    return LoadedTemplate(template=template, document=document, warnings=warnings, uses=uses)


def _check(template: Template, report: Report, library: Library) -> tuple[str, ...]:
    """Fill, expand and check the template as if it were a workflow."""
    body = template.body
    parameters = template.parameters
    arguments = {
        name: _try(parameter.default, sample_of(parameter, parameter.node))
        if parameter.required or parameter.default is not None
        else Argument(scalar_at(parameter.node, None), (), own=True)
        for name, parameter in parameters.items()
    }
    filling = Filling(template, arguments, None, report, Budget(report, body.size))
    try:
        filled = filling.body((*BODY_KEYS, USE, WITH), ())
    except Overrun:
        return ()
    filled["workflow"] = scalar_at(body, template.name)
    made = Mapping(filled, body.keys, body.line, body.column, body.offset)
    expanded = expand_within(made, report, library, Within((template.name,)))
    if expanded is None:
        return ()
    workflow = read_document(expanded.document, report)
    if workflow is not None:
        analyse(workflow, report)
    _warn_of_unused(template, filling.mentioned, report)
    return expanded.uses


def _try(default: Node | None, sample: Node) -> Argument:
    return Argument(sample if default is None else default, (), own=True)


def _warn_of_unused(template: Template, mentioned: set[str], report: Report) -> None:
    for name, parameter in template.parameters.items():
        if name not in mentioned:
            report.warn(
                parameter.node,
                ("parameters", name),
                "unused",
                f"expected parameter {name} to be used, but the template does not mention it",
            )
