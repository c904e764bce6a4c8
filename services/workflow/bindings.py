"""Where the attempts of a step with a route went, asked back from the log."""

from collections.abc import Sequence

import msgspec

from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus
from services.workflow.rows import StoredEvent
from stretto.bus.service import Refusal
from stretto.contracts import events as ev
from stretto.contracts.bindings import Binding, Bindings
from stretto.contracts.ids import AttemptId, run_id_text
from stretto.contracts.routes import Ranked
from stretto.runtime.clock import rfc3339

MAX_BINDINGS_TOLD = 100
"""An attempt that finds no peace changes its device every few seconds: the last ones are told."""

_Ending = ev.StepCompleted | ev.StepFailed | ev.StepCancelled
_ENDING = (ev.StepCompleted, ev.StepFailed, ev.StepCancelled)
_OF_INTEREST = frozenset(
    kind.type for kind in (ev.StepScheduled, ev.StepBound, ev.StepDiverted, *_ENDING)
)
_OUT = (NodeStatus.SCHEDULED, NodeStatus.STARTED)


def bindings_of(run: Run, step: str, events: Sequence[StoredEvent]) -> Bindings:
    """Tell where the attempts of a step went.

    Args:
        run: as it is now.
        events: all of its events.

    Raises:
        Refusal: it has no such step, or one without a route.
    """
    node = run.nodes.get(step)
    task = None if node is None else node.work.task
    if node is None or task is None or task.route is None:
        raise Refusal(
            "route_unknown",
            f"expected step {step[:200]!r} to have asked for a device, but it has not: it is not "
            "known, has not begun, or has no route",
        )
    told: list[Binding] = []
    scheduled_us = bound_us = 0
    for stored in events:
        if stored.type not in _OF_INTEREST:
            continue
        event = stored.decoded()
        if getattr(event, "step", None) != step:
            continue
        if isinstance(event, ev.StepScheduled):
            scheduled_us = stored.at_us
        elif isinstance(event, ev.StepBound | ev.StepDiverted):
            bound_us = stored.at_us
            told.append(_bound(event, stored.at_us, scheduled_us))
        elif not isinstance(event, _ENDING) or event.attempt == 0:
            continue
        elif not told or told[-1].attempt != event.attempt:
            told.append(_nowhere(event, stored.at_us, scheduled_us))
        else:
            told[-1] = _ended(told[-1], event, (stored.at_us - bound_us) / 1_000)
    waits = node.status in _OUT and node.worker is None
    if told and told[-1].queue is not None and told[-1].attempt == node.attempt:
        waits = False  # for a worker of the queue, not for a device
    return Bindings(
        run_id=run_id_text(run.id),
        workflow=run.workflow,
        version=run.version,
        step=step,
        task=task.name,
        plan=msgspec.Raw(task.route.plan),
        bindings=told[-MAX_BINDINGS_TOLD:],
        waiting=str(AttemptId(run.id, step, node.attempt)) if waits else None,
    )


def _bound(event: ev.StepBound | ev.StepDiverted, at_us: int, scheduled_us: int) -> Binding:
    bound = event if isinstance(event, ev.StepBound) else None
    return Binding(
        attempt=event.attempt,
        device="" if bound is None else bound.device,
        at=rfc3339(at_us),
        waited_ms=(at_us - scheduled_us) / 1_000,
        reason="" if bound is None else bound.reason,
        ranked=msgspec.json.decode(event.ranked, type=Ranked | None) or Ranked(),
        queue=event.queue if isinstance(event, ev.StepDiverted) else None,
    )


def _nowhere(event: _Ending, at_us: int, scheduled_us: int) -> Binding:
    """An attempt that ended, and no device had been found for it."""
    return Binding(
        attempt=event.attempt,
        device="",
        at=rfc3339(at_us),
        waited_ms=(at_us - scheduled_us) / 1_000,
        ended=event.type,
        failure=event.failure if isinstance(event, ev.StepFailed) else None,
    )


def _ended(binding: Binding, event: _Ending, took_ms: float) -> Binding:
    failure = event.failure if isinstance(event, ev.StepFailed) else None
    return msgspec.structs.replace(binding, ended=event.type, took_ms=took_ms, failure=failure)
