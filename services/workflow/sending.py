"""What leaves the service: frames, events, answers. What could not be sent is made again later."""

import asyncio
import logging
from collections.abc import Iterable

from services.workflow.batch import Touched
from services.workflow.other_runs import parent_message
from services.workflow.outgoing import Frames
from services.workflow.slots import Slot, Written
from services.workflow.spans import Spans
from services.workflow.telling import (
    closed_message,
    emitted_message,
    event_commands,
    is_emit,
    log_messages,
)
from stretto.bus.publisher import Outgoing, PubAck, Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.events import StepCompleted
from stretto.contracts.public import Alert
from stretto.runtime.clock import Clock, rfc3339
from stretto.runtime.errors import PermanentError, StrettoError

logger = logging.getLogger(__name__)

LOG_LINGER_S = 0.05
"""Nobody waits for monitoring: what is committed within this time goes to it in one frame a
partition, which saves four messages a step on an idle machine."""

MAX_LOG_WAITING = 500
"""Changed runs that wait to be told to monitoring; with more the frame goes at once."""


class Sender:
    """Publishes what is committed. Publications are not awaited one by one.

    Attributes:
        must_resend: set when one failed: the sweep makes the open effects of every run again.
        untold: the same for what has no open effect (events, ends, results of children): the
            republisher tells it again from the log, since its watermark.
    """

    def __init__(self, publisher: Publisher, spans: Spans, clock: Clock, partitions: int) -> None:
        self._publisher = publisher
        self._spans = spans
        self._clock = clock
        self._partitions = partitions
        self._out: dict[asyncio.Future[list[PubAck]], int] = {}
        self._log: list[Touched] = []
        self._log_since_us = 0
        self._log_some = asyncio.Event()
        self.must_resend = asyncio.Event()
        self.untold = False

    def sent_until_us(self) -> int:
        """The instant before which everything that was sent is known to be stored."""
        sent_us = next(iter(self._out.values()), self._clock.now_us())
        return min(sent_us, self._log_since_us) if self._log else sent_us

    async def run(self) -> None:
        """Tell monitoring, a little later and together, until cancelled."""
        while True:
            await self._log_some.wait()
            await self._clock.sleep(LOG_LINGER_S)
            await self._tell_log()

    async def _tell_log(self) -> None:
        waiting, self._log = self._log, []
        self._log_some.clear()
        await self._send(log_messages(waiting))

    def _keep_for_log(self, changed: list[Touched], now_us: int) -> None:
        if not self._log:
            self._log_since_us = now_us
        self._log += changed
        self._log_some.set()

    async def questions(self, frames: Frames) -> bool:
        """Send the asks of a small frame without waiting for the commit; whether that was done."""
        asks = frames.quiet()
        if not asks:
            return False
        try:
            await self._publisher.publish_encoded(asks)
        except StrettoError:
            return False  # asked with everything else after the commit, which tells of the failure
        self._publisher.push()
        return True

    async def effects(self, frames: Frames) -> None:
        """Send asks, dispatches and withdrawals, at once: what is told of the commit is made
        meanwhile. Waits only while the window is full."""
        quiet, messages = frames.quiet(), frames.messages()
        if not quiet and not messages:
            return
        try:
            await self._publisher.publish_encoded(quiet)
        except StrettoError as error:
            self._failed("a frame", error)
        await self._send(messages)
        self._publisher.push()

    async def _send(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            try:
                future = await self._publisher.send(
                    message.subject, message.data, msg_id=message.msg_id, headers=message.headers
                )
            except StrettoError as error:
                self._failed(message.subject, error)
            else:
                self._out[future] = self._clock.now_us()
                future.add_done_callback(self._sent)

    def _sent(self, future: "asyncio.Future[list[PubAck]]") -> None:
        self._out.pop(future, None)
        if not future.cancelled() and (error := future.exception()) is not None:
            self._failed("a frame", error)

    async def drained(self, limit_s: float) -> None:
        """Wait until everything sent is stored, for at most `limit_s`; the rest is made again from
        the log by the next owner."""
        await self._tell_log()
        if self._out:
            await asyncio.wait(self._out, timeout=limit_s)

    def _failed(self, subject: str, error: BaseException) -> None:
        extra = {"subject": subject, "reason": str(error)}
        if isinstance(error, PermanentError):
            logger.error("publication refused", extra=extra)  # again would be the same again
            return
        logger.warning("publication failed", extra=extra)
        self.untold = True
        self.must_resend.set()

    async def told(self, touched: Iterable[Touched], now_us: int) -> None:
        """Tell the world what was committed: events of each run, ends, the log for monitoring."""
        changed = list(touched)
        at = rfc3339(now_us).encode()
        self._keep_for_log(changed, now_us)
        if len(self._log) > MAX_LOG_WAITING:
            await self._tell_log()
        commands: list[bytes] = []
        for each in changed:
            if each.written[0].at_us == now_us:
                commands += event_commands(each.slot, each.written, at)
            else:
                commands += _by_instant(each.slot, each.written)
        await self._publish_events(commands)
        for each in changed:
            if each.slot.run.closed:
                await self._send(self._ends(each.slot, each.written[-1].at_us))
        for each in changed:
            if each.slot.run.traceparent is not None:
                self._spans.record(each.slot, each.written)

    async def _publish_events(self, commands: list[bytes]) -> None:
        """Publish events; when that fails the republisher tells them again."""
        try:
            await self._publisher.publish_encoded(commands)
        except StrettoError as error:
            self._failed("stretto.events", error)

    async def told_from_log(self, slot: Slot, written: list[Written]) -> None:
        """Publish stored events again, instant by instant, with the ids that they had."""
        touched = Touched(slot)
        touched.written = written
        await self._send(log_messages([touched]))
        await self._publish_events(_by_instant(slot, written))
        await self._send(
            emitted_message(slot, w.step, bytes(w.event.output))
            for w in written
            if isinstance(w.event, StepCompleted) and w.step and is_emit(slot, w.step)
        )
        if slot.run.closed:
            await self._send(self._ends(slot, written[-1].at_us))

    def _ends(self, slot: Slot, closed_us: int) -> list[Outgoing]:
        """What a run's end has to say: to everybody, and to the run that waits for it."""
        told = parent_message(slot, self._partitions)
        return [closed_message(slot, closed_us), *([] if told is None else [told])]

    async def told_parent(self, slot: Slot) -> None:
        """Send the result of a run that has ended to the run that waits for it, once more."""
        told = parent_message(slot, self._partitions)
        if told is not None:
            await self._send([told._replace(msg_id=None)])

    async def alert(self, namespace: str, alert: Alert, msg_id: str) -> None:
        """Say that a person should look at something: a fault of ours. `msg_id`: said once."""
        subject = subjects.alert(namespace, "critical")
        await self._send([Outgoing(subject, json_encode(alert), msg_id)])

    async def answers(self, due: Iterable[Outgoing]) -> None:
        """Send answers; who does not hear one asks again."""
        for message in due:
            try:
                await self._publisher.publish_core(
                    message.subject, message.data, headers=message.headers
                )
            except StrettoError as error:
                extra = {"subject": message.subject, "reason": str(error)}
                logger.warning("answer not published", extra=extra)


def _by_instant(slot: Slot, written: list[Written]) -> list[bytes]:
    """The events of a run as they are told: those of an instant together, whoever tells them."""
    return [
        command
        for some in _instants(written)
        for command in event_commands(slot, some, rfc3339(some[0].at_us).encode())
    ]


def _instants(written: list[Written]) -> Iterable[list[Written]]:
    """Split events into those of one instant: what was committed together, but for what followed
    from answers that a round has waited for."""
    start = 0
    for end in range(1, len(written) + 1):
        if end == len(written) or written[end].at_us != written[start].at_us:
            yield written[start:end]
            start = end
