"""The decisions of a run, asked back from the log: what was asked, with the values as they were."""

from collections.abc import Sequence

import msgspec

from services.workflow.core.effects import ask_of
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus
from services.workflow.core.values import value_of
from services.workflow.rows import StoredEvent
from stretto.bus.service import Refusal
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask
from stretto.contracts.decisions import AskedDecision
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL
from stretto.runtime.clock import rfc3339

_ASKING = (ev.StepActivated, ev.StepFinishing)
"""Events after which a step waits for a decision (a signal that is looked at is none)."""

_OUTPUT = "output"
"""What a person writes to ask for the decision that made the output of the run."""


def asking_seq(step: str, events: Sequence[StoredEvent]) -> int:
    """The number of the event by which a step asked last.

    Raises:
        Refusal: it has asked nothing (yet).
    """
    for stored in reversed(events):
        if stored.type == ev.RunFinishing.type and step == _OUTPUT:
            return stored.seq
        if any(stored.type == kind.type for kind in _ASKING):
            event = stored.decoded()
            assert isinstance(event, _ASKING)
            if event.step == step:
                return stored.seq
    raise Refusal(
        "decision_unknown",
        f"expected step {step[:200]!r} to have asked for a decision, but it has not: it is not "
        "known, has not begun, or there is nothing to decide in it",
    )


def asked_decision(
    run: Run, step: str, asked: StoredEvent, later: Sequence[StoredEvent]
) -> AskedDecision:
    """Tell a decision.

    Args:
        run: folded up to and with the event `asked`.
        later: the events after it.
    """
    node, ask = None, run.graph.output
    if asked.type != ev.RunFinishing.type:
        node = run.nodes[step]
        assert node.status is NodeStatus.DECIDING
        ask = ask_of(node)
    assert isinstance(ask, Ask)
    values = [value_of(run, node, ref) for ref in ask.refs]
    answer = _answer(step, asked, later)
    return AskedDecision(
        run_id=run_id_text(run.id),
        workflow=run.workflow,
        version=run.version,
        step=step,
        kind="output" if node is None else node.plan.kind,
        asked_at=rfc3339(asked.at_us),
        asked_seq=asked.seq,
        plan=msgspec.Raw(ask.plan),
        values=[NULL if value is None else msgspec.Raw(value) for value in values],
        absent=[index for index, value in enumerate(values) if value is None],
        decided_at=None if answer is None else rfc3339(answer.at_us),
        took_ms=None if answer is None else (answer.at_us - asked.at_us) / 1_000,
        event=None if answer is None else answer.type,
        outcome=NULL if answer is None else msgspec.Raw(answer.data),
    )


def _answer(step: str, asked: StoredEvent, later: Sequence[StoredEvent]) -> StoredEvent | None:
    """The event that followed for the step."""
    for stored in later:
        event = stored.decoded()
        if asked.type == ev.RunFinishing.type:
            if stored.type.startswith("run."):
                return stored
        elif getattr(event, "step", None) == step and not isinstance(event, ev.StepLimited):
            return stored
    return None
