"""The active work on one lane: what arrives goes into admission, what comes out of it is done.

::

    dispatch frames ─► take ─► admission ─► sender ─► work stream
                                  ▲  │
    results ─► read ──────────────┤  ├─► house (std.*), outbox (answers for silent workers)
    progress, presence ───────────┘  └─► errands (withdrawals, doubts, moves)

`take` and the readers never wait for the sender: while messages are being stored, more attempts
gather, and go out together.
"""

import asyncio
import logging
import secrets
from collections.abc import Iterable, Mapping
from functools import partial

import msgspec

from services.execution.core.admission import OWN_PREFIX, Admission, Counts
from services.execution.core.attempt import Attempt, State
from services.execution.core.effects import Effect, Short, Silent, StopOwn
from services.execution.core.line import Sending
from services.execution.core.pulses import silence
from services.execution.core.roster import Roster
from services.execution.errands import Errands
from services.execution.intake import attempt_of, found_attempt, id_of, misplaced
from services.execution.measures import Measures
from services.execution.own.house import House
from services.execution.own.tasks import own_handlers
from services.execution.routing import Router
from services.execution.settings import ExecutionSettings
from services.execution.work_stream import WorkStream
from stretto.bus.deadletter import DeadLetters
from stretto.bus.ensure import ensure
from stretto.bus.message import Message, ack_all
from stretto.bus.publisher import PubAck
from stretto.contracts import subjects
from stretto.contracts.admission import parse_rates, parse_resources
from stretto.contracts.codec import decode_work, json_encode, unpack_dispatch
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.frames import DispatchFrame
from stretto.contracts.ids import parse_attempt_id
from stretto.contracts.payload import NULL, read_deep
from stretto.contracts.public import Task, TaskResult
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import parse_rfc3339, rfc3339
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.runtime.errors import PermanentError, StrettoError, TransientError
from stretto.runtime.topology import CHARGED_LANE, execution_results, lane_of, work_consumer
from stretto.telemetry import names
from stretto.telemetry.trace_ids import dispatch_span_id, parse_traceparent
from stretto.worker.outbox import Outbox

TICK_S = 0.25
"""A heartbeat that stopped is noticed so late at most, beyond what it may be silent."""

RETRY_SEND_S = 0.2
LEAST_PAUSE_S = 0.005
"""What a rate lets out in this time goes out together."""

OPEN_FIRST_WAIT_S = 0.2
OPEN_MAX_WAIT_S = 5.0
OWN_PATIENCE_S = 3.0
"""At the end, `std.*` tasks have so long; then they are given up and run again elsewhere."""

RECONCILE_EVERY_TICKS = 40
"""Every 10 s: attempts whose messages were acknowledged long ago are forgotten."""

RESULTS_BATCH = 500

RESULTS_LINGER_S = 0.01
"""Nothing waits for what is freed, unless a queue is at its limit of thousands: results of this
time are read together, which saves a wake-up for every step of an idle machine."""

TOKEN_BYTES = 8
"""An instance that is restarted under the same name must not repeat its message ids."""

RESOURCE_SHORTAGE = "ResourceShortage"

logger = logging.getLogger(__name__)


class SeenResult(msgspec.Struct, frozen=True, gc=False):
    """What execution reads of a result."""

    id: str
    started_at: str | None = None
    finished_at: str | None = None
    status: str = "completed"


class SeenResults(msgspec.Struct, frozen=True):
    """What execution reads of a message of results."""

    results: list[SeenResult] = []
    accepted: str | list[str] | None = None


_decode_results = msgspec.json.Decoder(SeenResults).decode


class Desk:
    """See the module's docstring. `begin`, then `take` for what arrives, then `end`."""

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        lane: int,
        roster: Roster,
        measures: Measures,
        group: asyncio.TaskGroup,
    ) -> None:
        self.lane = lane
        self._context = context
        self._measures = measures
        self._group = group
        settings = context.settings
        self._core = Admission(
            roster,
            parse_resources(settings.resources),
            parse_rates(settings.rates),
            settings.lanes,
        )
        self._work = WorkStream(context.connection)
        self._changed = asyncio.Event()
        self._letters = DeadLetters(context.publisher, context.service)
        self._errands = Errands(context.connection, self._work, self._core, self._changed)
        self._outbox = Outbox(
            context.publisher, context.instance, self._stored_own, group.create_task
        )
        self._house = House(
            name=context.instance,
            handlers=own_handlers(
                self._publish_core,
                context.settings.nats_inbox_prefix,
                http_allow_private=context.settings.http_allow_private,
            ),
            outbox=self._outbox,
            clock=context.clock,
            tracer=context.tracer,
            group=group,
        )
        self.router = Router(
            context, roster, to_queue=self._to_queue, answer=self._answer, pool=self._core.pool
        )
        self._queues: set[tuple[str, str]] = set()
        self._sent = 0
        self._token = secrets.token_hex(TOKEN_BYTES)
        self._tasks: list[asyncio.Task[None]] = []
        self._ticks = 0

    # --- how it is

    @property
    def full(self) -> bool:
        """Whether no more should be taken for now."""
        return self._core.full

    @property
    def counts(self) -> Counts:
        """How much is where."""
        return self._core.counts

    @property
    def core(self) -> Admission:
        """The state, for answers to questions."""
        return self._core

    # --- its life

    async def begin(self) -> None:
        """Learn what is out already, then start to work and ask for what is open.

        Raises:
            TransientError: the work stream cannot be read.
        """
        found = 0
        now_us = self._context.clock.now_us()
        async for stored in self._work.read():
            found += self._recover(stored.seq, stored.subject, stored.data, now_us)
        logger.info("lane taken", extra={names.LOG_LANE: self.lane, names.LOG_COUNT: found})
        for work in (
            self._send(),
            self._read_results(),
            self._tick(),
            self._errands.run(),
            self.router.run(),
            self._ask_open(),
            *((self._overhear(),) if self._overhears else ()),
        ):
            self._tasks.append(self._group.create_task(work))

    @property
    def _overhears(self) -> bool:
        return self.lane == CHARGED_LANE and self._context.settings.lanes > 1

    async def end(self) -> None:
        """Finish what is begun, and stop."""
        await self._house.end(OWN_PATIENCE_S)
        try:
            async with asyncio.timeout(OWN_PATIENCE_S):
                await self._outbox.wait_empty()
        except TimeoutError:
            logger.warning("results not stored at the end", extra={names.LOG_LANE: self.lane})
        await ended(self._tasks)

    def _recover(self, seq: int, subject: str, data: bytes, now_us: int) -> int:
        """Take the attempts of this lane in a message of the work stream; return how many."""
        try:
            namespace, queue = subjects.parse_work(subject)
            tasks = decode_work(data).tasks
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            # Somebody else's message: workers will say what they think of it.
            logger.warning("work not understood", extra={names.LOG_REASON: str(error)})
            return 0
        mine = [task for task in tasks if self._is_mine(task)]
        for task in mine:
            self._core.recover(found_attempt(task, namespace, queue), seq, len(tasks) == 1, now_us)
        return len(mine)

    def _is_mine(self, task: Task) -> bool:
        try:
            lane = lane_of(subjects.parse_results(task.reply), self._context.settings.lanes)
            return self.lane == (CHARGED_LANE if task.resources else lane)
        except ValueError:
            return False

    # --- what arrives

    async def take(self, message: Message) -> None:
        """Admit the records of a frame and acknowledge it: from now on it is our care.

        Raises:
            TransientError: it is no frame and could not be put into the dead letters.
        """
        try:
            frame = unpack_dispatch(message.data)
        except UNREADABLE as error:
            reason = f"expected a DispatchFrame, but {error}"
            await self._letters.bury(message, "execution.not_a_frame", reason)
            return
        wrong = self._admit(frame)
        if wrong:
            await self._letters.bury(message, "execution.bad_record", wrong)
            return
        message.ack()

    def _admit(self, frame: DispatchFrame) -> str | None:
        """Admit the records of a frame; return what is wrong with the first that cannot be."""
        core, now_us = self._core, self._context.clock.now_us()
        own: list[Attempt] = []
        wrong: str | None = None
        for record in frame.records:
            id_ = id_of(record)
            known = core.get(id_)
            routed = self.router.core.get(id_)
            if routed is not None:
                self.router.repeated(routed, again=record.again)
                continue
            if known is not None and record.again and known.state is State.OWN:
                own.append(known)  # where it has ended, its result was lost with the stream
                continue
            if known is not None:
                self._do(core.repeated(known, record.queue, now_us, again=record.again))
                continue
            try:
                attempt = attempt_of(record, id_)
            except (ValueError, OverflowError) as error:
                wrong = wrong or f"expected a record that a task can be made of, but: {error}"
                continue
            refused = misplaced(record)
            if refused is not None:
                self._answer(attempt, refused)
            elif record.route is not None and not attempt.task.startswith(OWN_PREFIX):
                self.router.admit(record, attempt)
            elif core.admit(attempt, now_us):
                own.append(attempt)  # the only effect of an admission: to run it here
        self._measures.admitted.add(len(frame.records))
        if frame.withdrawn:
            ids = [id_of(record) for record in frame.withdrawn]
            self.router.withdraw(ids)
            self._do(core.withdraw(ids))
        if own:
            self._house.run(own)
        self._changed.set()
        return wrong

    def announced(self, namespace: str, queue: str, tasks: list[str]) -> None:
        """Take note of tasks that are newly announced for a queue."""
        self._do(self._core.announced(namespace, queue, tasks))
        self._changed.set()

    def alive(self, id_: str, details: bytes | None = None) -> None:
        """Take note of a sign of life of an attempt, and of what it says to go on from."""
        now_us = self._context.clock.now_us()
        self._core.alive(id_, now_us, details)
        self.router.core.alive(id_, now_us, details)

    def deaf(self) -> None:
        """Take note that we could not hear anybody until now."""
        self._core.deaf(self._context.clock.now_us())
        self.router.core.deaf(self._context.clock.now_us())

    def store_lost(self) -> None:
        """Take note that the work stream was deleted: everything that is out goes out again."""
        self._queues.clear()
        self._measures.again.add(self._core.counts.out)
        self._core.store_lost()
        self._changed.set()

    async def _read_results(self) -> None:
        settings = self._context.settings
        consumer = execution_results(self.lane, settings.lanes, settings.partitions)
        async with self._context.pull(consumer, RESULTS_BATCH) as loop:
            while True:
                messages = await loop.next_batch()
                for message in messages:
                    self._note_results(message.data)
                ack_all(messages)
                self._changed.set()
                await self._context.clock.sleep(RESULTS_LINGER_S)

    async def _overhear(self) -> None:
        """Read the results of other lanes' partitions, where attempts of theirs have resources.

        Without acknowledgement: what is missed is found when its message has left the stream
        (`_reconcile`).
        """
        connection = self._context.connection
        heard = await connection.subscribe(subjects.ALL_RESULTS, self._overheard)
        try:
            await asyncio.Event().wait()
        finally:
            await connection.unsubscribe(heard)

    def _overheard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        pool = self._core.pool
        if pool.used or pool.has_waiting:
            self._note_results(data)
            self._changed.set()

    def _note_results(self, data: bytes) -> None:
        try:
            seen = read_deep(_decode_results, data)
        except UNREADABLE:
            return  # the workflow service reads it as well, and puts it into the dead letters
        core = self._core
        attempt = None
        for result in seen.results:
            attempt = core.finished(result.id)
            if attempt is None:
                failed = result.status == "failed"
                self.router.finished(result.id, _took_us(result), failed=failed)
        self._measures.finished.add(len(seen.results))
        if attempt is not None:
            self._learn(attempt, seen.results[-1])
        if seen.accepted is not None:
            for id_ in [seen.accepted] if isinstance(seen.accepted, str) else seen.accepted:
                # On a device it may still wait for a slot: it lives from its first sign on.
                self._core.alive(id_, self._context.clock.now_us())
                self.router.accepted(id_)

    def _learn(self, attempt: Attempt, result: SeenResult) -> None:
        """Take how long an attempt took as a sample."""
        took_us = _took_us(result)
        if took_us is not None:
            self._core.learn(attempt, took_us)

    def _to_queue(self, attempt: Attempt, queue: str) -> None:
        """Let an attempt that no device fits go to a queue."""
        attempt.queue = queue
        self._core.admit(attempt, self._context.clock.now_us())
        self._changed.set()

    # --- what goes out

    async def _send(self) -> None:
        """Put what may go out into the work stream, for ever."""
        publisher = self._context.publisher
        while True:
            await self._changed.wait()
            self._changed.clear()
            for sending in self._core.cut(self._context.clock.now_us()):
                place = (sending.namespace, sending.queue)
                if place not in self._queues:
                    self._queues.add(place)
                    self._group.create_task(self._ensure_queue(*place))
                self._sent += 1
                try:
                    future = await publisher.send(
                        subjects.work(*place),
                        sending.data,
                        # Unique: the same attempts may have to be sent again on purpose.
                        msg_id=f"{self._token}-{self._sent}",
                    )
                except StrettoError as error:
                    self._not_sent(sending, error)
                    continue
                future.add_done_callback(partial(self._was_sent, sending))
            pause_us = self._core.pause_us(self._context.clock.now_us())
            if pause_us is not None:
                pause_s = max(pause_us / 1_000_000, LEAST_PAUSE_S)
                asyncio.get_running_loop().call_later(pause_s, self._changed.set)

    def _was_sent(self, sending: Sending, future: asyncio.Future[list[PubAck]]) -> None:
        """Handle the acknowledgement of a work message, or that there will be none."""
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, StrettoError):
            self._not_sent(sending, error)
            return
        if error is not None:
            raise error  # a bug
        now_us = self._context.clock.now_us()
        self._measures.messages.add()
        self._measures.wait_us.observe(max(0, now_us - sending.attempts[0].arrived_us))
        for attempt in sending.attempts:
            if attempt.traceparent is not None:
                self._trace(attempt, sending.queue, now_us)
        self._do(self._core.stored(sending, future.result()[0].seq))

    def _not_sent(self, sending: Sending, error: StrettoError) -> None:
        logger.warning(
            "work not stored",
            extra={
                names.LOG_QUEUE: sending.queue,
                names.LOG_COUNT: len(sending.attempts),
                names.LOG_REASON: str(error),
            },
        )
        if isinstance(error, PermanentError):
            # The server will never take it: it is larger than its limit.
            for attempt in sending.attempts:
                if self._core.finished(attempt.id) is not None:
                    self._answer(
                        attempt,
                        Failure(type=FailureType.TOO_LARGE, message=error.message, retryable=False),
                    )
            return
        self._core.not_stored(sending)
        asyncio.get_running_loop().call_later(RETRY_SEND_S, self._changed.set)

    async def _ensure_queue(self, namespace: str, queue: str) -> None:
        """Make the consumer that the workers of a queue share, where it is missing."""
        try:
            await ensure(self._context.connection, (), [work_consumer(namespace, queue)])
        except StrettoError as error:
            self._queues.discard((namespace, queue))  # tried again with the next message
            logger.warning(
                "work consumer not made",
                extra={names.LOG_QUEUE: queue, names.LOG_REASON: str(error)},
            )

    # --- beside it

    async def _tick(self) -> None:
        while True:
            await self._context.clock.sleep(TICK_S)
            now_us = self._context.clock.now_us()
            if self._context.connection.is_connected:
                self._do(self._core.tick(now_us))
                self._look_at_resources(now_us)
            else:
                self._core.deaf(now_us)
                self.router.core.deaf(now_us)
            await self.router.tick()
            self._ticks += 1
            if self._ticks % RECONCILE_EVERY_TICKS == 0:
                await self._reconcile(now_us)
            counts = self._core.counts
            self._measures.held.set(counts.held)
            self._measures.unbound.set(counts.unbound)
            self._measures.out.set(counts.out)
            self._measures.own.set(counts.own)

    def _look_at_resources(self, now_us: int) -> None:
        """Fail what asks for more than there is, and let those go on that fit now."""
        if self._core.pool.has_waiting:
            self._do(self._core.short(now_us))
            self._changed.set()

    async def _reconcile(self, now_us: int) -> None:
        """Forget attempts whose messages were acknowledged although we saw no result of them."""
        self._core.forget_idle_lines()
        try:
            bounds = await self._work.bounds()
        except TransientError as error:
            logger.warning("work stream not looked at", extra={names.LOG_REASON: str(error)})
            return
        forgotten = self._core.acknowledged_before(bounds.first, now_us)
        if forgotten:
            logger.info("attempts without a result forgotten", extra={names.LOG_COUNT: forgotten})
            self._changed.set()

    async def _ask_open(self) -> None:
        """Ask the workflow service for what is open on this lane, until it answers."""
        wait_s = OPEN_FIRST_WAIT_S
        request = json_encode({"lane": self.lane})
        while True:
            try:
                await self._context.connection.request(subjects.api("workflow", "open"), request)
            except StrettoError as error:
                logger.info("waiting for open attempts", extra={names.LOG_REASON: str(error)})
                await self._context.clock.sleep(wait_s)
                wait_s = min(wait_s * 2, OPEN_MAX_WAIT_S)
            else:
                return

    def _do(self, effects: Iterable[Effect]) -> None:
        """Carry out what admission wants."""
        for effect in effects:
            match effect:
                case StopOwn(attempt):
                    self._house.stop([attempt.id])
                case Silent(attempt, heartbeat_s, details):
                    self._measures.lost.add()
                    self._answer(attempt, silence(heartbeat_s), details)
                case Short(attempt, reason):
                    text = f"expected resources that there are, but the step {reason}"
                    self._answer(
                        attempt, Failure(type=RESOURCE_SHORTAGE, message=text, retryable=False)
                    )
                case _:
                    self._errands.add(effect)

    def _answer(self, attempt: Attempt, failure: Failure, details: bytes | None = None) -> None:
        """Answer for an attempt that no worker will answer for."""
        now = rfc3339(self._context.clock.now_us())
        self._outbox.add(
            attempt.reply,
            TaskResult(
                id=attempt.id,
                status="failed",
                failure=failure,
                worker=self._context.instance,
                finished_at=now,
                details=NULL if details is None else msgspec.Raw(details),
            ),
        )

    def _stored_own(self, ids: list[str]) -> None:
        self._house.stored(ids)

    async def _publish_core(self, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        await self._context.connection.publish(subject, data, headers=headers)

    def _trace(self, attempt: Attempt, queue: str, now_us: int) -> None:
        parent = parse_traceparent(attempt.traceparent)
        if parent is None or not self._context.tracer.enabled:
            return
        id_ = parse_attempt_id(attempt.id)
        self._context.tracer.record(
            names.SPAN_DISPATCH,
            parent,
            dispatch_span_id(*id_),
            start_us=attempt.arrived_us,
            end_us=now_us,
            attributes={
                names.ATTR_STEP: id_.path,
                names.ATTR_ATTEMPT: id_.attempt,
                names.ATTR_TASK: attempt.task,
                names.ATTR_QUEUE: queue,
                names.ATTR_LANE: self.lane,
            },
        )


def _took_us(result: SeenResult) -> int | None:
    """How long an attempt took, where its worker says so in a form that is known."""
    if result.started_at is None or result.finished_at is None:
        return None
    try:
        return parse_rfc3339(result.finished_at) - parse_rfc3339(result.started_at)
    except ValueError:
        return None  # instants of a worker of another make: only a hint is lost
