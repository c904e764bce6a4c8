"""`approval: {by, timeout, escalate}`: a person says yes or no.

Yes: the step's output is `{"approved": true, "by", "reason"}`. No: it fails with type `Rejected`.
"""

from typing import Any

from stretto.contracts.bounds import MAX_PEOPLE
from stretto.contracts.graph import ApprovalPlan
from stretto.definition.container_shapes import ListOf, Record
from stretto.definition.durations import Duration
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, PLACED, KindSpec
from stretto.definition.limits import MAX_NAME_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.model import Body, Expression
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence
from stretto.definition.retry_timeout import OrExpression
from stretto.definition.scalar_shapes import Text
from stretto.definition.shapes import Field, Located, Schema
from stretto.definition.texts import MARK

PEOPLE = ListOf(
    "a name or a list of names",
    Text("a name", MAX_NAME_CHARS, constant=True),
    MAX_PEOPLE,
    lone=True,
)


class _OrExpressions:
    """Names; or a text or list with expressions, which are worked out when the step begins."""

    def read(self, node: Node, path: Path, report: Report) -> list[str] | Located[Node] | None:
        parts = node.items if isinstance(node, Sequence) else (node,)
        dynamic = [each for each in parts if _is_dynamic(each)]
        if not dynamic or len(parts) > MAX_PEOPLE:
            return PEOPLE.read(node, path, report)
        for index, each in enumerate(parts):
            if each not in dynamic:
                PEOPLE.shape.read(each, (*path, index), report)
        return Located(node, node, path)

    def schema(self) -> Schema:
        text: Schema = {"type": "string", "pattern": r"\$\{\{"}
        name: Schema = {"anyOf": [text, PEOPLE.shape.schema()]}
        return {"anyOf": [name, {"type": "array", "items": name, "maxItems": MAX_PEOPLE}]}


def _is_dynamic(node: Node) -> bool:
    return isinstance(node, Scalar) and isinstance(node.value, str) and MARK in node.value


_People = list[str] | Located[Node]


class _Escalation:
    """After how many seconds who else may decide."""

    def __init__(self, after: float | Expression, to: _People) -> None:
        self.after = after
        self.to = to


_LIMIT = OrExpression(Duration())
_NAMES = _OrExpressions()

_ESCALATE = Record(
    "an escalation (a mapping of after and to)",
    _Escalation,
    {
        "after": Field(_LIMIT, "How long only those in by may decide.", required=True),
        "to": Field(_NAMES, "Who may decide then, too.", required=True),
    },
)


class _Approval:
    """An approval as written."""

    def __init__(
        self,
        by: _People | None = None,
        timeout: float | Expression | None = None,
        escalate: _Escalation | None = None,
    ) -> None:
        self.timeout = timeout
        self.anybody = not by
        self.escalate = escalate
        after = None if escalate is None else escalate.after
        self.later = after if isinstance(after, Located) else None
        """When it is escalated, where that is an expression."""
        said = {"by": by, "to": None if escalate is None else escalate.to}
        self.people = {name: who for name, who in said.items() if isinstance(who, Located)}
        """Who may decide, where expressions say it."""
        self.plan = ApprovalPlan(
            by=_constant(by),
            escalate_s=after if isinstance(after, float) else None,
            escalate_to=() if escalate is None else _constant(escalate.to),
        )


def _constant(people: _People | None) -> tuple[str, ...]:
    return () if people is None or isinstance(people, Located) else tuple(people)


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
    if approval.anybody:
        report.mistake(
            node.entries["escalate"], place, "bad_value",
            "expected an escalation where by says who decides first, but anybody may",
        )  # fmt: skip


_SHAPE = Record(
    "an approval (a mapping; {} where anybody may decide)",
    _Approval,
    {
        "by": Field(_NAMES, "Who may decide. Default: anybody."),
        "timeout": Field(_LIMIT, "The step fails (RunTimeout) when nobody has decided."),
        "escalate": Field(_ESCALATE, "Who may decide too, after a while."),
    },
    _check,
)


def _body(approval: _Approval, _fields: dict[str, Any]) -> Body:
    return Body(
        approval=approval.plan,
        total=approval.timeout,
        escalate=approval.later,
        people=approval.people,
    )


APPROVAL = KindSpec(
    name="approval",
    description="Wait until a person approves.",
    shape=_SHAPE,
    fields=ANY_STEP | PER_ITEM | PLACED | CATCHING,
    body=_body,
)
