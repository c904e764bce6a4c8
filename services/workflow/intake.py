"""From messages to commands: starts, controls, results, decisions, forwarded frames.

What cannot be understood goes to the dead letters and is acknowledged; it never blocks a partition.
"""

import logging
import zlib
from collections.abc import Callable, Iterable

import msgspec

from services.workflow.core.commands import Accepted, Control, Decided, Result
from services.workflow.inbox import Addressed, Arrival, Item
from stretto.bus.message import Message
from stretto.contracts import subjects
from stretto.contracts.codec import (
    decode_control,
    decode_results,
    decode_start,
    unpack_decided,
    unpack_inbox,
)
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import ControlRecord, InboxFrame, StartRecord
from stretto.contracts.ids import parse_attempt_id, parse_run_id, uuid7
from stretto.contracts.payload import NULL, payload_problem
from stretto.contracts.public import TaskResult

logger = logging.getLogger(__name__)

MAX_ID_CHARS = 256
MAX_LABELS = 32
MAX_LABEL_CHARS = 256

_NULL = bytes(NULL)


class Unreadable(ValueError):
    """A message that cannot be understood; the text says why."""


Reader = Callable[[Message], list[Item]]


def read_start(message: Message) -> list[Item]:
    """A start as it came from the outside; the run id is settled here."""
    where = subjects.parse_start(message.subject)
    if not (subjects.is_name(where.namespace) and subjects.is_name(where.workflow)):
        raise Unreadable(f"expected names {subjects.NAME_PATTERN}, but got {message.subject!r}")
    request = decode_start(message.data or b"{}")
    value = bytes(request.input)
    value = b"{}" if value == _NULL else value
    problem = payload_problem(value)
    if problem is not None:
        raise Unreadable(f"input: {problem}")
    if request.id is not None and not 0 < len(request.id) <= MAX_ID_CHARS:
        raise Unreadable(f"id: expected 1 to {MAX_ID_CHARS} characters, but got {len(request.id)}")
    _check_labels(request.labels)
    if request.parent is not None:
        parse_attempt_id(request.parent)
    headers = message.headers
    record = StartRecord(
        run_id=parse_run_id(request.run_id) if request.run_id else _new_run_id(message),
        namespace=where.namespace,
        workflow=where.workflow,
        version=request.version,
        id=request.id,
        input=value,
        labels=request.labels,
        received_us=message.timestamp_ns // 1_000,
        reply=headers.get(subjects.HEADER_REPLY),
        traceparent=headers.get(subjects.HEADER_TRACEPARENT),
        parent=request.parent,
        depth=request.depth,
    )
    return [record]


def _check_labels(labels: dict[str, str]) -> None:
    if len(labels) > MAX_LABELS:
        raise Unreadable(f"labels: expected at most {MAX_LABELS}, but got {len(labels)}")
    for key, value in labels.items():
        if not 0 < len(key) <= MAX_LABEL_CHARS or len(value) > MAX_LABEL_CHARS:
            raise Unreadable(
                f"labels: expected at most {MAX_LABEL_CHARS} characters, but {key[:40]!r} has more"
            )


def _new_run_id(message: Message) -> bytes:
    """The same message makes the same run, however often it is delivered."""
    seed = b"%d:%d:%d" % (
        message.stream_seq,
        message.timestamp_ns,
        zlib.crc32(message.data),
    )
    return uuid7(message.timestamp_ns // 1_000_000, seed)


def read_control(message: Message) -> list[Item]:
    """A control as it came from the outside."""
    namespace, run_text = subjects.parse_control(message.subject)
    run_id = parse_run_id(run_text)
    return [_control(run_id, namespace, message.data, message.headers.get(subjects.HEADER_REPLY))]


def _control(run_id: bytes, namespace: str, data: bytes, reply: str | None) -> Addressed:
    request = decode_control(data)
    problem = payload_problem(bytes(request.payload))
    if problem is not None:
        raise Unreadable(f"payload: {problem}")
    return Addressed(run_id, Control(request=request), namespace, reply)


def read_results(message: Message) -> list[Item]:
    """What workers sent to the `reply` of their tasks."""
    answer = decode_results(message.data)
    items: list[Item] = []
    accepted = answer.accepted
    if accepted is not None:
        for text in [accepted] if isinstance(accepted, str) else accepted:
            attempt = parse_attempt_id(text)
            command = Accepted(path=attempt.path, attempt=attempt.attempt, worker=answer.worker)
            items.append(Addressed(attempt.run_id, command, subject=message.subject))
    for result in answer.results:
        attempt = parse_attempt_id(result.id)
        outcome = _outcome(result, attempt.path, attempt.attempt)
        items.append(Addressed(attempt.run_id, outcome, subject=message.subject))
    return items


def _outcome(result: TaskResult, path: str, attempt: int) -> Result:
    failure = result.failure
    output = b"null"
    if result.status == "failed":
        failure = failure or Failure(type="Error", message="the worker gave no reason")
    else:
        failure = None
        output = bytes(result.output)
        problem = payload_problem(output)
        if problem is not None:
            failure = Failure(type=FailureType.TOO_LARGE, message=problem, retryable=False)
    return Result(
        path=path,
        attempt=attempt,
        output=output,
        failure=failure,
        worker=result.worker,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )


def read_decided(message: Message) -> list[Item]:
    """A frame of answers of the decision service."""
    return [
        Addressed(record.run_id, Decided(record=record), subject=message.subject)
        for record in unpack_decided(message.data).records
    ]


def read_inbox(message: Message) -> list[Item]:
    """A frame that another instance forwarded."""
    frame = unpack_inbox(message.data)
    items: list[Item] = list(frame.starts)
    items.extend(_control(c.run_id, c.namespace, c.request, c.reply) for c in frame.controls)
    return items


def forwarded(items: Iterable[tuple[Item, bytes]]) -> InboxFrame:
    """The frame that takes items to the owner of their partition; `bytes` is a control's
    request."""
    starts: list[StartRecord] = []
    controls: list[ControlRecord] = []
    for item, data in items:
        if isinstance(item, StartRecord):
            starts.append(item)
        else:
            controls.append(ControlRecord(item.run_id, item.namespace, data, 0, item.reply))
    return InboxFrame(starts, controls)


def arrival(message: Message, reader: Reader) -> Arrival | Unreadable:
    """Read one message; what cannot be understood comes back as the reason."""
    try:
        return Arrival(items=reader(message), message=message)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        return Unreadable(str(error))
