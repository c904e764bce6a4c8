"""Which streams and consumers each service makes: the table of `docs/architecture.md`.

Each service makes what it uses (`topology_for`), at its start and whenever the store was deleted
under it: create or update, so that it does not matter who comes first.

Partitions and lanes have a consumer each, whoever reads them at the moment: the one durable holds
the place when an owner is replaced. What the streams are is said in `streams`.
"""

from typing import NamedTuple

import msgspec

from stretto.bus.topology import Consumer, Stream
from stretto.contracts import subjects
from stretto.runtime.streams import (
    ALERTS,
    CLOSED,
    CONTROL,
    DECIDE,
    DECIDED,
    DEFINITIONS,
    DISPATCH,
    DLQ,
    EMITTED,
    EVENTS,
    INBOX,
    LOG,
    PAYLOADS,
    REJECTED,
    RESULTS,
    REUSE,
    SCHEDULES,
    STARTS,
    WORK,
)

FRAME_ACK_WAIT_S = 5.0
"""A frame is handled in milliseconds; a killed owner's frames come to the next after this time."""

DEFINITION_ACK_WAIT_S = 30.0
"""To check and compile a large definition takes a while on a busy machine."""

WORK_ACK_WAIT_S = 10.0
"""A worker says "in progress" well before: its silence for so long means that it is gone."""

MONITORING_ACK_WAIT_S = 30.0
"""A projection is written in large transactions; nobody waits for it."""

MAX_UNACKNOWLEDGED_FRAMES = 2_000
"""Frames delivered and not yet acknowledged, over all instances; the others wait in the stream."""

MAX_UNACKNOWLEDGED_STARTS = 20_000
"""Starts and controls come as single messages: enough for a second at full load."""

PINNED_GROUP = "active"

_STREAMS_OF: dict[str, tuple[Stream, ...]] = {
    "workflow": (
        *(STARTS, CONTROL, DEFINITIONS, INBOX, DECIDE, DECIDED, DISPATCH, RESULTS, LOG),
        *(SCHEDULES, REUSE, EVENTS, CLOSED, EMITTED, REJECTED, DLQ, ALERTS, PAYLOADS),
    ),
    "decision": (DECIDE, DECIDED, DLQ),
    "execution": (DISPATCH, RESULTS, WORK, REJECTED, DLQ),
    "monitoring": (LOG, ALERTS, DLQ),
    "gateway": (STARTS, CONTROL, DEFINITIONS, SCHEDULES, REUSE, EVENTS),
    # Not the results: made before those who read them, an interest stream drops what comes.
    "worker": (WORK,),
}


class Topology(NamedTuple):
    """What a service makes before it works."""

    streams: tuple[Stream, ...]
    consumers: tuple[Consumer, ...]


class PartitionConsumers(NamedTuple):
    """What the owner of a partition of the workflow service reads."""

    inbox: Consumer
    decided: Consumer
    results: Consumer


def topology_for(service: str, *, partitions: int, lanes: int, replicas: int = 1) -> Topology:
    """Return the streams and consumers that a service makes; `replicas` for a cluster: 1, 3, 5.

    The workflow service makes the consumers of *all* partitions and the execution service those of
    all lanes: what is published for one that has no owner yet must be kept.
    """
    return Topology(
        streams_for(service, replicas=replicas),
        consumers_for(service, partitions=partitions, lanes=lanes),
    )


def streams_for(service: str, *, replicas: int = 1) -> tuple[Stream, ...]:
    """Return the streams that a service (or `worker`) publishes to or reads."""
    streams = _STREAMS_OF[service]
    if replicas == 1:
        return streams
    return tuple(msgspec.structs.replace(stream, replicas=replicas) for stream in streams)


def consumers_for(service: str, *, partitions: int, lanes: int) -> tuple[Consumer, ...]:
    """Return the durable consumers that a service makes; a worker's are `work_consumer`.

    They are those that it reads, and all that anybody reads of the results: whoever makes that
    stream makes its readers with it, since an interest stream keeps nothing for those to come.
    """
    match service:
        case "workflow":
            owned = (workflow_partition_consumers(p) for p in range(partitions))
            shared = (
                *(workflow_starts(), workflow_control(), workflow_definitions()),
                *(workflow_schedules(), workflow_reuse()),
            )
            own = (consumer for each in owned for consumer in each)
            return (*shared, *own, *_results_of_execution(lanes, partitions))
        case "decision":
            return (decision(),)
        case "execution":
            return (
                *(execution_dispatch(lane) for lane in range(lanes)),
                *_results_of_execution(lanes, partitions),
                *(workflow_partition_consumers(p).results for p in range(partitions)),
            )
        case "monitoring":
            return (monitoring_log(),)
        case _:
            return ()


def workflow_starts() -> Consumer:
    """Starts, taken by any instance of the workflow service."""
    return _frames(
        subjects.STREAM_STARTS, "workflow-starts", max_ack_pending=MAX_UNACKNOWLEDGED_STARTS
    )


def workflow_control() -> Consumer:
    """Controls, taken by any instance of the workflow service."""
    return _frames(
        subjects.STREAM_CONTROL, "workflow-control", max_ack_pending=MAX_UNACKNOWLEDGED_STARTS
    )


def workflow_definitions() -> Consumer:
    """Definitions, taken by any instance of the workflow service."""
    return _frames(
        subjects.STREAM_DEFINITIONS, "workflow-definitions", ack_wait_s=DEFINITION_ACK_WAIT_S
    )


def workflow_schedules() -> Consumer:
    """Requests for schedules, taken by any instance of the workflow service."""
    return _frames(
        subjects.STREAM_SCHEDULES, "workflow-schedules", ack_wait_s=DEFINITION_ACK_WAIT_S
    )


def workflow_reuse() -> Consumer:
    """Requests to purge kept outputs, taken by any instance of the workflow service."""
    return _frames(subjects.STREAM_REUSE, "workflow-reuse", ack_wait_s=DEFINITION_ACK_WAIT_S)


def workflow_partition_consumers(partition: int) -> PartitionConsumers:
    """What is read by the owner of a partition, and by nobody else."""
    return PartitionConsumers(
        inbox=_frames(
            subjects.STREAM_INBOX, f"workflow-inbox-{partition}", subjects.inbox(partition)
        ),
        decided=_frames(
            subjects.STREAM_DECIDED, f"workflow-decided-{partition}", subjects.decided(partition)
        ),
        results=_frames(
            subjects.STREAM_RESULTS,
            f"workflow-results-{partition}",
            subjects.results(partition),
            # Results come from each worker singly.
            max_ack_pending=MAX_UNACKNOWLEDGED_STARTS,
        ),
    )


def decision() -> Consumer:
    """Asks, taken by any instance of the decision service."""
    return _frames(subjects.STREAM_DECIDE, "decision")


def execution_dispatch(lane: int) -> Consumer:
    """Attempts of a lane, for one instance at a time: admission has one head."""
    return _frames(
        subjects.STREAM_DISPATCH,
        f"execution-dispatch-{lane}",
        subjects.dispatch(lane),
        priority_group=PINNED_GROUP,
    )


CHARGED_LANE = 0
"""Attempts that ask for named resources all go to this lane, whatever their partition: one owner
counts them."""


def lane_of(partition: int, lanes: int) -> int:
    """Return the lane that a partition's attempts go to."""
    return partition % lanes


def execution_results(lane: int, lanes: int, partitions: int) -> Consumer:
    """Results of a lane's attempts: of the partitions whose attempts go to that lane."""
    if not 0 <= lane < lanes <= partitions:
        # A lane without a partition would have no filter: that reads everything.
        raise AssertionError(f"lane {lane} of {lanes} with {partitions} partitions")
    return _frames(
        subjects.STREAM_RESULTS,
        f"execution-results-{lane}",
        *(subjects.results(p) for p in range(partitions) if lane_of(p, lanes) == lane),
        max_ack_pending=MAX_UNACKNOWLEDGED_STARTS,
    )


def _results_of_execution(lanes: int, partitions: int) -> tuple[Consumer, ...]:
    return tuple(execution_results(lane, lanes, partitions) for lane in range(lanes))


def work_consumer(namespace: str, queue: str) -> Consumer:
    """The one consumer that all workers of a queue share; made by whoever comes first."""
    return Consumer(
        stream=subjects.STREAM_WORK,
        name=subjects.work_consumer(namespace, queue),
        filter_subjects=(subjects.work(namespace, queue),),
        ack_wait_s=WORK_ACK_WAIT_S,
        max_deliver=-1,
    )


def monitoring_log() -> Consumer:
    """Committed events, for the monitoring service."""
    return Consumer(
        stream=subjects.STREAM_LOG,
        name="monitoring",
        ack_wait_s=MONITORING_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_FRAMES,
    )


def _frames(
    stream: str,
    name: str,
    *filter_subjects: str,
    ack_wait_s: float = FRAME_ACK_WAIT_S,
    max_ack_pending: int = MAX_UNACKNOWLEDGED_FRAMES,
    priority_group: str | None = None,
) -> Consumer:
    return Consumer(
        stream=stream,
        name=name,
        memory_storage=True,
        filter_subjects=filter_subjects,
        ack_wait_s=ack_wait_s,
        max_ack_pending=max_ack_pending,
        priority_group=priority_group,
    )
