"""Every span, attribute, metric and log key, declared before it is used.

A key is used under its constant, never typed by hand: so there is one spelling of each, and this
file is the list of what can be searched for. `tests/unit/telemetry` checks the spelling.
"""

# --- spans ------------------------------------------------------------------------------------
# Of low cardinality: the name of a workflow or step is an attribute as well.

SPAN_RUN = "run"  # + " <workflow>"
SPAN_STEP = "step"  # + " <step>"
SPAN_DECIDE = "decide"
SPAN_DISPATCH = "dispatch"
SPAN_ATTEMPT = "attempt"

# --- span attributes and resource attributes ---------------------------------------------------

ATTR_RUN_ID = "stretto.run_id"
ATTR_NAMESPACE = "stretto.namespace"
ATTR_WORKFLOW = "stretto.workflow"
ATTR_VERSION = "stretto.version"
ATTR_STATUS = "stretto.status"
ATTR_STEP = "stretto.step"
ATTR_KIND = "stretto.kind"
ATTR_ATTEMPT = "stretto.attempt"
ATTR_TASK = "stretto.task"
ATTR_QUEUE = "stretto.queue"
ATTR_DEVICE = "stretto.device"
ATTR_WORKER = "stretto.worker"
ATTR_LANE = "stretto.lane"
ATTR_PARTITION = "stretto.partition"
ATTR_SKIPPED = "stretto.skipped"
ATTR_BRANCH = "stretto.branch"
ATTR_ITEMS = "stretto.items"
ATTR_QUEUED_MS = "stretto.queued_ms"

ATTR_ERROR_TYPE = "error.type"
ATTR_EXCEPTION_TYPE = "exception.type"
ATTR_EXCEPTION_MESSAGE = "exception.message"
ATTR_EXCEPTION_STACKTRACE = "exception.stacktrace"
EVENT_EXCEPTION = "exception"

RESOURCE_SERVICE = "service.name"
RESOURCE_INSTANCE = "service.instance.id"
RESOURCE_VERSION = "service.version"
SERVICE_PREFIX = "stretto-"
"""`service.name` of a service is `stretto-<service>`, of a worker what it calls itself."""

# --- log keys ----------------------------------------------------------------------------------

LOG_SERVICE = "service"
LOG_INSTANCE = "instance"
LOG_VERSION = "version"
LOG_NAMESPACE = "namespace"
LOG_WORKFLOW = "workflow"
LOG_RUN_ID = "run_id"
LOG_STEP = "step"
LOG_ATTEMPT = "attempt"
LOG_TASK = "task"
LOG_QUEUE = "queue"
LOG_DEVICE = "device"
LOG_WORKER = "worker"
LOG_PARTITION = "partition"
LOG_PARTITIONS = "partitions"
LOG_LANE = "lane"
LOG_STREAM = "stream"
LOG_CONSUMER = "consumer"
LOG_SUBJECT = "subject"
LOG_SEQUENCE = "sequence"
LOG_SERVER = "server"
LOG_PORT = "port"
LOG_ADDRESS = "address"
LOG_SIGNAL = "signal"
LOG_WAITS_FOR = "waits_for"
LOG_TRIES = "tries"
LOG_AFTER_S = "after_s"
LOG_TOOK_MS = "took_ms"
LOG_COUNT = "count"
LOG_BYTES = "bytes"
LOG_CODE = "code"
LOG_REASON = "reason"
LOG_DETAIL = "detail"
LOG_ERROR = "error"
LOG_LIMIT = "limit"
LOG_EXIT_CODE = "exit_code"

# --- metrics -----------------------------------------------------------------------------------
# Seconds and bytes are in the name; `_total` is a counter. Label names follow.

LABEL_KIND = "kind"
LABEL_OUTCOME = "outcome"
LABEL_STREAM = "stream"

METRIC_LOOP_LAG = "stretto_loop_lag_seconds"
METRIC_UPTIME = "stretto_uptime_seconds"
METRIC_CPU = "stretto_cpu_seconds_total"
METRIC_MEMORY = "stretto_resident_memory_bytes"
METRIC_SPANS = "stretto_spans_recorded_total"

METRIC_DECISION_RECORDS = "stretto_decision_records_total"
METRIC_DECISION_FRAMES = "stretto_decision_frames_total"
METRIC_DECISION_ERRORS = "stretto_decision_errors_total"
METRIC_DECISION_DEAD_LETTERS = "stretto_decision_dead_letters_total"
METRIC_DECISION_RECORD_TIME = "stretto_decision_record_seconds"
METRIC_DECISION_FRAME_TIME = "stretto_decision_frame_seconds"
METRIC_DECISION_FRAME_RECORDS = "stretto_decision_frame_records"
METRIC_DECISION_WAIT = "stretto_decision_wait_seconds"
METRIC_DECISION_PLAN_HITS = "stretto_decision_plan_cache_hits_total"
METRIC_DECISION_PLAN_MISSES = "stretto_decision_plan_cache_misses_total"
METRIC_DECISION_PLANS = "stretto_decision_plan_cache_size"
