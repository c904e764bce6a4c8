"""From projections to answers."""

from collections.abc import Callable

import msgspec

from services.monitoring.core.projection import NEVER, Attempt, RunProjection, Step
from services.monitoring.core.turns import PENDING
from services.monitoring.history import LoggedEvent
from stretto.contracts.answers import AttemptView, RunSummary, RunView, StepView
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL
from stretto.history import Outputs
from stretto.runtime.clock import rfc3339

_US_PER_MS = 1_000

MAX_GATHERED_BYTES = 64 * 1024
"""Of what is said a second time in an answer, as the output of a step whose parts say it already:
the answer must fit into a message."""


class Payloads(msgspec.Struct):
    """The payloads of a run, found in its events.

    `outputs`: also of steps whose parts gave them, while these are small: the parts say it, too.
    """

    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    inputs: dict[str, msgspec.Raw] = {}
    outputs: dict[str, msgspec.Raw] = {}


class _Data(msgspec.Struct):
    """What of an event's data is a payload, and of which step."""

    step: str = ""
    input: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    derived: bool = False
    items: list[msgspec.Raw] = []
    handler: int = -1
    by: str | None = None
    reason: str | None = None


_decode = msgspec.json.Decoder(_Data).decode


def summary(run: RunProjection, now_us: int) -> RunSummary:
    """A run in a list."""
    return RunSummary(
        run_id=run_id_text(run.run_id),
        namespace=run.namespace,
        workflow=run.workflow,
        version=run.version,
        status=run.status,
        started_at=rfc3339(run.started_us),
        id=run.key,
        closed_at=rfc3339(run.closed_us) if run.closed_us else None,
        duration_ms=_ms((run.closed_us or now_us) - run.started_us),
        steps=run.counts,
        labels=run.labels,
        failure=run.failure,
    )


def view(run: RunProjection, payloads: Payloads, now_us: int) -> RunView:
    """A run with its steps, in the order in which they began."""
    return RunView(
        run=summary(run, now_us),
        steps=[_step(step, run, payloads, now_us) for step in run.steps.values()],
        input=payloads.input,
        output=payloads.output,
        last_seq=run.last_seq,
    )


def payloads_of(events: list[LoggedEvent]) -> Payloads:
    """Pick the payloads out of a run's events."""
    found = Payloads()
    outputs: Outputs[msgspec.Raw] = Outputs(NULL)
    for event in events:
        if event.type == "run.started":
            found.input = _decode(event.data).input
        elif event.type == "run.completed":
            found.output = _decode(event.data).output
        elif event.type == "step.scheduled":
            data = _decode(event.data)
            if data.input is not NULL:  # left out where it equals that of the attempt before
                found.inputs[data.step] = data.input
        elif event.type in _GIVING:
            _GIVING[event.type](outputs, _decode(event.data))
    left = MAX_GATHERED_BYTES
    for path, value in outputs.of.items():
        if isinstance(value, msgspec.Raw):
            found.outputs[path] = value
        elif len(made := json_encode(value)) <= left:
            found.outputs[path] = msgspec.Raw(made)
            left -= len(made)
    return found


def _completed(outputs: Outputs[msgspec.Raw], data: _Data) -> None:
    outputs.completed(data.step, data.output, derived=data.derived)


def _approved(outputs: Outputs[msgspec.Raw], data: _Data) -> None:
    said = json_encode({"approved": True, "by": data.by, "reason": data.reason})
    outputs.completed(data.step, msgspec.Raw(said))


def _failed(outputs: Outputs[msgspec.Raw], data: _Data) -> None:
    if data.handler >= 0:
        outputs.handled(data.step)


_GIVING: dict[str, Callable[[Outputs[msgspec.Raw], _Data], None]] = {
    "step.opened": lambda outputs, data: outputs.opened(data.step),
    "step.expanded": lambda outputs, data: outputs.expanded(data.step, len(data.items)),
    "step.failed": _failed,
    "step.completed": _completed,
    "step.reused": _completed,
    "step.approved": _approved,
}
"""The events that say, or from which it follows, what a step gave."""


def _step(step: Step, run: RunProjection, payloads: Payloads, now_us: int) -> StepView:
    until = step.ended
    if until == NEVER and not run.closed and step.status != PENDING:
        until = now_us - run.started_us
    return StepView(
        step=step.path,
        status=step.status,
        activated_at=rfc3339(run.started_us + step.began),
        ended_at=_at(run, step.ended),
        duration_ms=None if until == NEVER else _ms(until - step.began),
        task=step.task,
        reason=step.reason,
        input=payloads.inputs.get(step.path, NULL),
        output=payloads.outputs.get(step.path, NULL),
        attempts=[_attempt(attempt, run, step.queue) for attempt in step.attempts],
        labels=step.labels,
        reused_run=step.reused_run,
        reused_step=step.reused_step,
        by=step.by,
    )


def _attempt(attempt: Attempt, run: RunProjection, queue: str | None) -> AttemptView:
    return AttemptView(
        attempt=attempt.number,
        status=attempt.status,
        scheduled_at=rfc3339(run.started_us + attempt.scheduled),
        # By the clock of the worker, where it said so.
        started_at=attempt.started_at or _at(run, attempt.accepted),
        ended_at=_at(run, attempt.ended),
        worker=attempt.worker,
        queue=queue,
        failure=attempt.failure,
        retry_at=attempt.retry_at,
    )


def _at(run: RunProjection, since_start_us: int) -> str | None:
    return None if since_start_us == NEVER else rfc3339(run.started_us + since_start_us)


def _ms(us: int) -> float:
    return round(us / _US_PER_MS, 3)
