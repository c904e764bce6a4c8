"""`approval: {by, timeout, escalate}`: a person says yes or no.

Yes: the step's output is `{"approved": true, "by", "reason"}`. No: it fails with type `Rejected`.
"""

from typing import Any

from stretto.contracts.graph import ApprovalPlan
from stretto.definition.container_shapes import ListOf, Record
from stretto.definition.durations import Duration
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, PLACED, KindSpec
from stretto.definition.limits import MAX_NAME_CHARS, MAX_PEOPLE
from stretto.definition.mistakes import Report
from stretto.definition.model import Body, Expression
from stretto.definition.nodes import Mapping, Path
from stretto.definition.retry_timeout import OrExpression
from stretto.definition.scalar_shapes import Text
from stretto.definition.shapes import Field, Located

PEOPLE = ListOf(
    "a name or a list of names",
    Text("a name", MAX_NAME_CHARS, constant=True),
    MAX_PEOPLE,
    lone=True,
)


class _Escalation:
    """After how many seconds who else may decide."""

    def __init__(self, after: float | Expression, to: list[str]) -> None:
        self.after = after
        self.to = tuple(to)


_LIMIT = OrExpression(Duration())

_ESCALATE = Record(
    "an escalation (a mapping of after and to)",
    _Escalation,
    {
        "after": Field(_LIMIT, "How long only those in by may decide.", required=True),
        "to": Field(PEOPLE, "Who may decide then, too.", required=True),
    },
)


class _Approval:
    """An approval as written."""

    def __init__(
        self,
        by: list[str] | None = None,
        timeout: float | Expression | None = None,
        escalate: _Escalation | None = None,
    ) -> None:
        self.timeout = timeout
        self.escalate = escalate
        after = None if escalate is None else escalate.after
        self.later = after if isinstance(after, Located) else None
        """When it is escalated, where that is an expression."""
        self.plan = ApprovalPlan(
            by=tuple(by or ()),
            escalate_s=after if isinstance(after, float) else None,
            escalate_to=() if escalate is None else escalate.to,
        )


def _check(approval: _Approval, node: Mapping, path: Path, report: Report) -> None:
    escalate, timeout = approval.escalate, approval.timeout
    if escalate is None:
        return
    place = (*path, "escalate")
    after = escalate.after
    if isinstance(timeout, float) and isinstance(after, float) and after >= timeout:
        report.mistake(
            node.entries["escalate"], place, "out_of_range",
            f"expected an escalation before the timeout of {timeout:g} seconds, but it comes after "
            f"{after:g}",
        )  # fmt: skip
    if not approval.plan.by:
        report.mistake(
            node.entries["escalate"], place, "bad_value",
            "expected an escalation where by says who decides first, but anybody may",
        )  # fmt: skip


_SHAPE = Record(
    "an approval (a mapping; {} where anybody may decide)",
    _Approval,
    {
        "by": Field(PEOPLE, "Who may decide. Default: anybody."),
        "timeout": Field(_LIMIT, "The step fails (RunTimeout) when nobody has decided."),
        "escalate": Field(_ESCALATE, "Who may decide too, after a while."),
    },
    _check,
)


def _body(approval: _Approval, _fields: dict[str, Any]) -> Body:
    return Body(approval=approval.plan, total=approval.timeout, escalate=approval.later)


APPROVAL = KindSpec(
    name="approval",
    description="Wait until a person approves.",
    shape=_SHAPE,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING,
    body=_body,
)
