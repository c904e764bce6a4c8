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
from collections.abc import Iterable, Mapping

import msgspec

from services.execution.beginning import Beginning
from services.execution.core.admission import Admission
from services.execution.core.answered import Answered
from services.execution.core.attempt import Attempt, Counts
from services.execution.core.effects import Effect, Short, Silent, StopOwn
from services.execution.core.gate import Gate, Told
from services.execution.core.pulses import silence
from services.execution.core.roster import Roster
from services.execution.entrance import Entrance
from services.execution.errands import Errands
from services.execution.measures import Measures
from services.execution.own.house import House
from services.execution.own.tasks import own_handlers
from services.execution.results import Results
from services.execution.routing import Router
from services.execution.sender import Sender
from services.execution.settings import ExecutionSettings
from services.execution.work_stream import WorkStream
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message
from stretto.contracts.admission import parse_rates, parse_resources
from stretto.contracts.codec import unpack_dispatch
from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.public import TaskResult
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import rfc3339
from stretto.runtime.context import ServiceContext
from stretto.runtime.ending import ended
from stretto.runtime.errors import TransientError
from stretto.telemetry import names
from stretto.worker.outbox import Outbox

TICK_S = 0.25
"""A heartbeat that stopped is noticed so late at most, beyond what it may be silent."""

OWN_PATIENCE_S = 3.0
"""At the end, `std.*` tasks have so long; then they are given up and run again elsewhere."""

HAND_OVER_S = 1.0
"""The workflow service reads results within milliseconds; those that we were the last to read it
has read after so long."""

RECONCILE_EVERY_TICKS = 40
"""Every 10 s: attempts whose messages were acknowledged long ago are forgotten."""

RESOURCE_SHORTAGE = "ResourceShortage"

logger = logging.getLogger(__name__)


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
        rates = parse_rates(settings.rates)
        self._core = Admission(
            roster,
            parse_resources(settings.resources),
            rates,
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
            context,
            roster,
            to_queue=self._to_queue,
            answer=self._answer,
            sent=self._sent_to_device,
            pool=self._core.pool,
        )
        self._gate = Gate(rates)
        self._answered = Answered()
        self._beginning = Beginning(context, lane, self._core, self._gate, self._answered)
        self._entrance = Entrance(
            self._core,
            self._gate,
            self.router,
            self._house,
            answered=self._answered,
            clock=context.clock,
            do=self._do,
            answer=self._answer,
        )
        self._sender = Sender(
            context,
            lane,
            self._core,
            measures,
            group,
            entrance=self._entrance,
            changed=self._changed,
            do=self._do,
            answer=self._answer,
        )
        self._results = Results(
            context,
            lane,
            self._core,
            self._gate,
            self.router,
            answered=self._answered,
            measures=measures,
            counts=self._is_counting,
            changed=self._changed,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._ticks = 0

    # --- how it is

    @property
    def full(self) -> bool:
        """Whether no more should be taken for now."""
        return self._core.full or self._gate.full

    @property
    def counts(self) -> Counts:
        """How much is where."""
        return self._core.counts

    def told_rate(self, id_: str) -> tuple[Attempt, Told] | None:
        """What an attempt waits for that a rate of its key keeps back; None: it does not."""
        return self._gate.told(id_, self._context.clock.now_us())

    @property
    def rates(self) -> list[Told]:
        """The keys that somebody waits for."""
        return self._gate.keys(self._context.clock.now_us())

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
        await self._beginning.recover(self._work)
        for work in (
            self._sender.run(),
            self._results.run(),
            self._tick(),
            self._errands.run(),
            self.router.run(),
            self._beginning.ask_open(self._results.caught_up.wait),
            *((self._results.overhear(),) if self._results.overhears else ()),
        ):
            self._tasks.append(self._group.create_task(work))

    async def hand_over(self) -> None:
        """Stop, so that another instance can go on without doing anything twice: what is sent is
        stored, and what became of it the workflow service has heard."""
        await self.end()
        try:
            async with asyncio.timeout(OWN_PATIENCE_S):
                await self._sender.wait_stored()
        except TimeoutError:
            logger.warning("work not stored at the end", extra={names.LOG_LANE: self.lane})
        await self._context.clock.sleep(HAND_OVER_S)

    async def end(self) -> None:
        """Finish what is begun, and stop."""
        await self._house.end(OWN_PATIENCE_S)
        try:
            async with asyncio.timeout(OWN_PATIENCE_S):
                await self._outbox.wait_empty()
        except TimeoutError:
            logger.warning("results not stored at the end", extra={names.LOG_LANE: self.lane})
        await ended(self._tasks)

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
        wrong = self._entrance.admit(frame)
        self._measures.admitted.add(len(frame.records))
        self._changed.set()
        if wrong:
            await self._letters.bury(message, "execution.bad_record", wrong)
            return
        message.ack()

    def take_at_once(self, message: Message) -> bool:
        """Take a frame that is as usual in the callback in which it arrives; whether it was."""
        try:
            frame = unpack_dispatch(message.data)
        except UNREADABLE:
            return False
        if self._entrance.admit(frame):
            return False  # once more, for the dead letters: what was admitted is known by then
        self._measures.admitted.add(len(frame.records))
        message.ack()
        self._sender.send_now()
        return True

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

    def results_lost(self) -> None:
        """Take note that the stream of results was deleted: what is asked for again is sent."""
        self._answered.clear()

    def store_lost(self) -> None:
        """Take note that the work stream was deleted: everything that is out goes out again."""
        self._sender.forget_queues()
        self._measures.again.add(self._core.counts.out)
        self._core.store_lost()
        self._changed.set()

    def _sent_to_device(self, attempt: Attempt) -> None:
        """Take note that an attempt with a route is on its way."""
        if attempt.rated:
            self._entrance.sent(attempt)

    def _is_counting(self) -> bool:
        """Whether results of attempts of other lanes' partitions may matter."""
        pool = self._core.pool
        return bool(pool.used or pool.has_waiting or self._gate.used)

    def _to_queue(self, attempt: Attempt, queue: str) -> None:
        """Let an attempt that no device fits go to a queue."""
        attempt.queue = queue
        self._core.admit(attempt, self._context.clock.now_us())
        self._changed.set()

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
        self._entrance.settle()
        self._beginning.settle(now_us)
        try:
            bounds = await self._work.bounds()
        except TransientError as error:
            logger.warning("work stream not looked at", extra={names.LOG_REASON: str(error)})
            return
        forgotten = self._core.acknowledged_before(bounds.first, now_us)
        if forgotten:
            logger.info("attempts without a result forgotten", extra={names.LOG_COUNT: forgotten})
            self._changed.set()

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
