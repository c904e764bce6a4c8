"""Puts what admission lets out into the work stream, as messages, and tells it what became of them.

Nobody waits for it: while messages are being stored, more attempts gather, and go out together.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterable
from functools import partial

from services.execution.core.admission import Admission
from services.execution.core.attempt import Attempt
from services.execution.core.effects import Effect
from services.execution.core.line import Sending
from services.execution.entrance import Entrance
from services.execution.measures import Measures
from services.execution.settings import ExecutionSettings
from stretto.bus.ensure import ensure
from stretto.bus.publisher import PubAck
from stretto.contracts import subjects
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.ids import parse_attempt_id
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import PermanentError, StrettoError
from stretto.runtime.topology import work_consumer
from stretto.telemetry import names
from stretto.telemetry.trace_ids import dispatch_span_id, parse_traceparent

RETRY_SEND_S = 0.2
LEAST_PAUSE_S = 0.005
"""What a rate lets out in this time goes out together."""

TOKEN_BYTES = 8
"""An instance that is restarted under the same name must not repeat its message ids."""

logger = logging.getLogger(__name__)


class Sender:
    """See the module's docstring; `run` until cancelled.

    Args:
        entrance: lets those go on that a rate kept back.
        changed: set whenever something may go out.
        do: carries out what admission wants.
        answer: answers for an attempt that can be sent to nobody.
    """

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        lane: int,
        core: Admission,
        measures: Measures,
        group: asyncio.TaskGroup,
        *,
        entrance: Entrance,
        changed: asyncio.Event,
        do: Callable[[Iterable[Effect]], None],
        answer: Callable[[Attempt, Failure], None],
    ) -> None:
        self._context = context
        self._lane = lane
        self._core = core
        self._measures = measures
        self._group = group
        self._entrance = entrance
        self._changed = changed
        self._do = do
        self._answer = answer
        self._queues: set[tuple[str, str]] = set()
        self._sent = 0
        self._token = secrets.token_hex(TOKEN_BYTES)
        self._unstored = 0
        """Messages whose acknowledgement has not come yet."""
        self._all_stored = asyncio.Event()
        self._wake: asyncio.TimerHandle | None = None
        self._sending = False

    def forget_queues(self) -> None:
        """Take note that the consumers of the work stream are gone."""
        self._queues.clear()

    async def wait_stored(self) -> None:
        """Wait until what was sent is stored, or was not."""
        while self._unstored:
            self._all_stored.clear()
            await self._all_stored.wait()

    async def run(self) -> None:
        """Put what may go out into the work stream, for ever."""
        clock, publisher = self._context.clock, self._context.publisher
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._sending = True
            self._entrance.let_in(clock.now_us())
            for sending in self._core.cut(clock.now_us()):
                try:
                    future = await publisher.send(
                        self._subject(sending), sending.data, msg_id=self._next_id()
                    )
                except StrettoError as error:
                    self._not_sent(sending, error)
                else:
                    self._is_out(sending, future)
            self._sending = False
            publisher.push()
            self._wake_for_rates(clock.now_us())

    def send_now(self) -> None:
        """Send what may go out in this turn, where nothing is on its way: the first of many
        need not wait for the others, and what is alone for nobody. Else it goes as ever."""
        publisher = self._context.publisher
        if self._sending or self._unstored or self._changed.is_set():
            self._changed.set()
            return
        now_us = self._context.clock.now_us()
        self._entrance.let_in(now_us)
        for sending in self._core.cut(now_us):
            try:
                future = publisher.send_now(
                    self._subject(sending), sending.data, msg_id=self._next_id()
                )
            except StrettoError as error:
                self._not_sent(sending, error)
                continue
            if future is None:
                self._core.not_stored(sending)
                self._changed.set()
            else:
                self._is_out(sending, future)
        self._wake_for_rates(now_us)

    def _subject(self, sending: Sending) -> str:
        place = (sending.namespace, sending.queue)
        if place not in self._queues:
            self._queues.add(place)
            self._group.create_task(self._ensure_queue(*place))
        return subjects.work(*place)

    def _next_id(self) -> str:
        """Unique: the same attempts may have to be sent again on purpose."""
        self._sent += 1
        return f"{self._token}-{self._sent}"

    def _is_out(self, sending: Sending, future: asyncio.Future[list[PubAck]]) -> None:
        self._unstored += 1
        future.add_done_callback(partial(self._was_sent, sending))

    def _wake_for_rates(self, now_us: int) -> None:
        """See to it that what a rate keeps back is looked at when its time comes."""
        pauses = (self._core.pause_us(now_us), self._entrance.pause_us(now_us))
        pause_us = min((pause for pause in pauses if pause is not None), default=None)
        if pause_us is None:
            return
        if self._wake is not None:
            self._wake.cancel()
        pause_s = max(pause_us / 1_000_000, LEAST_PAUSE_S)
        self._wake = asyncio.get_running_loop().call_later(pause_s, self._changed.set)

    def _was_sent(self, sending: Sending, future: asyncio.Future[list[PubAck]]) -> None:
        """Handle the acknowledgement of a work message, or that there will be none."""
        self._unstored -= 1
        if not self._unstored:
            self._all_stored.set()
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
            if attempt.rated:
                self._entrance.sent(attempt)
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
                names.ATTR_LANE: self._lane,
            },
        )
