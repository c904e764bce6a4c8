"""One life of a worker on the bus: from its connection to its last acknowledgement.

::

    up     connection ► work consumer ► presence ► pulling
    work   pull ─► ledger ─► runner ─► outbox ─► acknowledge          (each arrow: natural batches)
           beside it: in progress (open messages), presence, withdrawals
    down   1. pulling stops; what was not handed out is given back
           2. what is here ends, for at most `drain_timeout_s`; then it is given up
           3. results are stored, their messages acknowledged, the others given back
           4. presence says `gone`; the connection closes

No more messages are asked for than there are free slots for their attempts; see `_allowance`.
"""

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from stretto.bus.connection import Connection
from stretto.bus.deadletter import DeadLetters
from stretto.bus.ensure import ensure
from stretto.bus.message import Message, ack_all, in_progress_all
from stretto.bus.publisher import Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.wire import publish_command, subject_bytes
from stretto.contracts import subjects
from stretto.contracts.codec import decode_work, json_encode
from stretto.contracts.public import Progress, Work
from stretto.contracts.unreadable import UNREADABLE
from stretto.payloads import Carrier
from stretto.runtime.clock import Clock
from stretto.runtime.errors import PermanentError, StrettoError
from stretto.runtime.topology import WORK_ACK_WAIT_S, streams_for, work_consumer
from stretto.telemetry import names
from stretto.telemetry.tracing import Tracer
from stretto.worker.attendance import Attendance, Profile
from stretto.worker.ledger import Delivery, Ledger
from stretto.worker.outbox import Outbox
from stretto.worker.pools import Pools
from stretto.worker.runner import WITHDRAWN, WORKER_ENDS, Runner

IN_PROGRESS_INTERVAL_S = WORK_ACK_WAIT_S / 3
SHARE_OF_SLOTS = 4
"""A message holds attempts for at most this part of the slots of its smallest worker."""

MAX_ATTEMPTS_A_MESSAGE = 100
"""More do not make a record cheaper, and would keep it longer from a free worker."""

STORE_TIMEOUT_S = 10.0
"""At the end, results wait this long for the store; then their attempts are left to others."""

logger = logging.getLogger(__name__)


class Withdrawal(msgspec.Struct, frozen=True):
    """`stretto.withdraw.<ns>.<queue>`: nobody wants these attempts any more."""

    ids: list[str] = []


_decode_withdrawal = msgspec.json.Decoder(Withdrawal).decode


class Session:
    """See the module's docstring; `run` once."""

    def __init__(
        self,
        profile: Profile,
        connection: Connection,
        publisher: Publisher,
        clock: Clock,
        tracer: Tracer,
    ) -> None:
        self._profile = profile
        self._connection = connection
        self._publisher = publisher
        self._clock = clock
        self._tracer = tracer
        self._letters = DeadLetters(publisher, "worker")
        self._who = profile.who
        self._ledger = Ledger()
        self._attendance = Attendance(profile, connection, self._ledger)
        self._pools = Pools(profile.slots)
        self._quiet = asyncio.Event()
        self._draining = False
        self._per_message = min(max(1, profile.slots // SHARE_OF_SLOTS), MAX_ATTEMPTS_A_MESSAGE)
        self._pull = PullLoop(
            connection,
            subjects.STREAM_WORK,
            subjects.work_consumer(profile.namespace, profile.queue),
            batch=self._allowance(profile.slots),
            capacity=self._allowance(profile.slots),
            on_missing=self._ensure,
        )
        self._runner: Runner
        self._outbox: Outbox

    @property
    def busy_threads(self) -> int:
        """Handlers that still run in threads, although nobody waits for them any more."""
        return self._pools.busy_threads

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set, then drain and return.

        Raises:
            PermanentError: the bus refuses what the worker needs.
        """
        try:
            async with asyncio.TaskGroup() as group:
                self._wire(group)
                await self._ensure()
                where = self._profile.namespace, self._profile.queue
                who = self._profile.namespace, self._profile.name
                subscriptions = [
                    await self._connection.subscribe(subjects.withdraw(*where), self._withdrawn),
                    await self._connection.subscribe(subjects.withdraw(*who), self._withdrawn),
                    await self._connection.subscribe(subjects.device(*who), self._addressed),
                ]
                background = [
                    group.create_task(self._connection.wait_closed(), name="bug-watch"),
                    group.create_task(self._attendance.stay(), name="presence"),
                    group.create_task(self._keep_open(), name="in-progress"),
                ]
                pulling = group.create_task(self._take(), name="pull")
                await stopping.wait()
                self._draining = True
                logger.info("worker drains", extra=self._who | self._counts())
                pulling.cancel()
                await self._drain()
                for task in background:
                    task.cancel()
                for subscription in subscriptions:
                    await self._connection.unsubscribe(subscription)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._pools.close()
        logger.info("worker stopped", extra=self._who)

    def _wire(self, group: asyncio.TaskGroup) -> None:
        profile = self._profile
        self._outbox = Outbox(
            self._publisher, profile.name, self._stored, group.create_task, self._clock.sleep
        )
        self._runner = Runner(
            worker=profile.name,
            slots=profile.slots,
            handlers=profile.handlers,
            ledger=self._ledger,
            outbox=self._outbox,
            pools=self._pools,
            clock=self._clock,
            tracer=self._tracer,
            send_progress=self._send_progress,
            group=group,
            freed=self._freed,
            carrier=Carrier(self._connection, self._publisher, self._clock),
        )

    async def _ensure(self) -> None:
        """Make the stream and the queue's consumer; whoever comes first does."""
        consumer = work_consumer(self._profile.namespace, self._profile.queue)
        await ensure(self._connection, streams_for("worker"), [consumer])

    # --- taking work

    async def _take(self) -> None:
        logger.info(
            "worker started",
            extra=self._who | {names.LOG_COUNT: len(self._profile.handlers)},
        )
        self._pull.at_once = self._begin_at_once
        async with self._pull:
            while True:
                if self._outbox.full:
                    self._pull.set_capacity(0)
                    await self._outbox.wait_room()
                self._set_capacity()
                for message in await self._pull.next_batch():
                    await self._begin(message)

    async def _begin(self, message: Message) -> None:
        try:
            work = decode_work(message.data)
        except UNREADABLE as error:
            await self._refuse(message, error)
            return
        self._begin_all(message, work)

    def _begin_at_once(self, message: Message) -> bool:
        """Begin what is as usual in the callback in which it arrives."""
        if self._outbox.full:
            return False
        try:
            work = decode_work(message.data)
        except UNREADABLE:
            return False
        self._begin_all(message, work)
        self._set_capacity()
        return True

    def _begin_all(self, message: Message, work: Work) -> None:
        delivery = Delivery(message)
        for reply, result in self._ledger.take(delivery, work.tasks):
            self._outbox.add(reply, result)
        if not delivery.waiting:
            message.ack()  # an empty one
            return
        self._runner.fill()

    def _addressed(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        """Attempts for this worker alone: execution sends them again until they are accepted."""
        try:
            tasks = decode_work(data).tasks
        except UNREADABLE as error:
            logger.warning("work not understood", extra={names.LOG_REASON: str(error)})
            return
        if self._draining:
            return  # not accepted: they go to another
        for task in tasks:
            if task.accept:
                self._outbox.accept(task.reply, task.id)
        # Accepted already: not once more when they begin.
        taken = [msgspec.structs.replace(task, accept=False) for task in tasks]
        for reply, result in self._ledger.take(Delivery(None), taken):
            self._outbox.add(reply, result)
        self._runner.fill()

    async def _refuse(self, message: Message, error: Exception) -> None:
        """Put what is no work into the dead letters; it is delivered again until it is there."""
        try:
            await self._letters.bury(message, "worker.bad_work", f"expected work, but: {error}")
        except StrettoError as refused:
            logger.warning("dead letter not stored", extra={names.LOG_REASON: str(refused)})

    def _allowance(self, free: int) -> int:
        """How many messages may be asked for, so that their attempts find free slots.

        A message may hold up to `_per_message` attempts. With fewer free slots than that one
        message is asked for all the same: else slots would stay empty while there is work.
        """
        return -(-free // self._per_message) if free > 0 else 0

    def _set_capacity(self) -> None:
        free = self._profile.slots - self._ledger.running - self._ledger.queued
        self._pull.set_capacity(self._allowance(free))

    def _freed(self) -> None:
        """A slot is free again."""
        if not self._outbox.full:
            self._set_capacity()
        if not self._ledger.running:
            self._quiet.set()

    def _stored(self, ids: list[str]) -> None:
        done = self._ledger.stored(ids)
        if done:
            ack_all(messages_of(done))

    def _withdrawn(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            ids = _decode_withdrawal(data).ids
        except UNREADABLE as error:
            logger.warning("withdrawal not understood", extra={names.LOG_REASON: str(error)})
            return
        for runner in self._ledger.withdraw(ids):
            runner.stop(WITHDRAWN)

    # --- beside the work

    async def _keep_open(self) -> None:
        """Tell the server that open messages are worked on: else another worker gets them."""
        while True:
            await self._clock.sleep(IN_PROGRESS_INTERVAL_S)
            in_progress_all(messages_of(self._ledger.open))

    def _send_progress(self, progress: Progress) -> None:
        if not self._connection.is_connected:
            return  # the next sign comes soon
        run_id = progress.id.partition(":")[0]
        try:
            subject = subject_bytes(subjects.progress(self._profile.namespace, run_id))
        except PermanentError as error:
            logger.warning("progress not sent", extra={names.LOG_REASON: str(error)})
            return
        self._connection.send(publish_command(subject, b"", b"", json_encode(progress)))

    # --- the end

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self._profile.drain_timeout_s):
                while self._ledger.running or self._ledger.queued:
                    self._quiet.clear()
                    await self._quiet.wait()
        except TimeoutError:
            logger.warning("worker gives up attempts", extra=self._who | self._counts())
            self._ledger.close()
            self._runner.stop_all(WORKER_ENDS)
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                while self._ledger.running:
                    self._quiet.clear()
                    await self._quiet.wait()
                await self._outbox.wait_empty()
        except TimeoutError:
            logger.warning("results not stored at the end", extra=self._who | self._counts())
        for message in messages_of(self._ledger.open):
            message.give_back()
        await self._attendance.say(gone=True)

    def _counts(self) -> dict[str, object]:
        return {names.LOG_COUNT: self._ledger.running + self._ledger.queued}


def messages_of(deliveries: Iterable[Delivery]) -> list[Message]:
    """Return the messages of deliveries that wait for an acknowledgement."""
    return [d.message for d in deliveries if isinstance(d.message, Message)]
