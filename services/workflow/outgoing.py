"""From what was decided to what is sent: one frame per destination, one event message per run."""

from collections.abc import Iterable

import msgspec

from services.workflow.batch import Touched
from services.workflow.core.commands import RUN_MARK, Decided
from services.workflow.core.effects import (
    Ask,
    CancelChild,
    Dispatch,
    Emit,
    Seek,
    StartChild,
    Timer,
    Withdraw,
    is_asked,
)
from services.workflow.core.lines import CancelRun
from services.workflow.core.state import Role, RunPhase
from services.workflow.core.values import value_of
from services.workflow.inbox import Addressed
from services.workflow.reuse.seeking import Seeker
from services.workflow.slots import Slot, Written, public_status
from stretto.bus.publisher import Outgoing
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.failures import Failure, FailureType, Reason
from stretto.contracts.frames import (
    DecidedRecord,
    DecideFrame,
    DecideRecord,
    DispatchFrame,
    DispatchRecord,
    LogEvent,
    LogFrame,
    LogRecord,
    WithdrawRecord,
)
from stretto.contracts.graph import Ask as AskOf
from stretto.contracts.ids import AttemptId, parse_attempt_id, partition_of, run_id_text
from stretto.contracts.payload import NULL
from stretto.contracts.public import Closed, ControlRequest, Results, StartRequest, TaskResult
from stretto.contracts.routes import RouteRecord
from stretto.runtime.clock import rfc3339
from stretto.runtime.topology import CHARGED_LANE, lane_of
from stretto.telemetry.trace_ids import step_span_id, traceparent

SMALL_FRAME_RECORDS = 8
"""Up to so many records a frame is published without acknowledgement."""

_DECIDE = subjects.decide().encode()

MAX_FRAME_RECORDS = 256
"""Larger frames would only wait: the reader handles a frame in one go."""

MAX_FRAME_BYTES = 1024 * 1024
"""Well below the largest message that the server takes (8 MiB)."""

MAX_ASK_BYTES = 4 * 1024 * 1024
"""What one question takes along: several payloads of the largest size. More fails the step."""

_RECORD_BYTES = 128
"""The fixed part of a record, with room."""

_EVENT_BYTES = 200
"""The fixed part of an event, with room."""


class Asks:
    """Decide frames in the making: equal plans and values are sent once a frame."""

    def __init__(self, now_us: int) -> None:
        self._now_us = now_us
        self.frames: list[bytes] = []
        self.count = 0
        """Asks so far, in all frames."""
        self._clear()

    def _clear(self) -> None:
        self._plans: dict[bytes, int] = {}
        self._values: dict[int, int] = {}
        self._value_list: list[bytes] = []
        self._records: list[DecideRecord] = []
        self._bytes = 0

    def add(self, slot: Slot, effect: Ask) -> int:
        """Add an ask to the frame in the making; 0, or the bytes of one that is too large."""
        values = asked_values(slot, effect)
        return 0 if values is None else self.add_with(slot, effect, values)

    def add_with(self, slot: Slot, effect: Ask, values: list[bytes | None]) -> int:
        """The same, with values that are known already."""
        run, plan = slot.run, effect.ask.plan
        distinct = {id(value): len(value) for value in values if value is not None}
        own = len(plan) + sum(distinct.values()) + _RECORD_BYTES
        if own > MAX_ASK_BYTES:
            return own
        if self._bytes + own > MAX_FRAME_BYTES or len(self._records) >= MAX_FRAME_RECORDS:
            self.cut()
        self.count += 1
        indices = tuple(-1 if value is None else self._value(value) for value in values)
        plan_index = self._plans.setdefault(plan, len(self._plans))
        parent = _parent(slot, effect.path)
        self._records.append(
            DecideRecord(
                run.id, effect.path, effect.turn, slot.partition, plan_index, indices, parent
            )
        )
        self._bytes += len(plan) + _RECORD_BYTES
        return 0

    def _value(self, value: bytes) -> int:
        index = self._values.get(id(value))
        if index is None:
            index = self._values[id(value)] = len(self._value_list)
            self._value_list.append(value)
            self._bytes += len(value)
        return index

    def cut(self) -> None:
        """End the frame in the making."""
        if self._records:
            frame = DecideFrame(list(self._plans), self._value_list, self._records, self._now_us)
            self.frames.append(pack(frame))
            self._clear()


def asked_values(slot: Slot, effect: Ask) -> list[bytes | None] | None:
    """The values that an ask takes along; None where it is not asked any more."""
    run = slot.run
    if not is_asked(run, effect):
        return None
    node = run.nodes[effect.path] if effect.path else None
    return [value_of(run, node, ref) for ref in effect.ask.refs]


def _parent(slot: Slot, path: str) -> str | None:
    """The traceparent that a record for a step takes along; None when the run is not sampled."""
    if slot.run.traceparent is None:
        return None
    return traceparent(slot.run.id, step_span_id(slot.run.id, path))


class Frames:
    """What goes to the decision and execution services."""

    def __init__(self, now_us: int, lanes: int) -> None:
        self._now_us = now_us
        self._lanes = lanes
        self._asks = Asks(now_us)
        self._dispatches: dict[int, list[DispatchRecord]] = {}
        self._withdrawn: dict[int, list[WithdrawRecord]] = {}
        self._others: list[Outgoing] = []
        self.timers: list[tuple[bytes, Timer]] = []
        self.too_large: list[Addressed] = []
        """The answers to asks that no message can hold."""
        self.referring: list[tuple[Slot, Ask]] = []
        """Asks whose values may hold references: to be resolved before they are sent."""
        self.seekers: list[Seeker] = []
        """Steps that look for what equal ones gave."""

    def add_with(self, slot: Slot, effect: Ask, values: list[bytes | None]) -> None:
        """Add an ask whose values are resolved."""
        size = self._asks.add_with(slot, effect, values)
        if size:
            self.too_large.append(_ask_too_large(slot, effect, size))

    def add(self, slot: Slot, effects: Iterable[object], *, again: bool = False) -> None:
        for effect in effects:
            match effect:
                case Ask() if slot.refers:
                    self.referring.append((slot, effect))
                case Ask():
                    size = self._asks.add(slot, effect)
                    if size:
                        self.too_large.append(_ask_too_large(slot, effect, size))
                case Dispatch():
                    charged = bool(effect.task.resources)
                    lane = CHARGED_LANE if charged else lane_of(slot.partition, self._lanes)
                    record = _dispatch_record(slot, effect, again)
                    self._dispatches.setdefault(lane, []).append(record)
                case Withdraw():
                    charged = effect.charged
                    lane = CHARGED_LANE if charged else lane_of(slot.partition, self._lanes)
                    self._withdrawn.setdefault(lane, []).append(
                        WithdrawRecord(slot.run.id, effect.path, effect.attempt, effect.reason)
                    )
                case StartChild():
                    self._others.append(_child_start(slot, effect))
                case CancelChild():
                    self._others.append(_child_cancel(slot, effect))
                case CancelRun():
                    self._others.append(_run_cancel(slot, effect))
                case Emit():
                    self._others.append(emitted_message(slot, effect.path, effect.data))
                case Timer() | Seek():
                    self._note(slot, effect)
                case _:
                    raise AssertionError(f"an effect of type {type(effect).__name__}")

    def _note(self, slot: Slot, effect: Timer | Seek) -> None:
        """What no message is for: this instance does it."""
        if isinstance(effect, Timer):
            self.timers.append((slot.run.id, effect))
        else:
            self.seekers.append(Seeker(slot.run.id, slot.row.namespace, effect))

    def quiet(self) -> list[bytes]:
        """Take out the frames that are published without acknowledgement, as they go on the wire.

        A small frame means that there is room everywhere; its acknowledgement would cost as much as
        the frame. Should it be lost all the same, the sweep sends it again, as after any other
        loss.
        """
        self._asks.cut()
        found: list[bytes] = []
        frames = self._asks.frames
        if len(frames) == 1 and self._asks.count <= SMALL_FRAME_RECORDS:
            found.append(publish_command(_DECIDE, b"", b"", frames.pop()))
        for lane, records in list(self._dispatches.items()):
            if len(records) <= SMALL_FRAME_RECORDS and lane not in self._withdrawn:
                frame = pack(DispatchFrame(records, [], self._now_us))
                if len(frame) <= MAX_FRAME_BYTES:
                    found.append(publish_command(subjects.dispatch(lane).encode(), b"", b"", frame))
                    del self._dispatches[lane]
        return found

    def messages(self) -> list[Outgoing]:
        """The frames, ready to be published with acknowledgement."""
        self._asks.cut()
        out = [Outgoing(subjects.decide(), frame) for frame in self._asks.frames]
        out += self._others
        for lane in self._dispatches.keys() | self._withdrawn.keys():
            subject = subjects.dispatch(lane)
            withdrawn = self._withdrawn.get(lane, [])
            out.extend(
                Outgoing(subject, pack(DispatchFrame(chunk, [], self._now_us)))
                for chunk in _chunks(self._dispatches.get(lane, []))
            )
            for start in range(0, len(withdrawn), MAX_FRAME_RECORDS):
                part = withdrawn[start : start + MAX_FRAME_RECORDS]
                out.append(Outgoing(subject, pack(DispatchFrame([], part, self._now_us))))
        return out


def _chunks(records: list[DispatchRecord]) -> Iterable[list[DispatchRecord]]:
    chunk: list[DispatchRecord] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.input) + _RECORD_BYTES
        if len(chunk) >= MAX_FRAME_RECORDS or size >= MAX_FRAME_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _ask_too_large(slot: Slot, effect: Ask, size: int) -> Addressed:
    text = f"expected values of at most {MAX_ASK_BYTES} bytes, but they take {size}"
    failure = Failure(type=FailureType.TOO_LARGE, message=text, retryable=False)
    record = DecidedRecord(slot.run.id, effect.path, effect.turn, error=failure)
    return Addressed(slot.run.id, Decided(record=record), slot.row.namespace)


def _dispatch_record(slot: Slot, effect: Dispatch, again: bool) -> DispatchRecord:
    timeouts, route = effect.timeouts, effect.task.route
    return DispatchRecord(
        slot.run.id,
        effect.path,
        effect.attempt,
        slot.run.namespace,
        effect.task.name,
        effect.task.queue,
        effect.input,
        slot.partition,
        effect.deadline_us,
        effect.queue_deadline_us,
        timeouts.heartbeat_s or 0.0,
        timeouts.queue_s is not None or timeouts.run_s is not None or route is not None,
        _parent(slot, effect.path),
        again,
        timeouts.run_s or 0.0,
        None if route is None else _route_record(slot, effect, route),
        slot.run.workflow,
        effect.priority,
        effect.task.resources or None,
        None if effect.attempt == 1 else slot.run.nodes[effect.path].details,
    )


def _route_record(slot: Slot, effect: Dispatch, route: AskOf) -> RouteRecord:
    node = slot.run.nodes[effect.path]
    values = tuple([value_of(slot.run, node, ref) for ref in route.refs])
    return RouteRecord(route.plan, values, effect.avoid, node.worker)


def _child_start(slot: Slot, effect: StartChild) -> Outgoing:
    """The start of a child: as anybody's, with its run id settled and its parent named."""
    run = slot.run
    request = StartRequest(
        input=msgspec.Raw(effect.input),
        run_id=run_id_text(effect.child_id),
        version=effect.child.version,
        version_label=effect.child.version_label,
        parent=str(AttemptId(run.id, effect.path, effect.attempt)) if effect.child.wait else None,
        depth=run.depth + 1,
    )
    traced = _parent(slot, effect.path)
    headers = None if traced is None else {subjects.HEADER_TRACEPARENT: traced}
    subject = subjects.start(run.namespace, effect.child.workflow)
    return Outgoing(subject, json_encode(request), f"{request.run_id}:start", headers)


def _child_cancel(slot: Slot, effect: CancelChild) -> Outgoing:
    child = run_id_text(effect.child_id)
    request = ControlRequest(command="cancel", reason=f"its parent was: {effect.reason}")
    subject = subjects.control(slot.run.namespace, child)
    return Outgoing(subject, json_encode(request), f"{child}:cancel")


def _run_cancel(slot: Slot, effect: CancelRun) -> Outgoing:
    """The cancelling of a run that makes room for another."""
    run = run_id_text(effect.run_id)
    request = ControlRequest(command="cancel", reason=effect.reason, by=f"{RUN_MARK}{slot.text}")
    subject = subjects.control(slot.run.namespace, run)
    return Outgoing(subject, json_encode(request), f"{run}:cancel:{slot.text}")


def emitted_message(slot: Slot, path: str, data: bytes) -> Outgoing:
    """What a step of kind `emit` says, once."""
    subject = subjects.emitted(slot.run.namespace, slot.run.workflow)
    return Outgoing(subject, data, f"{slot.text}:{path}:emit")


def is_emit(slot: Slot, path: str) -> bool:
    node = slot.run.nodes.get(path)
    if node is None or node.plan.kind != "emit" or node.handler >= 0:
        return False
    return node.role in (Role.STEP, Role.ITEM)


def refused_child(parent: str, run_id: bytes, reason: Reason, partitions: int) -> Outgoing:
    """The result of a child that could not be started, for the attempt that waits for it. Anybody
    may have sent the start: the parent believes it only of the very run that it waits for."""
    failure = Failure(type="ChildRefused", message=reason.message, retryable=False)
    result = TaskResult(
        id=parent, status="failed", failure=failure, worker=f"{RUN_MARK}{run_id_text(run_id)}"
    )
    subject = subjects.results(partition_of(parse_attempt_id(parent).run_id, partitions))
    return Outgoing(subject, json_encode(Results(results=[result])))


def parent_message(slot: Slot, partitions: int) -> Outgoing | None:
    """The result of a run for the attempt that waits for it; None where none does."""
    run = slot.run
    if run.parent is None:
        return None
    done = run.phase is RunPhase.COMPLETED
    failure = run.failure or Failure(type=FailureType.CANCELLED, message="the child ended")
    result = TaskResult(
        id=run.parent,
        status="completed" if done else "failed",
        output=msgspec.Raw(run.output) if done else NULL,
        failure=None if done else msgspec.structs.replace(failure, step=None),
        worker=f"{RUN_MARK}{slot.text}",
    )
    parent = parse_attempt_id(run.parent)
    subject = subjects.results(partition_of(parent.run_id, partitions))
    return Outgoing(subject, json_encode(Results(results=[result])), f"{slot.text}:parent")


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
        size += len(each.data) + _EVENT_BYTES
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
            size += len(w.data) + _EVENT_BYTES
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
        weight = sum(len(e.data) + _EVENT_BYTES for e in record.events)
        if chunk and (size + weight > MAX_FRAME_BYTES or len(chunk) >= MAX_FRAME_RECORDS):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += weight
    yield chunk
