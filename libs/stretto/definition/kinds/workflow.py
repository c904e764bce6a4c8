"""`workflow: billing`, `workflow: {name, version, wait, cancel}`: another run, `with` its input.

The name may say a version, too: `billing@3`, or `billing@stable` by its label.

The child's output is the step's; with `wait: false` it is `{"run_id"}`, and the step ends at once.
"""

from typing import Any, NamedTuple

from stretto.contracts.graph import ChildPlan
from stretto.contracts.subjects import NAME_PATTERN
from stretto.contracts.versions import (
    LABEL_PATTERN,
    MARK,
    MAX_VERSION,
    VersionRef,
    parse_ref,
    parse_version,
)
from stretto.definition.container_shapes import Record, Short
from stretto.definition.kinds.spec import (
    ANY_STEP,
    CATCHING,
    CHILD,
    PER_ITEM,
    PLACED,
    TIMED,
    UNDOABLE,
    KindSpec,
)
from stretto.definition.mistakes import Report
from stretto.definition.model import Body
from stretto.definition.nodes import Mapping, Node, Path, Scalar, describe
from stretto.definition.policies import WORKFLOW_NAME
from stretto.definition.scalar_shapes import Flag
from stretto.definition.shapes import Field, Schema


class _Name:
    """The name of a workflow, or a name and a version."""

    def read(self, node: Node, path: Path, report: Report) -> VersionRef | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str) or MARK not in value:
            name = WORKFLOW_NAME.read(node, path, report)
            return None if name is None else VersionRef(name)
        try:
            return parse_ref(value)
        except ValueError as error:
            report.mistake(node, path, "bad_name", str(error))
            return None

    def schema(self) -> Schema:
        which = rf"({MARK}([1-9][0-9]*|{LABEL_PATTERN}))?"
        return {"type": "string", "pattern": f"^{NAME_PATTERN}{which}$"}


class _Version:
    """A version: its number, or one of its labels."""

    def read(self, node: Node, path: Path, report: Report) -> tuple[int | None, str | None] | None:
        value = node.value if isinstance(node, Scalar) else None
        try:
            if isinstance(value, str | int) and not isinstance(value, bool):
                return parse_version(str(value))
        except ValueError:
            pass  # told below, with what was found
        report.mistake(
            node,
            path,
            "bad_value",
            f"expected a version from 1 to {MAX_VERSION}, or a label, but got {describe(node)}",
        )
        return None

    def schema(self) -> Schema:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
                {"type": "string", "pattern": f"^{LABEL_PATTERN}$"},
            ]
        }


_NAME = _Name()


class _Made(NamedTuple):
    """The plan of a child, and whether its version was said twice."""

    plan: ChildPlan
    twice: bool = False


def _make(
    name: VersionRef, version: tuple[int | None, str | None] | None = None, **fields: Any
) -> _Made:
    _, number, label = name
    twice = version is not None and (number, label) != (None, None)
    if version is not None:
        number, label = version
    plan = ChildPlan(workflow=name.name, version=number, version_label=label, **fields)
    return _Made(plan, twice)


def _check(made: _Made | None, node: Mapping, path: Path, report: Report) -> None:
    if made is not None and made.twice:
        report.mistake(
            node.key("version"),
            (*path, "version"),
            "bad_value",
            "expected the version in the name or by itself, but it is in both",
        )


_SHAPE = Short(
    Record(
        "a workflow (a name, or a mapping)",
        _make,
        {
            "name": Field(_NAME, "The workflow; name@3 and name@stable too.", required=True),
            "version": Field(
                _Version(), "Its version or a label. Default: the latest when the step runs."
            ),
            "wait": Field(Flag(), "Whether the step waits for the end of the run. Default true."),
            "cancel": Field(
                Flag(), "Whether cancelling the step cancels the run, too. Default true."
            ),
        },
        _check,
    ),
    _NAME,
    _make,
)


def _body(child: _Made, fields: dict[str, Any]) -> Body:
    return Body(child=child.plan, template=fields.get("with"))


WORKFLOW = KindSpec(
    name="workflow",
    description="Start a run of a workflow; what it gives is the step's output.",
    shape=_SHAPE,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING | UNDOABLE | CHILD | TIMED,
    body=_body,
)
