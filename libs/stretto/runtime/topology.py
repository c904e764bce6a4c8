"""Every stream and consumer of Stretto, as data: the table of `docs/architecture.md`.

Each service makes what it uses (`topology_for`), at its start and whenever the store was deleted
under it: create or update, so that it does not matter who comes first.

1. What people or workers publish is stored in files until it is in the log; what the log can make
   again lives in memory.
   A result lives in memory too: when the server is restarted the log knows that the attempt is
   open, and it is dispatched again (docs/adr/0007). So does the state of every consumer.
2. Where work waits to be taken a full stream refuses (`discard: new`), so that whoever publishes
   slows down and nothing is lost. Where a reader may come late, or never, the oldest goes.
3. The server *reserves* `max_bytes`: all of memory below is under 1 GiB, all of disk under 3 GiB.
4. Partitions and lanes have a consumer each, whoever reads them at the moment: the one durable
   holds the place when an owner is replaced.
"""

from typing import NamedTuple

import msgspec

from stretto.bus.topology import Consumer, Stream, SubjectTransform
from stretto.contracts import subjects

MIB = 1024 * 1024
MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S

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

SHORT_WINDOW_S = 5.0
"""De-duplication where thousands of messages a second would fill two minutes of ids: enough for a
publish that is sent again because its acknowledgement was lost."""

PINNED_GROUP = "active"

STARTS = Stream(
    name=subjects.STREAM_STARTS,
    subjects=("stretto.start.*.*",),
    retention="workqueue",
    discard="new",
    max_bytes=512 * MIB,
    description="starts of runs, until the log has them",
)
CONTROL = Stream(
    name=subjects.STREAM_CONTROL,
    subjects=("stretto.control.*.*",),
    retention="workqueue",
    discard="new",
    max_bytes=128 * MIB,
    description="controls of runs, until the log has them",
)
DEFINITIONS = Stream(
    name=subjects.STREAM_DEFINITIONS,
    subjects=("stretto.definitions.*",),
    retention="workqueue",
    discard="new",
    max_bytes=32 * MIB,
    no_ack=True,
    description="definitions to register; the workflow service answers the publisher",
)
SCHEDULES = Stream(
    name=subjects.STREAM_SCHEDULES,
    subjects=("stretto.schedules.*",),
    retention="workqueue",
    discard="new",
    max_bytes=32 * MIB,
    description="requests for schedules, until they are carried out",
)
REUSE = Stream(
    name=subjects.STREAM_REUSE,
    subjects=("stretto.reuse.*",),
    retention="workqueue",
    discard="new",
    max_bytes=8 * MIB,
    description="requests to purge kept outputs, until they are carried out",
)
INBOX = Stream(
    name=subjects.STREAM_INBOX,
    subjects=("stretto.inbox.*",),
    retention="workqueue",
    discard="new",
    max_bytes=512 * MIB,
    description="starts and controls on their way to the owner of their partition",
)
DECIDE = Stream(
    name=subjects.STREAM_DECIDE,
    subjects=(subjects.decide(),),
    storage="memory",
    retention="workqueue",
    discard="new",
    max_bytes=128 * MIB,
    description="asks to the decision service",
)
DECIDED = Stream(
    name=subjects.STREAM_DECIDED,
    subjects=("stretto.decided.*",),
    storage="memory",
    retention="workqueue",
    discard="new",
    max_bytes=128 * MIB,
    description="answers of the decision service",
)
DISPATCH = Stream(
    name=subjects.STREAM_DISPATCH,
    subjects=("stretto.dispatch.*",),
    storage="memory",
    retention="workqueue",
    discard="new",
    max_bytes=128 * MIB,
    description="attempts to be admitted and bound",
)
RESULTS = Stream(
    name=subjects.STREAM_RESULTS,
    subjects=("stretto.results.*",),
    storage="memory",
    retention="interest",
    discard="new",
    max_bytes=128 * MIB,
    description="results of attempts, until the log has them and their slots are free",
)
WORK = Stream(
    name=subjects.STREAM_WORK,
    subjects=("stretto.work.*.*",),
    storage="memory",
    retention="workqueue",
    discard="new",
    max_bytes=256 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    allow_direct=True,  # execution reads what is out after a restart
    description="attempts for the workers of each queue",
)
LOG = Stream(
    name=subjects.STREAM_LOG,
    subjects=("stretto.log.*",),
    storage="memory",
    retention="interest",
    discard="old",  # monitoring notices the gap and reads the log again
    max_bytes=64 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    description="committed events for the monitoring service",
)
EVENTS = Stream(
    name=subjects.STREAM_EVENTS,
    subjects=("stretto.events.*.*.*",),
    storage="memory",
    discard="old",
    max_age_s=HOUR_S,
    max_bytes=32 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    # A subject each run would make every consumer slow: stored without the run id.
    subject_transform=SubjectTransform(
        source="stretto.events.*.*.*",
        destination="stretto.events.{{wildcard(1)}}.{{wildcard(2)}}",
    ),
    description="events of runs, for anybody who comes a little late; the log has them all",
)
CLOSED = Stream(
    name=subjects.STREAM_CLOSED,
    subjects=("stretto.closed.*.*.*",),
    discard="old",
    max_age_s=7 * DAY_S,
    max_bytes=256 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    persist="async",
    description="runs that ended, for anybody; kept for a week",
)
EMITTED = Stream(
    name=subjects.STREAM_EMITTED,
    subjects=("stretto.emitted.*.*",),
    discard="old",
    max_age_s=7 * DAY_S,
    max_bytes=64 * MIB,
    persist="async",
    description="what steps of kind emit say; kept for a week",
)
REJECTED = Stream(
    name=subjects.STREAM_REJECTED,
    subjects=("stretto.rejected.*",),
    discard="old",
    max_age_s=7 * DAY_S,
    max_bytes=64 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    persist="async",
    description="what was understood and refused; kept for a week",
)
DLQ = Stream(
    name=subjects.STREAM_DLQ,
    subjects=("stretto.dlq.*",),
    discard="old",
    max_age_s=30 * DAY_S,
    max_bytes=64 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    persist="async",
    description="what could not be understood; kept for thirty days",
)
ALERTS = Stream(
    name=subjects.STREAM_ALERTS,
    subjects=("stretto.alert.*.*",),
    discard="old",
    max_age_s=30 * DAY_S,
    max_bytes=32 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    persist="async",
    description="what a person should look at; kept for thirty days",
)
PAYLOADS = Stream(
    name=subjects.STREAM_PAYLOADS,
    subjects=(f"$O.{subjects.PAYLOAD_BUCKET}.C.>", f"$O.{subjects.PAYLOAD_BUCKET}.M.>"),
    # What the log has is put there again where it is missing; what a start refers to that nobody
    # has taken yet is only here: as safe as the start, for days.
    discard="old",
    max_age_s=3 * DAY_S,
    max_bytes=1024 * MIB,
    duplicate_window_s=SHORT_WINDOW_S,
    allow_direct=True,
    allow_rollup=True,
    description="payloads too large for a message; the log has them all",
)

ALL_STREAMS = (
    *(STARTS, CONTROL, DEFINITIONS, INBOX, DECIDE, DECIDED, DISPATCH, RESULTS, WORK, LOG),
    *(SCHEDULES, REUSE, EVENTS, CLOSED, EMITTED, REJECTED, DLQ, ALERTS, PAYLOADS),
)

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
    return Consumer(
        stream=subjects.STREAM_STARTS,
        name="workflow-starts",
        memory_storage=True,
        ack_wait_s=FRAME_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_STARTS,
    )


def workflow_control() -> Consumer:
    """Controls, taken by any instance of the workflow service."""
    return Consumer(
        stream=subjects.STREAM_CONTROL,
        name="workflow-control",
        memory_storage=True,
        ack_wait_s=FRAME_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_STARTS,
    )


def workflow_definitions() -> Consumer:
    """Definitions, taken by any instance of the workflow service."""
    return Consumer(
        stream=subjects.STREAM_DEFINITIONS,
        name="workflow-definitions",
        memory_storage=True,
        ack_wait_s=DEFINITION_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_FRAMES,
    )


def workflow_schedules() -> Consumer:
    """Requests for schedules, taken by any instance of the workflow service."""
    return Consumer(
        stream=subjects.STREAM_SCHEDULES,
        name="workflow-schedules",
        memory_storage=True,
        ack_wait_s=DEFINITION_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_FRAMES,
    )


def workflow_reuse() -> Consumer:
    """Requests to purge kept outputs, taken by any instance of the workflow service."""
    return Consumer(
        stream=subjects.STREAM_REUSE,
        name="workflow-reuse",
        memory_storage=True,
        ack_wait_s=DEFINITION_ACK_WAIT_S,
        max_ack_pending=MAX_UNACKNOWLEDGED_FRAMES,
    )


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
    max_ack_pending: int = MAX_UNACKNOWLEDGED_FRAMES,
    priority_group: str | None = None,
) -> Consumer:
    return Consumer(
        stream=stream,
        name=name,
        memory_storage=True,
        filter_subjects=filter_subjects,
        ack_wait_s=FRAME_ACK_WAIT_S,
        max_ack_pending=max_ack_pending,
        priority_group=priority_group,
    )
