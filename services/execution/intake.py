"""From a dispatch record to an attempt: its id, and its task as workers get it."""

from functools import lru_cache

import msgspec

from services.execution.core.attempt import Attempt, Demand
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DispatchRecord, WithdrawRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.payload import NULL
from stretto.contracts.public import Task
from stretto.runtime.clock import rfc3339

PLACES_KEPT = 4_096
"""Names of queues that were checked already: the same ones come again and again."""

RUN_ID_CHARS = 36


def id_of(record: DispatchRecord | WithdrawRecord) -> str:
    """Write the id of a record's attempt: `run_id:path:attempt`."""
    return f"{run_id_text(record.run_id)}:{record.path}:{record.attempt}"


def attempt_of(record: DispatchRecord, id_: str) -> Attempt:
    """Make the attempt of a record; `id_` is what `id_of` gives for it."""
    reply = subjects.results(record.partition)
    heartbeat_s = record.heartbeat_s or None
    task = Task(
        id=id_,
        run_id=id_[:RUN_ID_CHARS],
        step=record.path,
        attempt=record.attempt,
        task=record.task,
        input=msgspec.Raw(record.input),
        reply=reply,
        deadline=rfc3339(record.deadline_us) if record.deadline_us else None,
        heartbeat_s=heartbeat_s,
        traceparent=record.traceparent,
        accept=record.accept,
        resources=record.resources or {},
        details=NULL if record.details is None else msgspec.Raw(record.details),
        rate_key=None if record.rate is None else record.rate.key,
    )
    return Attempt(
        id_=id_,
        namespace=record.namespace,
        task=record.task,
        queue=record.queue,
        payload=json_encode(task),
        reply=reply,
        heartbeat_s=record.heartbeat_s,
        traceparent=record.traceparent,
        workflow=record.workflow,
        priority=record.priority,
        demand=_demand(record.resources),
        rated=record.rate is not None,
    )


def _demand(resources: dict[str, int] | None) -> Demand | None:
    return tuple(sorted(resources.items())) if resources else None


def found_attempt(task: Task, namespace: str, queue: str) -> Attempt:
    """Make the attempt of a task that was found in the work stream."""
    return Attempt(
        id_=task.id,
        namespace=namespace,
        task=task.task,
        queue=queue,
        payload=json_encode(task),
        reply=task.reply,
        heartbeat_s=task.heartbeat_s or 0.0,
        traceparent=task.traceparent,
        demand=_demand(task.resources),
        rated=task.rate_key is not None,
    )


def misplaced(record: DispatchRecord) -> Failure | None:
    """Say why an attempt can be sent nowhere: its names cannot be those of a subject."""
    return _misplaced(record.namespace, record.queue)


@lru_cache(maxsize=PLACES_KEPT)
def _misplaced(namespace: str, queue: str | None) -> Failure | None:
    for kind, name in (("namespace", namespace), ("queue", queue)):
        if name is not None and not subjects.is_name(name):
            return Failure(
                type="InvalidQueue",
                message=f"expected the {kind} of an attempt to be a name, but it is {name[:50]!r}",
                retryable=False,
            )
    return None
