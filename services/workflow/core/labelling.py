"""The labels of steps: by what a run can be found when a step of it has begun.

Those of the definition belong to the step as a whole; those that expressions say are worked out
with the step's input, with `for_each` for each item by itself.
"""

import msgspec

from services.workflow.core.nodes import Node
from services.workflow.core.statuses import Role
from stretto.contracts import events as ev
from stretto.contracts.asks import POLICY_LABELS
from stretto.contracts.bounds import MAX_LABEL_CHARS
from stretto.contracts.failures import Failure, FailureType

_SHOWN_CHARS = 80

_decode = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode


def labels_of(
    node: Node, values: dict[str, bytes] | None = None
) -> ev.StepLabelled | Failure | None:
    """The event that tells of the labels of a node that begins; the failure where an expression
    gave what is no label; None where it has none."""
    if node.role not in (Role.STEP, Role.EACH, Role.ITEM):
        return None
    labels = {} if node.role is Role.ITEM else node.plan.labels
    if values is not None and POLICY_LABELS in values:
        said = _said(values[POLICY_LABELS])
        if isinstance(said, Failure):
            return said
        labels = {**labels, **said}
    return ev.StepLabelled(step=node.path, labels=labels) if labels else None


def _said(value: bytes) -> dict[str, str] | Failure:
    """What expressions said, as texts; null is no label."""
    try:
        found = {name: _text(said) for name, said in _decode(value).items() if said is not None}
    except msgspec.ValidationError:
        return _wrong(value)
    if any(len(text) > MAX_LABEL_CHARS or "\0" in text for text in found.values()):
        return _wrong(value)
    return found


def _text(said: str | float | bool) -> str:
    return said if isinstance(said, str) else msgspec.json.encode(said).decode()


def _wrong(value: bytes) -> Failure:
    text = (
        f"labels: expected texts of at most {MAX_LABEL_CHARS} characters, numbers, truth values or "
        f"null, but got {value[:_SHOWN_CHARS].decode(errors='replace')}"
    )
    return Failure(type=FailureType.EXPRESSION, message=text, retryable=False)
