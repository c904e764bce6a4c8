"""From messages to commands: starts, controls, results, decisions, forwarded frames.

What cannot be understood goes to the dead letters and is acknowledged; it never blocks a partition.
"""

import logging
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from services.workflow.answers import may_answer
from services.workflow.core.commands import Accepted, Bound, Control, Decided, Result
from services.workflow.fields import read_control_request, read_start_request
from services.workflow.inbox import Addressed, Arrival, Item
from services.workflow.lines import granted_by
from stretto.bus.message import Message
from stretto.contracts import subjects, versions
from stretto.contracts.codec import (
    decode_results,
    json_encode,
    unpack_decided,
    unpack_inbox,
)
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Failure, FailureType
from stretto.contracts.frames import (
    ControlRecord,
    DecidedRecord,
    ForkRecord,
    InboxFrame,
    StartRecord,
)
from stretto.contracts.ids import RUN_ID_BYTES, parse_attempt_id, parse_run_id, uuid7
from stretto.contracts.payload import (
    MAX_DETAILS_BYTES,
    MAX_PAYLOAD_BYTES,
    NULL,
    payload_problem,
    read_deep,
)
from stretto.contracts.public import ForkRequest, StartRequest, TaskResult

logger = logging.getLogger(__name__)

MAX_ID_CHARS = 256
MAX_DEPTH_TOLD = 1_000
"""Far above what is carried out: how deep runs may start runs has a limit of its own."""

MAX_REQUEST_BYTES = 2 * MAX_PAYLOAD_BYTES
"""A start or control: its payload and as much beside it. It must fit into a frame."""

MAX_LABELS = 32
MAX_LABEL_CHARS = 256
MAX_NAME_CHARS = 256
"""Names of signals, steps, people, workers and failure types: they are shown in lists."""

MAX_TYPE_CHARS = 200
MAX_STEP_CHARS = 2_000
"""A path: names of at most 100 characters, nested a few deep, with indices."""

MAX_PROBLEMS = 5
"""Bad ids of one message that the dead letter names."""

MAX_INSTANT_CHARS = 40
MAX_SEQ = 2**31 - 1
"""Of an event: what the log can hold."""

_NULL = bytes(NULL)


class Child(NamedTuple):
    """A run that was to be started for an attempt, if what the start says is true."""

    run_id: bytes
    parent: str
    """The id of the attempt."""


class Unreadable(ValueError):
    """A message that cannot be understood; the text says why.

    `items`: the parts that can, where there are several. `child`: the run that this was to start,
    where an attempt waits for it.
    """

    def __init__(self, why: str, *, items: Sequence[Item] = (), child: Child | None = None) -> None:
        super().__init__(why)
        self.items = items
        self.child = child


Reader = Callable[[Message], list[Item]]

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


def read_start(message: Message) -> list[Item]:
    """A start as it came from the outside; the run id is settled here."""
    _check_size(message)
    where = subjects.parse_start(message.subject)
    request = read_start_request(message.data or b"{}")
    child = _child(request)
    if versions.MARK in where.workflow or request.version_label is not None:
        where, request = _versioned(where, request, child)
    if not (subjects.is_name(where.namespace) and subjects.is_name(where.workflow)):
        raise Unreadable(f"expected names {subjects.NAME_PATTERN}, but got {message.subject!r}")
    try:
        return [_start(message, where, request)]
    except _UNREADABLE as error:
        raise Unreadable(str(error), child=child) from error


def _child(request: StartRequest) -> Child | None:
    """Read whom a start names as its parent, before anything else is said about the start."""
    if request.parent is None:
        return None
    parse_attempt_id(request.parent)
    return None if request.run_id is None else Child(parse_run_id(request.run_id), request.parent)


def _versioned(
    where: subjects.StartSubject, request: StartRequest, child: Child | None
) -> tuple[subjects.StartSubject, StartRequest]:
    """Settle which version is meant: by the subject (`order@stable`), or by the request."""
    try:
        name, number, label = versions.parse_ref(where.workflow)
        if request.version_label is not None:
            if request.version is not None or number is not None or label is not None:
                raise ValueError("expected one version, but got several")
            number, label = versions.parse_version(request.version_label)
    except ValueError as error:
        raise Unreadable(str(error), child=child) from error
    if number is not None and request.version not in (None, number):
        raise Unreadable("expected one version, but got several", child=child)
    if label is not None and request.version is not None:
        raise Unreadable("expected one version, but got several", child=child)
    version = request.version if number is None else number
    settled = msgspec.structs.replace(request, version=version, version_label=label)
    return where._replace(workflow=name), settled


def _start(message: Message, where: subjects.StartSubject, request: StartRequest) -> StartRecord:
    value = bytes(request.input)
    fork = _fork(request.fork)
    if value == _NULL:
        value = b"{}" if fork is None else b""
    problem = payload_problem(value)
    if problem is not None:
        raise Unreadable(f"input: {problem}")
    _check_version(request.version)
    if not 0 <= request.depth <= MAX_DEPTH_TOLD:
        raise Unreadable(f"depth: expected 0 to {MAX_DEPTH_TOLD}, but got {_digits(request.depth)}")
    if request.id is not None and not 0 < len(request.id) <= MAX_ID_CHARS:
        raise Unreadable(f"id: expected 1 to {MAX_ID_CHARS} characters, but got {len(request.id)}")
    check_labels(request.labels)
    headers = message.headers
    return StartRecord(
        run_id=parse_run_id(request.run_id) if request.run_id else _new_run_id(message),
        namespace=where.namespace,
        workflow=where.workflow,
        version=request.version,
        id=request.id,
        input=value,
        labels=request.labels,
        received_us=message.timestamp_ns // 1_000,
        reply=may_answer(headers.get(subjects.HEADER_REPLY)),
        traceparent=headers.get(subjects.HEADER_TRACEPARENT),
        parent=request.parent,
        depth=request.depth,
        version_label=request.version_label,
        fork=fork,
    )


def _fork(request: ForkRequest | None) -> ForkRecord | None:
    if request is None:
        return None
    run_id = parse_run_id(request.run_id)
    if request.at_seq is not None and not 0 < request.at_seq <= MAX_SEQ:
        told = _digits(request.at_seq)
        raise Unreadable(f"fork: expected `at_seq` from 1 on, to {MAX_SEQ}, but got {told}")
    for field, limit in _FORK_LIMITS:
        _check_length(f"fork.{field}", getattr(request, field), limit)
    return ForkRecord(run_id, request.at_seq or 0, request.step, request.by, request.reason)


def _check_version(version: int | None) -> None:
    if version is not None and not 0 < version <= versions.MAX_VERSION:
        told = _digits(version)
        raise Unreadable(f"version: expected 1 to {versions.MAX_VERSION}, but got {told}")


def _check_length(what: str, text: str | None, limit: int) -> None:
    if text is not None and len(text) > limit:
        raise Unreadable(f"{what}: expected at most {limit} characters, but got {len(text)}")


def _digits(number: int) -> str:
    """A number as text, cut: JSON allows any length."""
    return str(number)[:24]


def _check_size(message: Message) -> None:
    size = len(message.data)
    if size > MAX_REQUEST_BYTES:
        raise Unreadable(
            f"expected a message of at most {MAX_REQUEST_BYTES} bytes, of which the payload is at "
            f"most {MAX_PAYLOAD_BYTES}, but got {size}"
        )


def check_labels(labels: dict[str, str]) -> None:
    """Raise ValueError where there are too many labels, or too long ones."""
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
    _check_size(message)
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
        _check_length(field, getattr(request, field), limit)
    _check_version(request.version)
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
_FORK_LIMITS = (("step", MAX_STEP_CHARS), ("by", MAX_NAME_CHARS), ("reason", MAX_MESSAGE_CHARS))


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
    """What was decided, or that it is more than the log and a message may hold."""
    size = sum(map(len, record.items or ()))
    if size <= MAX_PAYLOAD_BYTES:
        return record  # an output that is larger is kept as a payload of its own
    text = f"expected a value of at most {MAX_PAYLOAD_BYTES} bytes, but it takes {size}"
    failure = Failure(type=FailureType.TOO_LARGE, message=text, retryable=False)
    return DecidedRecord(record.run_id, record.path, record.turn, error=failure)


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
    except _UNREADABLE as error:
        return Unreadable(str(error))
