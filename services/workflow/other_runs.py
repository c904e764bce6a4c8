"""What a run says to other runs: to its children, to its parent, to those that make room for it."""

import msgspec

from services.workflow.core.commands import RUN_MARK
from services.workflow.core.effects import CancelChild, StartChild
from services.workflow.core.lines import CancelRun
from services.workflow.core.statuses import RunPhase
from services.workflow.slots import Slot, traceparent_of
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure, FailureType, Reason
from stretto.contracts.ids import AttemptId, parse_attempt_id, partition_of, run_id_text
from stretto.contracts.payload import NULL
from stretto.contracts.public import ControlRequest, Results, StartRequest, TaskResult


def child_start(slot: Slot, effect: StartChild) -> Outgoing:
    """The start of a child: as anybody's, with its run id settled and its parent named."""
    run = slot.run
    request = StartRequest(
        input=msgspec.Raw(effect.input),
        run_id=run_id_text(effect.child_id),
        version=effect.child.version,
        version_label=effect.child.version_label,
        parent=str(AttemptId(run.id, effect.path, effect.attempt)) if effect.child.wait else None,
        depth=run.depth + 1,
    )
    traced = traceparent_of(slot, effect.path)
    headers = None if traced is None else {subjects.HEADER_TRACEPARENT: traced}
    subject = subjects.start(run.namespace, effect.child.workflow)
    return Outgoing(subject, json_encode(request), f"{request.run_id}:start", headers)


def child_cancel(slot: Slot, effect: CancelChild) -> Outgoing:
    child = run_id_text(effect.child_id)
    request = ControlRequest(command="cancel", reason=f"its parent was: {effect.reason}")
    subject = subjects.control(slot.run.namespace, child)
    return Outgoing(subject, json_encode(request), f"{child}:cancel")


def run_cancel(slot: Slot, effect: CancelRun) -> Outgoing:
    """The cancelling of a run that makes room for another."""
    run = run_id_text(effect.run_id)
    request = ControlRequest(command="cancel", reason=effect.reason, by=f"{RUN_MARK}{slot.text}")
    subject = subjects.control(slot.run.namespace, run)
    return Outgoing(subject, json_encode(request), f"{run}:cancel:{slot.text}")


def refused_child(parent: str, run_id: bytes, reason: Reason, partitions: int) -> Outgoing:
    """The result of a child that could not be started, for the attempt that waits for it. Anybody
    may have sent the start: the parent believes it only of the very run that it waits for."""
    failure = Failure(type="ChildRefused", message=reason.message, retryable=False)
    result = TaskResult(
        id=parent, status="failed", failure=failure, worker=f"{RUN_MARK}{run_id_text(run_id)}"
    )
    subject = subjects.results(partition_of(parse_attempt_id(parent).run_id, partitions))
    return Outgoing(subject, json_encode(Results(results=[result])))


def parent_message(slot: Slot, partitions: int) -> Outgoing | None:
    """The result of a run for the attempt that waits for it; None where none does."""
    run = slot.run
    if run.parent is None:
        return None
    done = run.phase is RunPhase.COMPLETED
    failure = run.failure or Failure(type=FailureType.CANCELLED, message="the child ended")
    result = TaskResult(
        id=run.parent,
        status="completed" if done else "failed",
        output=msgspec.Raw(run.output) if done else NULL,
        failure=None if done else msgspec.structs.replace(failure, step=None),
        worker=f"{RUN_MARK}{slot.text}",
    )
    parent = parse_attempt_id(run.parent)
    subject = subjects.results(partition_of(parent.run_id, partitions))
    return Outgoing(subject, json_encode(Results(results=[result])), f"{slot.text}:parent")
