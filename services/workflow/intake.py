"""From messages to commands: controls, results, decisions, forwarded frames.

What cannot be understood goes to the dead letters and is acknowledged; it never blocks a partition.
"""

import logging
from collections.abc import Callable, Iterable

import msgspec

from services.workflow.answers import may_answer
from services.workflow.core.commands import Accepted, Bound, Control, Decided, Result
from services.workflow.fields import read_control_request
from services.workflow.inbox import Addressed, Arrival, Item
from services.workflow.lines import granted_by
from services.workflow.readable import (
    MAX_NAME_CHARS,
    MAX_STEP_CHARS,
    NOT_READ,
    Unreadable,
    check_length,
    check_size,
    check_version,
)
from stretto.bus.message import Message
from stretto.contracts import subjects
from stretto.contracts.codec import decode_results, json_encode, unpack_decided, unpack_inbox
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.contracts.frames import ControlRecord, DecidedRecord, InboxFrame, StartRecord
from stretto.contracts.ids import RUN_ID_BYTES, parse_attempt_id, parse_run_id
from stretto.contracts.payload import (
    MAX_DETAILS_BYTES,
    MAX_PAYLOAD_BYTES,
    NULL,
    payload_problem,
    read_deep,
    with_fractions,
)
from stretto.contracts.public import TaskResult

logger = logging.getLogger(__name__)

MAX_TYPE_CHARS = 200
MAX_PROBLEMS = 5
"""Bad ids of one message that the dead letter names."""

MAX_INSTANT_CHARS = 40

Reader = Callable[[Message], list[Item]]


def read_control(message: Message) -> list[Item]:
    """A control as it came from the outside."""
    check_size(message)
    namespace, run_text = subjects.parse_control(message.subject)
    run_id = parse_run_id(run_text)
    reply = may_answer(message.headers.get(subjects.HEADER_REPLY))
    return [_control(run_id, namespace, message.data, reply)]


def _control(run_id: bytes, namespace: str, data: bytes, reply: str | None) -> Addressed:
    request = read_control_request(data)
    problem = payload_problem(bytes(request.payload))
    if problem is not None:
        raise Unreadable(f"payload: {problem}")
    for field, limit in _CONTROL_LIMITS:
        check_length(field, getattr(request, field), limit)
    check_version(request.version)
    payload = msgspec.Raw(with_fractions(bytes(request.payload)))
    request = msgspec.structs.replace(request, payload=payload)
    return Addressed(run_id, Control(request=request), namespace, reply)


_CONTROL_LIMITS = (
    ("command", MAX_NAME_CHARS),
    ("reason", MAX_MESSAGE_CHARS),
    ("by", MAX_NAME_CHARS),
    ("step", MAX_STEP_CHARS),
    ("name", MAX_NAME_CHARS),
    ("to", MAX_STEP_CHARS),
    ("version_label", MAX_NAME_CHARS),
)


def read_results(message: Message) -> list[Item]:
    """What workers sent to the `reply` of their tasks. A part that names no attempt does not spoil
    the others."""
    answer = read_deep(decode_results, message.data)
    items: list[Item] = []
    problems: list[str] = []
    accepted = answer.accepted or []
    for text in [accepted] if isinstance(accepted, str) else accepted:
        try:
            attempt = parse_attempt_id(text)
        except ValueError as error:
            problems.append(str(error))
            continue
        worker = _cut(answer.worker, MAX_NAME_CHARS)
        command = Accepted(path=attempt.path, attempt=attempt.attempt, worker=worker)
        items.append(Addressed(attempt.run_id, command, subject=message.subject))
    for bound in answer.bound:
        try:
            attempt = parse_attempt_id(bound.id)
        except ValueError as error:
            problems.append(str(error))
            continue
        going = Bound(
            path=attempt.path,
            attempt=attempt.attempt,
            device=bound.device[:MAX_NAME_CHARS],
            reason=bound.reason[:MAX_MESSAGE_CHARS],
            ranked=json_encode(bound.ranked),
            queue=_cut(bound.queue, MAX_NAME_CHARS),
        )
        items.append(Addressed(attempt.run_id, going, subject=message.subject))
    for result in answer.results:
        try:
            attempt = parse_attempt_id(result.id)
        except ValueError as error:
            problems.append(str(error))
            continue
        outcome = _outcome(result, attempt.path, attempt.attempt)
        items.append(Addressed(attempt.run_id, outcome, subject=message.subject))
    if problems:
        raise Unreadable("; ".join(problems[:MAX_PROBLEMS]), items=items)
    return items


def _outcome(result: TaskResult, path: str, attempt: int) -> Result:
    failure = None
    output = b"null"
    if result.status == "failed":
        failure = _failure(result.failure)
    else:
        output = bytes(result.output)
        problem = payload_problem(output)
        if problem is not None:
            failure = Failure(type=FailureType.TOO_LARGE, message=problem, retryable=False)
            output = b"null"
        output = with_fractions(output)
    return Result(
        path=path,
        attempt=attempt,
        output=output,
        failure=failure,
        worker=_cut(result.worker, MAX_NAME_CHARS),
        started_at=_cut(result.started_at, MAX_INSTANT_CHARS),
        finished_at=_cut(result.finished_at, MAX_INSTANT_CHARS),
        details=_details(result) if failure is not None else NULL,
    )


def _details(result: TaskResult) -> msgspec.Raw:
    """What a failed attempt says to go on from; nothing where it is more than may be kept."""
    details = result.details
    if details is NULL or payload_problem(bytes(details), MAX_DETAILS_BYTES) is not None:
        return NULL
    return details


def _failure(told: Failure | None) -> Failure:
    """The failure of a worker, within limits: it is stored, shown, and matched by its type."""
    if told is None:
        return Failure(type="Error", message="the worker gave no reason")
    details = told.details
    if payload_problem(bytes(details)) is not None:
        details = NULL
    return Failure(
        type=told.type[:MAX_TYPE_CHARS],
        message=told.message[:MAX_MESSAGE_CHARS],
        retryable=told.retryable,
        step=_cut(told.step, MAX_STEP_CHARS),
        details=details,
    )


def _cut(text: str | None, limit: int) -> str | None:
    return None if text is None else text[:limit]


def read_decided(message: Message) -> list[Item]:
    """A frame of answers of the decision service."""
    records = unpack_decided(message.data).records
    for record in records:
        _check_run_id(record.run_id)
    return [
        Addressed(record.run_id, Decided(record=_bounded(record)), subject=message.subject)
        for record in records
    ]


def _bounded(record: DecidedRecord) -> DecidedRecord:
    """What was decided, as the log gives it back, or that it is more than the log and a message
    may hold."""
    output, items = record.output or b"", record.items or []
    plain = with_fractions(output)
    plain_items = [with_fractions(item) for item in items]
    size = max(sum(map(len, plain_items)), len(plain) - len(output))
    if size > MAX_PAYLOAD_BYTES:
        text = f"expected a value of at most {MAX_PAYLOAD_BYTES} bytes, but it takes {size}"
        failure = Failure(type=FailureType.TOO_LARGE, message=text, retryable=False)
        return DecidedRecord(record.run_id, record.path, record.turn, error=failure)
    if plain != output:
        record = msgspec.structs.replace(record, output=plain)
    if plain_items != items:
        record = msgspec.structs.replace(record, items=plain_items)
    return record  # an output that is larger is kept as a payload of its own


def read_inbox(message: Message) -> list[Item]:
    """A frame that another instance forwarded."""
    frame = unpack_inbox(message.data)
    for start in frame.starts:
        _check_forwarded(start)
    items: list[Item] = list(frame.starts)
    for run_id in (*(c.run_id for c in frame.controls), *(g.run_id for g in frame.grants)):
        _check_run_id(run_id)
    items.extend(_control(c.run_id, c.namespace, c.request, c.reply) for c in frame.controls)
    items.extend(Addressed(g.run_id, granted_by(g)) for g in frame.grants)
    return items


def _check_forwarded(start: StartRecord) -> None:
    """Raise ValueError where a start is none that another instance could have read."""
    _check_run_id(start.run_id)
    if start.parent is not None:
        parse_attempt_id(start.parent)
    if not (subjects.is_name(start.namespace) and subjects.is_name(start.workflow)):
        raise ValueError(
            f"expected a start of a workflow, but got one of {start.workflow[:60]!r} in "
            f"{start.namespace[:60]!r}"
        )


def _check_run_id(run_id: bytes) -> None:
    if len(run_id) != RUN_ID_BYTES:
        raise ValueError(f"expected a run id of {RUN_ID_BYTES} bytes, but got {len(run_id)}")


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
    except Unreadable as error:
        return error
    except msgspec.ValidationError as error:
        return Unreadable(str(error))
    except msgspec.DecodeError as error:
        return Unreadable(f"expected JSON, but it is none: {error}")
    except NOT_READ as error:
        return Unreadable(str(error))
