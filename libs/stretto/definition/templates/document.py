"""A template's own text: its name, its parameters, and the body that is filled in."""

from typing import Any

import msgspec

from stretto.contracts.versions import VersionRef
from stretto.definition.document import FIELDS as WORKFLOW_FIELDS
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Mapping, Node, Path, Scalar
from stretto.definition.policies import WORKFLOW_NAME
from stretto.definition.records import unknown_keys
from stretto.definition.shapes import Field, wrong_type
from stretto.definition.steps import DESCRIPTION
from stretto.definition.templates.parameters import Parameter, read_parameters

OWN_FIELDS: dict[str, Field] = {
    "template": Field(WORKFLOW_NAME, "The name of the template.", required=True),
    "description": Field(DESCRIPTION, "What the template is for."),
}

STEP_KEYS = ("steps", "output", "timeout")
"""What a template gives to a step that uses it."""

WHOLE_KEYS = ("input", "defaults", "on_failure", "labels")
"""What makes a template a whole workflow: a step cannot take these."""

BODY_KEYS = tuple(key for key in WORKFLOW_FIELDS if key not in ("workflow", "description"))

ROOT: Path = ()


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A template as written. `version` None: it is not registered (a file beside).

    `pins` says which versions its own references stood for when it was registered (`notify@stable`
    → 3); `broken` that it has mistakes of its own.
    """

    name: str
    text: str
    body: Mapping
    parameters: dict[str, Parameter]
    description: str = ""
    version: int | None = None
    file: str = ""
    pins: dict[str, int] = {}
    broken: bool = False

    @property
    def called(self) -> str:
        """How messages call it: `charge@2`."""
        return str(VersionRef(self.name, self.version))

    @property
    def whole_keys(self) -> list[str]:
        """What of it only a whole workflow can have."""
        return [key for key in WHOLE_KEYS if key in self.body.entries]

    def summary(self) -> list[dict[str, Any]]:
        """Its parameters, for lists."""
        return [parameter.summary() for parameter in self.parameters.values()]


def read_template(
    node: Node, report: Report, *, file: str = "", version: int | None = None
) -> Template | None:
    """Read the document of a template; None where too little of it is right.

    `report.text` is the text that the node was read from.
    """
    if not isinstance(node, Mapping):
        wrong_type(node, ROOT, report, "a mapping with the keys template and steps")
        return None
    known = (*OWN_FIELDS, "parameters", *BODY_KEYS, "use", "with")
    unknown_keys(node, ROOT, report, known)
    name = _read("template", node, report)
    description = _read("description", node, report)
    parameters = read_parameters(node.entries.get("parameters"), ("parameters",), report)
    if name is None:
        return None
    return Template(
        name=name,
        text=report.text,
        body=_body(node),
        parameters=parameters,
        description=description or "",
        version=version,
        file=file,
        broken=report.count > 0,
    )


def _read(key: str, node: Mapping, report: Report) -> str | None:
    entry = node.entries.get(key)
    if entry is None:
        return None
    value: str | None = OWN_FIELDS[key].shape.read(entry, (key,), report)
    return value


def _body(node: Mapping) -> Mapping:
    entries = {
        key: value
        for key, value in node.entries.items()
        if key in BODY_KEYS or key in ("use", "with")
    }
    return Mapping(entries, node.keys, node.line, node.column, node.offset)


def name_in(node: Node, key: str) -> str:
    """The text of a key of a document, or nothing."""
    entry = node.entries.get(key) if isinstance(node, Mapping) else None
    value = entry.value if isinstance(entry, Scalar) else None
    return value if isinstance(value, str) else ""
