"""A label as written: which version of a workflow or template it points to."""

from typing import Any, Literal

import msgspec

from stretto.contracts.versions import LABEL_PATTERN, LATEST, MAX_VERSION
from stretto.definition.container_shapes import Record
from stretto.definition.mistakes import Mistake, Report
from stretto.definition.nodes import Mapping, Node, Path
from stretto.definition.policies import WORKFLOW_NAME
from stretto.definition.scalar_shapes import Name, Number
from stretto.definition.shapes import Field
from stretto.definition.yaml_reader import read

LABEL = Name(
    "a label of a version", LABEL_PATTERN, "a\u2013z, 0\u20139, - and _, a letter first", str.lower
)


class LabelText(msgspec.Struct, frozen=True, kw_only=True):
    """A label, and the version that it points to (None: it is taken away)."""

    label: str
    kind: Literal["workflow", "template"]
    name: str
    version: int | None = None


class _Fields(msgspec.Struct, kw_only=True):
    label: str
    workflow: str | None = None
    template: str | None = None
    version: int | None = None


def _make(**values: Any) -> _Fields:
    return _Fields(**values)


def _check(fields: _Fields, node: Mapping, path: Path, report: Report) -> None:
    if (fields.workflow is None) == (fields.template is None):
        report.mistake(
            node,
            path,
            "missing",
            "expected a label to have either workflow or template, but it has "
            f"{'neither' if fields.workflow is None else 'both'}",
        )
    if fields.label == LATEST:
        report.mistake(
            node.entries["label"],
            (*path, "label"),
            "bad_value",
            "expected a label of one's own, but latest is what was applied last",
            "apply the definition again",
        )


_RECORD = Record(
    "a label (a mapping)",
    _make,
    {
        "label": Field(LABEL, "The label.", required=True),
        "workflow": Field(WORKFLOW_NAME, "The workflow whose version it points to."),
        "template": Field(WORKFLOW_NAME, "Or the template."),
        "version": Field(
            Number("a version", 1, MAX_VERSION, whole=True),
            "The version; without one the label is taken away.",
        ),
    },
    _check,
)


def read_label(text: str, file: str = "<label>") -> LabelText | list[Mistake]:
    """Read a label, or give its mistakes. Never raises for any text."""
    report = Report(file)
    node = _without_null(read(text, report))
    fields = None if node is None else _RECORD.read(node, (), report)
    if fields is None or report.count:
        return report.mistakes()
    name = fields.workflow or fields.template
    assert name is not None
    return LabelText(
        label=fields.label,
        kind="template" if fields.workflow is None else "workflow",
        name=name,
        version=fields.version,
    )


def _without_null(node: Node | None) -> Node | None:
    """Take `version: null` for no version, as JSON clients write it."""
    if isinstance(node, Mapping):
        for key in ("version", "workflow", "template"):
            value = node.entries.get(key)
            if value is not None and value.data is None:
                del node.entries[key]
    return node
