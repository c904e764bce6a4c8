"""How an attempt ended, as the `TaskResult` that goes back: outputs encoded, exceptions named."""

import msgspec

from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.contracts.payload import MAX_PAYLOAD_BYTES, NULL, payload_problem
from stretto.contracts.public import TaskResult
from stretto.worker.errors import InvalidOutput, TooLarge

MAX_TYPE_CHARS = 200
"""A failure type is matched by `retry.except` and `catch`, and shown in lists."""


def encode_output(value: object, limit: int = MAX_PAYLOAD_BYTES) -> msgspec.Raw:
    """Write what a handler returned as JSON: anything that msgspec or pydantic can; at most `limit`
    bytes.

    Raises:
        InvalidOutput: it cannot be written as JSON.
        TooLarge: it is larger or deeper than payloads may be.
    """
    try:
        data = _encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidOutput(
            f"expected the handler to return what JSON can hold, but: {error}"
        ) from error
    problem = payload_problem(data, limit)
    if problem is not None:
        raise TooLarge(f"{problem} in the output")
    return msgspec.Raw(data)


def failure_of(error: BaseException) -> Failure:
    """Name an exception: its class, its message (bounded), whether trying again may help."""
    name = getattr(error, "failure_type", None) or type(error).__name__
    return Failure(
        type=str(name)[:MAX_TYPE_CHARS],
        message=bounded(_text(error)),
        retryable=getattr(error, "retryable", True) is not False,
    )


def bounded(message: str) -> str:
    """Cut a message for people at the limit that the log has for it; sound as UTF-8."""
    return message[:MAX_MESSAGE_CHARS].encode(errors="replace").decode()


def unknown_task(task: str, known: list[str]) -> Failure:
    """Say that this worker has no handler for a task: another one may."""
    return Failure(
        type=FailureType.UNKNOWN_TASK,
        message=bounded(
            f"expected a handler for {task!r}, but this worker has: {', '.join(known) or 'none'}"
        ),
    )


def completed(id_: str, output: msgspec.Raw, worker: str, started: str, now: str) -> TaskResult:
    return TaskResult(
        id=id_,
        status="completed",
        output=output,
        worker=worker,
        started_at=started,
        finished_at=now,
    )


def failed(
    id_: str,
    failure: Failure,
    worker: str,
    started: str | None,
    now: str,
    *,
    details: msgspec.Raw = NULL,
) -> TaskResult:
    return TaskResult(
        id=id_,
        status="failed",
        failure=failure,
        worker=worker,
        started_at=started,
        finished_at=now,
        details=details,
    )


def _dump_model(value: object) -> object:
    dump = getattr(value, "model_dump", None)
    if dump is None:
        raise TypeError(f"{type(value).__name__} is no type that JSON knows")
    return dump(mode="json")


def _text(error: BaseException) -> str:
    """The exception's message; one whose own `str` fails is still a failure to report."""
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - the code of a user, in the worst place
        return f"(its message could not be read: {type(broken).__name__})"


_encode = msgspec.json.Encoder(enc_hook=_dump_model).encode
