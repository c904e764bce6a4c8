"""From effects to frames for the decision and execution services, one per destination."""

from collections.abc import Iterable

from services.workflow.core.commands import Decided
from services.workflow.core.effects import (
    Ask,
    CancelChild,
    Dispatch,
    Emit,
    Seek,
    StartChild,
    Timer,
    Withdraw,
)
from services.workflow.core.lines import CancelRun
from services.workflow.core.values import asked_values, value_of
from services.workflow.frame_sizes import (
    MAX_ASK_BYTES,
    MAX_FRAME_BYTES,
    MAX_FRAME_RECORDS,
    RECORD_BYTES,
    SMALL_FRAME_RECORDS,
    SMALL_QUESTIONS,
)
from services.workflow.inbox import Addressed
from services.workflow.other_runs import child_cancel, child_start, run_cancel
from services.workflow.reuse.seeking import Seeker
from services.workflow.slots import Slot, traceparent_of
from services.workflow.telling import emitted_message
from stretto.bus.publisher import Outgoing
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.codec import pack
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import (
    DecidedRecord,
    DecideFrame,
    DecideRecord,
    DispatchFrame,
    DispatchRecord,
    RateRecord,
    WithdrawRecord,
)
from stretto.contracts.routes import RouteRecord
from stretto.runtime.topology import CHARGED_LANE, lane_of

_DECIDE = subjects.decide().encode()


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
        values = asked_values(slot.run, effect)
        return 0 if values is None else self.add_with(slot, effect, values)

    def add_with(self, slot: Slot, effect: Ask, values: list[bytes | None]) -> int:
        """The same, with values that are known already."""
        run, plan = slot.run, effect.ask.plan
        distinct = {id(value): len(value) for value in values if value is not None}
        own = len(plan) + sum(distinct.values()) + RECORD_BYTES
        if own > MAX_ASK_BYTES:
            return own
        if self._bytes + own > MAX_FRAME_BYTES or len(self._records) >= MAX_FRAME_RECORDS:
            self.cut()
        self.count += 1
        indices = tuple(-1 if value is None else self._value(value) for value in values)
        plan_index = self._plans.setdefault(plan, len(self._plans))
        parent = traceparent_of(slot, effect.path)
        self._records.append(
            DecideRecord(
                run.id, effect.path, effect.turn, slot.partition, plan_index, indices, parent
            )
        )
        self._bytes += len(plan) + RECORD_BYTES
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
                    charged = effect.task.charged
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
                    self._others.append(child_start(slot, effect))
                case CancelChild():
                    self._others.append(child_cancel(slot, effect))
                case CancelRun():
                    self._others.append(run_cancel(slot, effect))
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
        if len(frames) == 1 and self._asks.count <= SMALL_QUESTIONS:
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
        size += len(record.input) + RECORD_BYTES
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
        traceparent_of(slot, effect.path),
        again,
        timeouts.run_s or 0.0,
        None if route is None else _route_record(slot, effect, route),
        slot.run.workflow,
        effect.priority,
        effect.task.resources or None,
        None if effect.attempt == 1 else slot.run.nodes[effect.path].details,
        None if effect.rate_key is None else _rate_record(effect, effect.rate_key),
    )


def _rate_record(effect: Dispatch, key: str) -> RateRecord:
    rate = effect.task.rate
    assert rate is not None
    per_s = 0.0 if rate.limit is None else rate.limit.count / rate.limit.per_s
    return RateRecord(key, per_s, rate.burst or 0.0)


def _route_record(slot: Slot, effect: Dispatch, route: AskOf) -> RouteRecord:
    node = slot.run.nodes[effect.path]
    values = tuple([value_of(slot.run, node, ref) for ref in route.refs])
    return RouteRecord(route.plan, values, effect.avoid, node.worker)
