"""Messages that start runs → commands: their limits, and the ids of the runs."""

import zlib

import msgspec

from services.workflow.answers import may_answer
from services.workflow.fields import read_start_request
from services.workflow.inbox import Item
from services.workflow.readable import (
    MAX_NAME_CHARS,
    MAX_SEQ,
    MAX_STEP_CHARS,
    NOT_READ,
    Child,
    Unreadable,
    check_length,
    check_size,
    check_version,
    digits,
)
from stretto.bus.message import Message
from stretto.contracts import subjects, versions
from stretto.contracts.failures import MAX_MESSAGE_CHARS
from stretto.contracts.frames import ForkRecord, StartRecord
from stretto.contracts.ids import parse_attempt_id, parse_run_id, uuid7
from stretto.contracts.payload import NULL, payload_problem, with_fractions
from stretto.contracts.public import ForkRequest, StartRequest

MAX_ID_CHARS = 256
MAX_DEPTH_TOLD = 1_000
"""Far above what is carried out: how deep runs may start runs has a limit of its own."""

MAX_LABELS = 32
MAX_LABEL_CHARS = 256

_NULL = bytes(NULL)


def read_start(message: Message) -> list[Item]:
    """A start as it came from the outside; the run id is settled here."""
    check_size(message)
    where = subjects.parse_start(message.subject)
    request = read_start_request(message.data or b"{}")
    child = _child(request)
    if versions.MARK in where.workflow or request.version_label is not None:
        where, request = _versioned(where, request, child)
    if not (subjects.is_name(where.namespace) and subjects.is_name(where.workflow)):
        raise Unreadable(f"expected names {subjects.NAME_PATTERN}, but got {message.subject!r}")
    try:
        return [_start(message, where, request)]
    except NOT_READ as error:
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
    check_version(request.version)
    if not 0 <= request.depth <= MAX_DEPTH_TOLD:
        raise Unreadable(f"depth: expected 0 to {MAX_DEPTH_TOLD}, but got {digits(request.depth)}")
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
        input=with_fractions(value),
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
        told = digits(request.at_seq)
        raise Unreadable(f"fork: expected `at_seq` from 1 on, to {MAX_SEQ}, but got {told}")
    for field, limit in _FORK_LIMITS:
        check_length(f"fork.{field}", getattr(request, field), limit)
    return ForkRecord(run_id, request.at_seq or 0, request.step, request.by, request.reason)


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


_FORK_LIMITS = (("step", MAX_STEP_CHARS), ("by", MAX_NAME_CHARS), ("reason", MAX_MESSAGE_CHARS))
