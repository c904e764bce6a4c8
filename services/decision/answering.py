"""The loop: take frames, answer their records, publish the answers, acknowledge.

1. A frame is acknowledged after its answers are stored; a killed instance's frames come to
   another one, and the same answers again are fenced by their turn.
2. What cannot be read becomes a dead letter. A record that goes wrong in a way nobody thought of
   is answered with an error.
3. A frame that was delivered often is suspected of ending the process: it is handled after all
   others and alone; its records are put back as frames of their own, and the one that is then
   alone and still suspected is answered with an error. So nothing is stuck for ever.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from secrets import token_hex
from time import perf_counter_ns

import msgspec

from services.decision.caching.caches import Caches
from services.decision.caching.results import FrameResults
from services.decision.caching.worth import DEAR_US
from services.decision.core.evaluate import FrameValues, evaluate
from services.decision.core.explaining import explain
from services.decision.core.failures import expression_failure
from services.decision.core.framing import frames_of
from services.decision.core.plans import BrokenPlan, CompiledPlan, PlanCache
from services.decision.core.splitting import split
from services.decision.held import Held, KnownDevices
from services.decision.measures import Measures
from services.decision.settings import DecisionSettings
from services.decision.tracing import trace_decision
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message, ack_all, in_progress_all
from stretto.bus.publisher import Outgoing
from stretto.bus.service import Handler as Operation
from stretto.bus.service import Refusal
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack, unpack_decide
from stretto.contracts.decisions import ExplainRequest
from stretto.contracts.failures import Failure
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.contracts.ids import MAX_PARTITIONS
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime import topology
from stretto.runtime.clock import now_us
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.names import LOG_COUNT, LOG_REASON, LOG_RUN_ID, LOG_SEQUENCE, LOG_STEP

STOP_CHECK_S = 0.25
"""How long the service may wait for a frame before it looks whether it should stop."""

SLICE_NS = 20_000_000
"""Expensive expressions hold the event loop for at most about so long: then others have a turn."""

IN_PROGRESS_NS = 1_000_000_000
"""While a batch takes longer than this its messages are marked, well before `ack_wait`."""

SUSPECT_DELIVERIES = 4
"""A frame that was delivered so often may be what ended the process each time."""

GIVE_UP_DELIVERIES = 8
"""A single record that was delivered so often is answered with an error."""

SMALL_ANSWER_BYTES = 2_000
"""Answers of so few bytes in all are published without acknowledgement."""

ENVELOPE_BYTES = 4 * 1024
"""Room in a message beside the records: subject, headers, the frame's own bytes."""

_SURPRISE = "expected to evaluate it, but the decision service failed; its log says more"
_NO_PLAN = BrokenPlan(
    expression_failure("", "expected a plan of the frame, but there is none of that index", "plan")
)
_logger = logging.getLogger(__name__)


class Answering:
    """One instance's loop over `STRETTO_DECIDE`."""

    def __init__(
        self,
        context: ServiceContext[DecisionSettings],
        operations: Mapping[str, Operation] | None = None,
        devices: KnownDevices | None = None,
        caches: Caches | None = None,
    ) -> None:
        self._context = context
        self._operations = operations or {}
        self._devices = devices
        self._held = Held()
        self._cache = PlanCache(context.settings.decision_plans)
        self._results = None if caches is None else caches.results
        self._measures = Measures(context.metrics, self._cache, caches)
        self._dead_letters = DeadLetters(context.publisher, context.service)
        self._limit_bytes = context.connection.max_payload_bytes - ENVELOPE_BYTES
        self._life = token_hex(8)
        self._published = 0

    async def run(self) -> None:
        """Answer until the service is told to stop."""
        context = self._context
        async with context.pull(topology.decision(), context.settings.decision_batch) as loop:
            await context.started(
                {"stats": self._stats, "explain": self._explain, **self._operations}
            )
            while not context.stopping.is_set():
                if self._held.records and self._knows_devices:
                    await self._answer_held()
                messages = await loop.next_batch(timeout_s=STOP_CHECK_S)
                if messages:
                    await self.take(messages)

    async def take(self, messages: Sequence[Message]) -> None:
        """Answer and acknowledge messages; what cannot be done now is delivered again."""
        fresh = [m for m in messages if m.num_delivered < SUSPECT_DELIVERIES]
        suspects = [m for m in messages if m.num_delivered >= SUSPECT_DELIVERIES]
        try:
            if fresh:
                await self._handle(fresh)
            for message in sorted(suspects, key=lambda m: m.num_delivered):
                await self._isolate(message)
        except TransientError as error:
            _logger.warning(
                "frames are left to another delivery",
                extra={LOG_COUNT: len(messages), LOG_REASON: str(error)},
            )

    async def _handle(self, messages: Sequence[Message]) -> None:
        """Answer all records of some frames.

        Raises:
            TransientError: the answers could not be stored; nothing is acknowledged.
        """
        began = perf_counter_ns()
        frames = []
        for message in messages:
            frame = await self._read(message)
            if frame is not None:
                frames.append((message, frame))
        try:
            await self._publish(await self._answers(frames))
        except PermanentError as error:
            await self._refused(messages, error)
            return
        ack_all(message for message, _ in frames)
        self._context.publisher.push()
        self._measures.batch_us.observe((perf_counter_ns() - began) // 1_000)

    async def _refused(self, messages: Sequence[Message], error: PermanentError) -> None:
        """The server will never take these answers: find the frame whose they are, bury it."""
        if len(messages) == 1:
            await self._bury(messages[0], error.code, error.message)
            return
        for message in messages:
            await self._handle([message])

    async def _isolate(self, message: Message) -> None:
        """Handle a frame that may be what ended the process before."""
        frame = await self._read(message)
        if frame is None:
            return
        _logger.warning(
            "frame is suspected of ending the process",
            extra={LOG_SEQUENCE: message.stream_seq, LOG_COUNT: len(frame.records)},
        )
        if len(frame.records) > 1:
            decide = subjects.decide()
            parts = [Outgoing(decide, pack(part)) for part in split(frame)]
            await self._context.publisher.publish_many(parts)
            message.ack()
        elif message.num_delivered >= GIVE_UP_DELIVERIES:
            await self._publish(_given_up(frame, message.num_delivered))
            message.ack()
        else:
            await self._handle([message])

    async def _read(self, message: Message) -> DecideFrame | None:
        """Decode a frame; what is none becomes a dead letter, alike a record nobody can get."""
        try:
            frame = unpack_decide(message.data)
        except UNREADABLE as error:
            await self._bury(message, "decision.not_a_frame", f"expected a frame, but: {error}")
            return None
        lost = [r for r in frame.records if not 0 <= r.partition < MAX_PARTITIONS]
        if not lost:
            return frame
        for record in lost:
            self._measures.dead_letters.add()
            await self._dead_letters.publish(
                message.subject,
                pack(record),
                code="decision.no_such_partition",
                reason=f"expected a partition of the workflow service, but got {record.partition}",
            )
        return msgspec.structs.replace(frame, records=[r for r in frame.records if r not in lost])

    async def _bury(self, message: Message, code: str, reason: str) -> None:
        self._measures.dead_letters.add()
        await self._dead_letters.bury(message, code, reason)

    async def _answers(
        self, frames: Sequence[tuple[Message, DecideFrame]]
    ) -> dict[int, list[DecidedRecord]]:
        """Work out the records of frames, by partition."""
        answers: dict[int, list[DecidedRecord]] = {}
        slice_began = marked = perf_counter_ns()
        now = now_us()
        holds = not self._knows_devices
        known = await self._known(frames)
        for number, (_, frame) in enumerate(frames):
            self._measures.frames.add()
            self._measures.frame_records.observe(len(frame.records))
            if frame.sent_us:
                self._measures.wait_us.observe(now - frame.sent_us)
            plans = [self._cache.get(plan) for plan in frame.plans]
            values = FrameValues(frame.values)
            maybe = None if known is None else known[number]
            for record in frame.records:
                if holds and self._asks_for_devices(plans, record):
                    self._held.take(frame, record)
                    continue
                answer, ended = self._answer(frame, plans, values, record, maybe)
                answers.setdefault(record.partition, []).append(answer)
                if ended - slice_began > SLICE_NS:
                    if ended - marked > IN_PROGRESS_NS:
                        in_progress_all(message for message, _ in frames)
                        marked = ended
                    await asyncio.sleep(0)
                    slice_began = perf_counter_ns()
        return answers

    async def _known(
        self, frames: Sequence[tuple[Message, DecideFrame]]
    ) -> list[FrameResults | None] | None:
        """What may be known of these frames already; None: nothing of any."""
        results = self._results
        if results is None or not results.dear:
            return None
        known = [results.of(frame) for _, frame in frames]
        await results.fetch(known)
        return known

    def _answer(
        self,
        frame: DecideFrame,
        plans: Sequence[CompiledPlan | BrokenPlan],
        values: FrameValues,
        record: DecideRecord,
        known: FrameResults | None = None,
    ) -> tuple[DecidedRecord, int]:
        """Answer one record; return the answer and when it was ready (ns)."""
        measures = self._measures
        start_us = now_us() if record.traceparent is not None else 0
        began = perf_counter_ns()
        plan = plans[record.plan] if 0 <= record.plan < len(plans) else _NO_PLAN
        found = None if known is None else known.get(record)
        try:
            answer = evaluate(plan, values, record, self._devices) if found is None else found
        except Exception:
            # One run's surprise must not stop the others; it fails with an error that can be seen.
            _logger.exception(
                "record could not be decided",
                extra={LOG_RUN_ID: record.run_id.hex(), LOG_STEP: record.path},
            )
            answer = _failed(record, expression_failure("", _SURPRISE, "internal"))
        ended = perf_counter_ns()
        took_us = (ended - began) // 1_000
        msgspec.structs.force_setattr(answer, "took_us", took_us)
        if found is None and (known is not None or took_us >= DEAR_US):
            self._took(frame, plan, record, answer, known)
        measures.records.add()
        measures.record_us.observe(took_us)
        if answer.error is not None:
            measures.errors.add()
        if record.traceparent is not None:
            workflow = "" if isinstance(plan, BrokenPlan) else plan.workflow
            trace_decision(self._context.tracer, record, answer, workflow, start_us)
        return answer, ended

    def _took(
        self,
        frame: DecideFrame,
        plan: CompiledPlan | BrokenPlan,
        record: DecideRecord,
        answer: DecidedRecord,
        known: FrameResults | None,
    ) -> None:
        """Note a record that was worked out and may be dear: next time it may be known."""
        # Who is present is no part of a question: an answer that looked at devices is of a moment.
        if isinstance(plan, BrokenPlan) or plan.devices is not None:
            return
        if known is not None and known.took(record, answer):
            return
        if self._results is not None and answer.took_us >= DEAR_US:
            self._results.took(frame.plans[record.plan], answer.took_us)

    @property
    def _knows_devices(self) -> bool:
        return self._devices is None or self._devices.is_complete

    def _asks_for_devices(
        self, plans: Sequence[CompiledPlan | BrokenPlan], record: DecideRecord
    ) -> bool:
        plan = plans[record.plan] if 0 <= record.plan < len(plans) else _NO_PLAN
        return isinstance(plan, CompiledPlan) and plan.devices is not None

    async def _answer_held(self) -> None:
        """Answer what has waited for the devices to say that they are there."""
        answers: dict[int, list[DecidedRecord]] = {}
        for frame, record in self._held.all():
            plans = [self._cache.get(plan) for plan in frame.plans]
            answer, _ = self._answer(frame, plans, FrameValues(frame.values), record)
            answers.setdefault(record.partition, []).append(answer)
        try:
            await self._publish(answers)
        except TransientError as error:
            _logger.warning("answers were not stored", extra={LOG_REASON: str(error)})

    async def _publish(self, answers: Mapping[int, Sequence[DecidedRecord]]) -> None:
        """Publish answers, a frame a partition (more where they are large).

        Raises:
            TransientError, PermanentError: see `Publisher.publish_many`.
        """
        outgoing = []
        for partition, records in answers.items():
            subject = subjects.decided(partition)
            for data in frames_of(records, self._limit_bytes):
                # Unique to this attempt, and to this life of an instance that keeps its name: what
                # the publisher sends again is one frame, what is worked out again is another.
                self._published += 1
                msg_id = f"{self._life}-{self._published}"
                outgoing.append(Outgoing(subject, data, msg_id))
        if sum(len(message.data) for message in outgoing) <= SMALL_ANSWER_BYTES:
            # There is room everywhere, and an acknowledgement would cost as much as the answer.
            # Lost
            # all the same, it is asked for again (the sweep of the workflow service).
            for message in outgoing:
                await self._context.publisher.publish_core(message.subject, message.data)
        else:
            await self._context.publisher.publish_many(outgoing)

    async def _explain(self, request: bytes) -> bytes:
        """Work a question out again and tell how; see `contracts.decisions`."""
        try:
            asked = msgspec.json.decode(request, type=ExplainRequest)
            # In a thread and with a cache of its own: it may be large, and is nobody's haste.
            told = await asyncio.to_thread(explain, asked, PlanCache(1), perf_counter_ns)
            in_use = self._cache.in_use(bytes(asked.plan))
            return json_encode(msgspec.structs.replace(told, in_use=in_use))
        except UNREADABLE as error:
            raise Refusal(
                "request_invalid", f"expected a plan and its values, but {error}"
            ) from error

    async def _stats(self, _request: bytes) -> bytes:
        return self._measures.report(self._context.instance)


def _failed(record: DecideRecord, failure: Failure) -> DecidedRecord:
    return DecidedRecord(record.run_id, record.path, record.turn, error=failure)


def _given_up(frame: DecideFrame, deliveries: int) -> dict[int, list[DecidedRecord]]:
    message = f"expected to evaluate it, but the process ended {deliveries - 1} times meanwhile"
    failure = expression_failure("", message, "crashed")
    return {record.partition: [_failed(record, failure)] for record in frame.records}
