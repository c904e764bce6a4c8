"""Every stream of Stretto, as data: the table of `docs/architecture.md`.

1. What people or workers publish is stored in files until it is in the log; what the log can make
   again lives in memory.
   A result lives in memory too: when the server is restarted the log knows that the attempt is
   open, and it is dispatched again (docs/adr/0007). So does the state of every consumer.
2. Where work waits to be taken a full stream refuses (`discard: new`), so that whoever publishes
   slows down and nothing is lost. Where a reader may come late, or never, the oldest goes.
3. The server *reserves* `max_bytes`: all of memory below is under 1 GiB, all of disk under 3 GiB.
"""

from stretto.bus.topology import Stream, SubjectTransform
from stretto.contracts import subjects

MIB = 1024 * 1024
MINUTE_S = 60.0
HOUR_S = 60 * MINUTE_S
DAY_S = 24 * HOUR_S

SHORT_WINDOW_S = 5.0
"""De-duplication where thousands of messages a second would fill two minutes of ids: enough for a
publish that is sent again because its acknowledgement was lost."""

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
    max_bytes=16 * MIB,
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
