"""What is told of committed events: to subscribers, to monitoring, when a run ends, by `emit`."""

from collections.abc import Iterable

import msgspec

from services.workflow.batch import Touched
from services.workflow.core.statuses import Role
from services.workflow.frame_sizes import EVENT_BYTES, MAX_FRAME_BYTES, MAX_FRAME_RECORDS
from services.workflow.slots import Slot, Written, public_status
from stretto.bus.publisher import Outgoing
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import LogEvent, LogFrame, LogRecord
from stretto.contracts.public import Closed
from stretto.runtime.clock import rfc3339


def emitted_message(slot: Slot, path: str, data: bytes) -> Outgoing:
    """What a step of kind `emit` says, once."""
    subject = subjects.emitted(slot.run.namespace, slot.run.workflow)
    return Outgoing(subject, data, f"{slot.text}:{path}:emit")


def is_emit(slot: Slot, path: str) -> bool:
    node = slot.run.nodes.get(path)
    if node is None or node.plan.kind != "emit" or node.handler >= 0:
        return False
    return node.role in (Role.STEP, Role.ITEM)


def event_commands(slot: Slot, written: list[Written], at: bytes) -> list[bytes]:
    """The CloudEvent (binary mode) of one run's events in one commit, as it goes on the wire;
    several where it would be too large."""
    commands = []
    part: list[Written] = []
    size = 0
    for each in written:
        if part and size + len(each.data) > MAX_FRAME_BYTES:
            commands.append(_event_command(slot, part, at))
            part, size = [], 0
        part.append(each)
        size += len(each.data) + EVENT_BYTES
    commands.append(_event_command(slot, part, at))
    return commands


def _event_command(slot: Slot, written: list[Written], at: bytes) -> bytes:
    body = b",".join([_public_event(w, at) for w in written])
    key = f"{slot.text}:{written[0].seq}-{written[-1].seq}".encode()
    status = public_status(slot.run).encode()
    data = b'{"run":%b%b"},"events":[%b]}' % (slot.head, status, body)
    headers = b"%bce-time: %b\r\nce-id: %b\r\nNats-Msg-Id: %b\r\n\r\n" % (
        slot.headers, at, key, key,
    )  # fmt: skip
    return publish_command(slot.subject, b"", headers, data)


def _public_event(written: Written, at: bytes) -> bytes:
    """A `PublicEvent` as JSON. Types, instants and paths hold no character that JSON escapes."""
    kind, step = written.type.encode(), written.step
    if step is None:
        return b'{"seq":%d,"type":"%b","at":"%b","data":%b}' % (
            written.seq, kind, at, written.data,
        )  # fmt: skip
    return b'{"seq":%d,"type":"%b","at":"%b","step":"%b","data":%b}' % (
        written.seq, kind, at, step.encode(), written.data,
    )  # fmt: skip


def closed_message(slot: Slot, closed_us: int) -> Outgoing:
    """The one message of a run's end."""
    run = slot.run
    status = public_status(run)
    closed = Closed(
        run_id=slot.text,
        status=status,
        started_at=rfc3339(run.started_us),
        closed_at=rfc3339(closed_us),
        id=run.caller_id,
        output=msgspec.Raw(run.output),
        failure=run.failure,
    )
    subject = subjects.closed(run.namespace, run.workflow, status)
    return Outgoing(subject, json_encode(closed), f"{slot.text}:closed")


def log_messages(touched: Iterable[Touched]) -> list[Outgoing]:
    """The committed events as frames for the monitoring service, of each partition apart."""
    by_partition: dict[int, list[LogRecord]] = {}
    for each in touched:
        row = each.slot.row
        head = (row.run_id, row.namespace, row.workflow, row.version, row.caller_id)
        records = by_partition.setdefault(each.slot.partition, [])
        events: list[LogEvent] = []
        size = 0
        for w in each.written:
            if events and size + len(w.data) > MAX_FRAME_BYTES:
                records.append(LogRecord(*head, events))
                events, size = [], 0
            events.append(LogEvent(w.seq, w.type, w.at_us, w.data))
            size += len(w.data) + EVENT_BYTES
        records.append(LogRecord(*head, events))
    return [
        Outgoing(subjects.log(partition), pack(LogFrame(partition, part)))
        for partition, records in by_partition.items()
        for part in _log_chunks(records)
    ]


def _log_chunks(records: list[LogRecord]) -> Iterable[list[LogRecord]]:
    chunk: list[LogRecord] = []
    size = 0
    for record in records:
        weight = sum(len(e.data) + EVENT_BYTES for e in record.events)
        if chunk and (size + weight > MAX_FRAME_BYTES or len(chunk) >= MAX_FRAME_RECORDS):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += weight
    yield chunk
