"""Failure and Reason: the two ways in which something ends badly as a value.

A `Failure` is user code that failed (or was timed out, or lost): it becomes an event and is retried
by policy. A `Reason` says why a message that was understood is refused: a rejection.
"""

import msgspec

from stretto.contracts.payload import NULL

MAX_MESSAGE_CHARS = 4_000
"""A failure message is cut here: it is stored in the log and shown in lists."""


class FailureType:
    """The failure types that the product itself gives; user code gives its own names."""

    EXPRESSION = "ExpressionError"
    QUEUE_TIMEOUT = "QueueTimeout"
    RUN_TIMEOUT = "RunTimeout"
    HEARTBEAT_TIMEOUT = "HeartbeatTimeout"
    WORKFLOW_TIMEOUT = "WorkflowTimeout"
    WORKER_LOST = "WorkerLost"
    UNKNOWN_TASK = "UnknownTask"
    INVALID_INPUT = "InvalidInput"
    INVALID_OUTPUT = "InvalidOutput"
    CANCELLED = "Cancelled"
    CONCURRENCY_FULL = "ConcurrencyFull"
    SUPERSEDED = "Superseded"
    FAILED_BY_STEP = "FailStep"
    ITEMS_FAILED = "ItemsFailed"
    ROLLOUT_ABORTED = "RolloutAborted"
    TOO_FEW_DEVICES = "TooFewDevices"
    TOO_LARGE = "TooLarge"
    LIMIT_REACHED = "LimitReached"
    REJECTED = "Rejected"
    SKIPPED = "Skipped"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an attempt, a step or a run failed.

    `type` is a name that `retry.except` and `catch` can match; `message` is for people;
    `retryable=False` means that trying again cannot help; `step` is the path where it began.
    """

    type: str
    message: str = ""
    retryable: bool = True
    step: str | None = None
    details: msgspec.Raw = NULL


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message was refused: a stable `code` (docs/errors.md) and a sentence."""

    code: str
    message: str
    details: list[dict[str, object]] | None = None
