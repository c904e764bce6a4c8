"""What a step's policies ask for: the fields of `retry` and `timeout` that are expressions."""

import msgspec

from stretto.contracts.asks import (
    POLICY_ESCALATE,
    POLICY_LABELS,
    POLICY_PEOPLE,
    POLICY_PRIORITY,
    POLICY_RETRY,
    POLICY_TIMEOUT,
)
from stretto.definition.expressions import Expressions, Template
from stretto.definition.mistakes import Report
from stretto.definition.model import Expression, StepText
from stretto.definition.nodes import Node, Scalar
from stretto.definition.references import Gathering
from stretto.definition.shapes import Located
from stretto.expression import Kind

_NUMBER = frozenset({Kind.NUMBER})
_DURATION = frozenset({Kind.NUMBER, Kind.STRING})
_NAMES = frozenset({Kind.STRING, Kind.LIST})
_WANTED = dict.fromkeys(("max_attempts", "backoff", "jitter", "priority"), _NUMBER) | {
    "by": _NAMES,
    "to": _NAMES,
}
"""What a field can be; the others are durations."""

_WORDS = {
    _NUMBER: "a number",
    _DURATION: "a duration (a text like 30s, or a number)",
    _NAMES: "a name or a list of names",
}


def policy_asks(
    step: StepText, expressions: Expressions, into: Gathering, report: Report
) -> dict[str, msgspec.Raw]:
    """Check the policies of a step that are not constant, and make the templates that the decision
    service fills in with the step's input: by policy, a mapping of its fields."""
    plain = "total" if step.body.task is None else "run"
    found: dict[str, msgspec.Raw] = {}
    for name, fields in (
        (POLICY_RETRY, step.retry.asked()),
        (POLICY_TIMEOUT, _timeouts(step, plain)),
        (POLICY_PEOPLE, step.body.people),
    ):
        parts: list[bytes] = []
        for field, expression in fields.items():
            template = _template(field, expression, expressions, into, report)
            if template is not None:
                parts.append(b'"%b":%b' % (field.encode(), template))
        if parts:
            found[name] = msgspec.Raw(b"{" + b",".join(parts) + b"}")
    task = step.body.task
    priority = None if task is None else task.priority
    for name, said in ((POLICY_PRIORITY, priority), (POLICY_ESCALATE, step.body.escalate)):
        if isinstance(said, Located):
            template = _template(name, said, expressions, into, report)
            if template is not None:
                found[name] = msgspec.Raw(template)
    labels = _labels(step, expressions, into)
    if labels:
        found[POLICY_LABELS] = msgspec.Raw(b"{" + b",".join(labels) + b"}")
    return found


def _labels(step: StepText, expressions: Expressions, into: Gathering) -> list[bytes]:
    """The labels that are expressions, each as a member of an object."""
    found: list[bytes] = []
    for name, said in step.labels.items():
        if isinstance(said, Located):
            node, _, path = said
            template = expressions.template(node, path, into)
            if template is not None:
                found.append(b'"%b":%b' % (name.encode(), template.json))
    return found


def _timeouts(step: StepText, plain: str) -> dict[str, Expression]:
    """The limits of time that are expressions: of `timeout`, or of the kind's own field."""
    total = step.body.total
    return {"total": total} if isinstance(total, Located) else step.timeout.asked(plain)


def key_of(step: StepText, expressions: Expressions, into: Gathering) -> Template | None:
    """Check the key of a step's concurrency; None where there is none, or it is wrong."""
    if step.concurrency is None:
        return None
    node, _, path = step.concurrency.key
    return expressions.template(node, path, into)


def _template(
    field: str, said: Located[Node], expressions: Expressions, into: Gathering, report: Report
) -> bytes | None:
    node, _, path = said
    template = expressions.template(node, path, into)
    if template is None:
        return None
    # Of a list each of whose parts may be an expression nothing is known before the step runs.
    kinds = expressions.kinds(node, into) if isinstance(node, Scalar) else frozenset()
    wanted = _WANTED.get(field, _DURATION)
    if kinds and not kinds & wanted:
        got = " or ".join(sorted(kinds))
        text = f"expected {_WORDS[wanted]}, but the expression gives a {got}"
        report.mistake(node, path, "wrong_type", text)
        return None
    return template.json
