"""What leaves the service: frames, events, answers. What could not be sent is made again later."""

import asyncio
import logging
from collections.abc import Iterable

from services.workflow.batch import Touched
from services.workflow.core import Rejection
from services.workflow.inbox import Addressed, Item
from services.workflow.outgoing import (
    Frames,
    closed_message,
    emitted_message,
    event_command,
    is_emit,
    log_messages,
    parent_message,
    refused_child,
)
from services.workflow.slots import Slot, Written
from services.workflow.spans import Spans
from services.workflow.timers import Timers
from stretto.bus.publisher import Outgoing, PubAck, Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.events import StepCompleted
from stretto.contracts.failures import Reason
from stretto.contracts.frames import StartRecord
from stretto.contracts.ids import run_id_text
from stretto.contracts.public import Controlled, Refused, Rejected, Started
from stretto.runtime.clock import rfc3339
from stretto.runtime.errors import StrettoError

logger = logging.getLogger(__name__)

_QUIET = frozenset({"timer_stale", "decision_not_open"})
"""Rejections that are ordinary: a timer that was overtaken, an ask that was made twice."""


class Sender:
    """Publishes what is committed. Publications are not awaited one by one; a failed one sets
    `must_resend`, and the sweep makes the open effects of every run again."""

    def __init__(self, publisher: Publisher, timers: Timers, spans: Spans, partitions: int) -> None:
        self._partitions = partitions
        self._publisher = publisher
        self._timers = timers
        self._spans = spans
        self._answers: list[Outgoing] = []
        self._out: set[asyncio.Future[list[PubAck]]] = set()
        self.must_resend = asyncio.Event()

    async def effects(self, frames: Frames) -> None:
        """Send asks, dispatches and withdrawals; set timers. Waits only while the window is
        full."""
        for run_id, timer in frames.timers:
            self._timers.add(run_id, timer)
        await self._send(frames.messages())

    async def _send(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            try:
                future = await self._publisher.send(
                    message.subject, message.data, msg_id=message.msg_id, headers=message.headers
                )
            except StrettoError as error:
                self._failed(message.subject, error)
            else:
                self._out.add(future)
                future.add_done_callback(self._sent)

    def _sent(self, future: "asyncio.Future[list[PubAck]]") -> None:
        self._out.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            self._failed("a frame", error)

    async def drained(self, limit_s: float) -> None:
        """Wait until everything sent is stored, for at most `limit_s`; the rest is made again from
        the log by the next owner."""
        if self._out:
            await asyncio.wait(self._out, timeout=limit_s)

    def _failed(self, subject: str, error: BaseException) -> None:
        logger.warning("publication failed", extra={"subject": subject, "reason": str(error)})
        self.must_resend.set()

    async def told(self, touched: Iterable[Touched], now_us: int) -> None:
        """Tell the world what was committed: events of each run, ends, the log for monitoring."""
        changed = list(touched)
        at = rfc3339(now_us).encode()
        await self._send(log_messages(changed))
        await self._publish_events([event_command(t.slot, t.written, at) for t in changed])
        for each in changed:
            if each.slot.run.closed:
                await self._send(self._ends(each.slot, now_us))
        for each in changed:
            if each.slot.run.traceparent is not None:
                self._spans.record(each.slot, each.written)

    async def _publish_events(self, commands: list[bytes]) -> None:
        """Publish events; when that fails the republisher's watermark stays where it is."""
        try:
            await self._publisher.publish_encoded(commands)
        except StrettoError as error:
            logger.warning("events not published", extra={"reason": str(error)})

    async def _publish_core(self, message: Outgoing) -> None:
        try:
            await self._publisher.publish_core(
                message.subject, message.data, headers=message.headers
            )
        except StrettoError as error:
            logger.warning(
                "publication failed", extra={"subject": message.subject, "reason": str(error)}
            )

    async def told_from_log(self, slot: Slot, written: list[Written]) -> None:
        """Publish stored events again, commit by commit, with the ids that they had."""
        touched = Touched(slot)
        touched.written = written
        await self._send(log_messages([touched]))
        await self._publish_events(
            [event_command(slot, c, rfc3339(c[0].at_us).encode()) for c in _commits(written)]
        )
        await self._send(
            emitted_message(slot, w.step, bytes(w.event.output))
            for w in written
            if isinstance(w.event, StepCompleted) and w.step and is_emit(slot, w.step)
        )
        if slot.run.closed and written:
            await self._send(self._ends(slot, written[-1].at_us))

    def _ends(self, slot: Slot, closed_us: int) -> list[Outgoing]:
        """What a run's end has to say: to everybody, and to the run that waits for it."""
        told = parent_message(slot, self._partitions)
        return [closed_message(slot, closed_us), *([] if told is None else [told])]

    # --- answers to those who asked for one

    def refuse(self, item: Item, rejection: Rejection) -> None:
        """Answer with a refusal, and publish it for all to see."""
        if rejection.code in _QUIET:
            return
        reason = Reason(code=rejection.code, message=rejection.message)
        subject, reply = _origin(item)
        if isinstance(item, StartRecord) and item.parent is not None:
            self._answers.append(refused_child(item, reason, self._partitions))
        if reply is not None:
            self._answers.append(Outgoing(reply, json_encode(Refused(rejected=reason))))
        rejected = Rejected(subject=subject, reason=reason)
        self._answers.append(Outgoing(subjects.rejected(item.namespace), json_encode(rejected)))
        logger.info("request refused", extra={"subject": subject, "reason": rejection.code})

    def started(self, item: StartRecord, run_id: str, version: int, *, existing: bool) -> None:
        if item.reply is not None:
            answer = Started(
                run_id=run_id, workflow=item.workflow, version=version, existing=existing
            )
            self._answers.append(Outgoing(item.reply, json_encode(answer)))

    def controlled(self, item: Addressed) -> None:
        assert item.reply is not None
        command = getattr(getattr(item.command, "request", None), "command", "")
        answer = Controlled(run_id=run_id_text(item.run_id), command=command)
        self._answers.append(Outgoing(item.reply, json_encode(answer)))

    def drop_answers(self) -> None:
        """Forget answers to what was not committed after all."""
        self._answers.clear()

    async def answers(self) -> None:
        """Send the answers that are due."""
        due, self._answers = self._answers, []
        for message in due:
            await self._publish_core(message)


def _origin(item: Item) -> tuple[str, str | None]:
    if isinstance(item, StartRecord):
        return subjects.start(item.namespace, item.workflow), item.reply
    return item.subject or subjects.control(item.namespace, run_id_text(item.run_id)), item.reply


def _commits(written: list[Written]) -> Iterable[list[Written]]:
    """Split events into those that were committed together: they share their instant."""
    start = 0
    for end in range(1, len(written) + 1):
        if end == len(written) or written[end].at_us != written[start].at_us:
            yield written[start:end]
            start = end
