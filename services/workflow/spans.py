"""The spans of sampled runs, made from committed events; an unsampled run never comes here."""

from services.workflow.slots import Slot, Written, public_status
from stretto.contracts import events as ev
from stretto.telemetry import names
from stretto.telemetry.trace_ids import (
    TraceParent,
    parse_traceparent,
    run_span_id,
    step_span_id,
)
from stretto.telemetry.tracing import Tracer

_NO_PARENT = bytes(8)


class Spans:
    """Records `run <workflow>` when a run ends and `step <path>` when a step does."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def record(self, slot: Slot, written: list[Written]) -> None:
        """Record what ended in one commit of a sampled run."""
        for each in written:
            match each.event:
                case ev.StepCompleted() | ev.StepChosen() | ev.StepSkipped() | ev.StepCancelled():
                    self._step(slot, each, None)
                case ev.StepReused(from_run=run):
                    self._step(slot, each, None, {names.ATTR_REUSED_FROM: run})
                case ev.StepFailed(retry_at=None, failure=failure):
                    self._step(slot, each, f"{failure.type}: {failure.message}")
                case ev.RunCompleted():
                    self._run(slot, each, None)
                case ev.RunFailed(failure=f) | ev.RunCancelled(failure=f):
                    self._run(slot, each, f"{f.type}: {f.message}")
                case ev.RunTerminated(failure=f):
                    self._run(slot, each, f"{f.type}: {f.message}")
                case _:
                    continue

    def _step(
        self, slot: Slot, each: Written, error: str | None, more: dict[str, str] | None = None
    ) -> None:
        run = slot.run
        assert each.step is not None
        node = run.nodes.get(each.step)
        if node is None:
            return  # the run went back behind it in the same commit
        parent_span = run_span_id(run.id)
        if node.target is not None:
            parent_span = step_span_id(run.id, node.target.path)
        self._tracer.record(
            f"{names.SPAN_STEP} {node.plan.name}",
            TraceParent(run.id, parent_span, True),
            step_span_id(run.id, each.step),
            start_us=node.first_us or each.at_us,
            end_us=each.at_us,
            attributes={
                names.ATTR_RUN_ID: slot.text,
                names.ATTR_STEP: each.step,
                names.ATTR_KIND: node.plan.kind,
                names.ATTR_ATTEMPT: node.attempt,
                names.ATTR_STATUS: node.status.word,
                **(more or {}),
            },
            error=error,
        )

    def _run(self, slot: Slot, each: Written, error: str | None) -> None:
        run = slot.run
        cause = parse_traceparent(run.caller_traceparent)
        self._tracer.record(
            f"{names.SPAN_RUN} {run.workflow}",
            TraceParent(run.id, _NO_PARENT, True),
            run_span_id(run.id),
            start_us=run.started_us,
            end_us=each.at_us,
            attributes={
                names.ATTR_RUN_ID: slot.text,
                names.ATTR_NAMESPACE: run.namespace,
                names.ATTR_WORKFLOW: run.workflow,
                names.ATTR_VERSION: run.version,
                names.ATTR_STATUS: public_status(run),
            },
            error=error,
            links=() if cause is None else (cause,),
        )
