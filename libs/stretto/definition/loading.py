"""Text → definition, or every mistake of it in one pass."""

from collections.abc import Mapping

import msgspec

from stretto.definition.admission import check_capacities, warn_of_rings
from stretto.definition.analysis import analyse
from stretto.definition.compilation import Definition
from stretto.definition.document import read_document
from stretto.definition.limits import MAX_DOCUMENT_BYTES
from stretto.definition.mistakes import Mistake, Report
from stretto.definition.nodes import Node
from stretto.definition.shapes import json_of
from stretto.definition.templates.expansion import expand
from stretto.definition.templates.library import Library
from stretto.definition.yaml_reader import read


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What a text turned out to be: a definition, or mistakes in the order of the text.

    `definition` is None exactly if there are mistakes; warnings hinder nothing.
    """

    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    definition: Definition | None = None


def load(
    text: str,
    file: str = "<definition>",
    library: Library | None = None,
    capacities: Mapping[str, int] | None = None,
) -> Loaded:
    """Read and check a definition in YAML or JSON. Never raises for any text.

    `file` is the name that mistakes begin with; `library` the templates that it may use;
    `capacities`: how much there is of named resources, where that is known. At most
    MAX_MISTAKES mistakes are given, then one that says so.
    """
    report = Report(file)
    document = read(text, report)
    if document is None:
        return _failed(report)
    expanded = expand(document, report, library or Library())
    if expanded is None or (expanded.uses and _too_large(expanded.document, report)):
        return _failed(report)
    workflow = read_document(expanded.document, report)
    if workflow is None:
        return _failed(report)
    if capacities:
        check_capacities(workflow.steps, capacities, report)
    warn_of_rings(workflow, report)
    draft = analyse(workflow, report)
    if draft is None or report.count:
        return _failed(report)
    definition = Definition(
        workflow=workflow.workflow,
        description=workflow.description,
        labels=workflow.labels,
        document=expanded.document,
        draft=draft,
        uses=expanded.uses,
    )
    return Loaded(definition=definition, warnings=report.warnings())


def _too_large(document: Node, report: Report) -> bool:
    """Refuse what is larger, written out, than anybody could have written it."""
    size = len(json_of(document))
    if size > MAX_DOCUMENT_BYTES:
        report.mistake(
            document,
            (),
            "too_large",
            f"expected a document of at most {MAX_DOCUMENT_BYTES} bytes, templates written out, "
            f"but got {size}",
        )
    return size > MAX_DOCUMENT_BYTES


def check(text: str, file: str = "<definition>") -> list[Mistake]:
    """Give the mistakes of a definition only, for who wants nothing else of it."""
    return load(text, file).mistakes


def _failed(report: Report) -> Loaded:
    return Loaded(mistakes=report.mistakes(), warnings=report.warnings())
