"""Requests from the bus: stored, taken by any instance, carried out once, answered.

A request is known by its message, so that one that is delivered again is answered as before and
changes nothing.
"""

import asyncio
import logging
import zlib
from collections.abc import Callable

import msgspec

from services.workflow.answers import may_answer
from services.workflow.core import Rejection
from services.workflow.faults import FAULTS
from services.workflow.feeding import MAX_MESSAGES, Pull
from services.workflow.schedules import asking
from services.workflow.schedules.asking import Asked
from services.workflow.schedules.records import Firing, Key, Schedule
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import Decided, ScheduleStore
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message
from stretto.bus.publisher import Publisher
from stretto.contracts import subjects
from stretto.contracts.codec import decode_schedule_request, json_encode
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Reason
from stretto.contracts.public import Refused, Rejected
from stretto.contracts.schedules import Scheduled
from stretto.postgres.errors import BadValue, Conflict
from stretto.runtime.clock import Clock
from stretto.runtime.errors import PermanentError, StrettoError, TransientError
from stretto.runtime.topology import workflow_schedules
from stretto.schedule import load_schedule

logger = logging.getLogger(__name__)

MAX_SOURCE_BYTES = 1024 * 1024
MAX_SCHEDULES = 10_000
"""Schedules of a namespace: each is looked at when it is due, and listed."""

PUT_OFF_S = 1.0
"""When the tables cannot be reached a request comes again after so long."""

MAX_BY_CHARS = 256
MAX_TRIES = 10
"""Others may decide about the same schedule meanwhile; each try reads it anew."""

Outcome = Decided | Scheduled | Rejection | Reason


class Requests:
    """Reads `stretto.schedules.*` and carries out what is asked."""

    def __init__(
        self,
        *,
        store: ScheduleStore,
        sender: FiringSender,
        publisher: Publisher,
        pull: Pull,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._sender = sender
        self._publisher = publisher
        self._pull = pull
        self._clock = clock
        self._changed = changed
        self._dead_letters = DeadLetters(publisher, "workflow")

    async def run(self) -> None:
        """Carry out what comes, until cancelled."""
        async with self._pull(workflow_schedules(), MAX_MESSAGES) as loop:
            while True:
                for message in await loop.next_batch():
                    try:
                        await self._take(message)
                    except TransientError as error:
                        logger.warning("request put off", extra={"reason": error.message})
                        await self._clock.sleep(PUT_OFF_S)
                        message.give_back()

    async def _take(self, message: Message) -> None:
        try:
            namespace = subjects.parse_schedules(message.subject)
            request = decode_schedule_request(message.data)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            reason = Reason(code="message_unreadable", message=str(error))
            await self._dead_letters.bury(message, reason.code, reason.message)
            await self._say(message, Refused(rejected=reason))
            return
        asked = Asked(
            request=request,
            key=f"{message.stream_seq}:{message.timestamp_ns}:{zlib.crc32(message.data)}",
            namespace=namespace,
            now_us=self._clock.now_us(),
        )
        await self._say(message, await self._outcome(asked))
        message.ack()

    async def _outcome(self, asked: Asked) -> bytes | Refused:
        try:
            found = await self.carry_out(asked)
        except BadValue as error:
            found = Reason(code="value_invalid", message=error.message)
        except PermanentError as error:
            logger.exception("request at fault", extra={"subject": asked.namespace})
            found = Reason(code="schedule_fault", message=error.message)
        except FAULTS as error:
            logger.exception("request at fault", extra={"subject": asked.namespace})
            text = f"expected to carry it out, but the service failed: {type(error).__name__}"
            found = Reason(code="schedule_fault", message=text)
        return Refused(rejected=found) if isinstance(found, Reason) else found

    async def _say(self, message: Message, answer: bytes | Refused) -> None:
        """Answer who asked; a refusal is for all to see."""
        data = answer if isinstance(answer, bytes) else json_encode(answer)
        reply = may_answer(message.headers.get(subjects.HEADER_REPLY))
        try:
            if isinstance(answer, Refused):
                told = Rejected(subject=message.subject, reason=answer.rejected)
                namespace = message.subject.split(".")[2]
                await self._publisher.publish_core(subjects.rejected(namespace), json_encode(told))
            if reply is not None:
                await self._publisher.publish_core(reply, data)
        except StrettoError as error:
            logger.warning("answer not published", extra={"reason": error.message})

    async def carry_out(self, asked: Asked) -> bytes | Reason:
        """Do what is asked; the answer, as JSON, or why not.

        Raises TransientError when the tables cannot be reached.
        """
        problem = _problem(asked)
        if problem is not None:
            return problem
        for _ in range(MAX_TRIES):
            before = await self._store.answer_to(asked.key)
            if before is not None:
                return before
            outcome = await self._decide(asked)
            if isinstance(outcome, Reason):
                return outcome
            if isinstance(outcome, Rejection):
                return Reason(code=outcome.code, message=outcome.message)
            if isinstance(outcome, Scheduled):
                return json_encode(outcome)
            try:
                kept = await self._store.commit([outcome])
            except Conflict:
                continue
            if kept:
                return await self._done(kept[0])
        return Reason(
            code="schedule_contended",
            message=f"expected to be the only one to change the schedule, but {MAX_TRIES} times "
            "another was faster",
        )

    async def _done(self, decided: Decided) -> bytes:
        assert decided.change is not None
        await self._sender.send([*decided.added, *decided.changed])
        self._changed()
        logger.info(
            "schedule changed",
            extra={"schedule": decided.schedule.name, "command": decided.change.command},
        )
        return decided.change.answer

    async def _decide(self, asked: Asked) -> Outcome:
        request = asked.request
        if request.command == "apply":
            return await self._apply(asked)
        name = request.name or ""
        key = (asked.namespace, name)
        found = await self._store.load([key])
        if not found or found[0].removed_us is not None:
            return Rejection(
                code="schedule_unknown",
                message=f"expected schedule {name[:100]!r} to exist in namespace "
                f"{asked.namespace!r}, but it does not",
            )
        schedule = found[0]
        match request.command:
            case "pause":
                return asking.paused(asked, schedule)
            case "resume":
                return asking.resumed(asked, schedule)
            case "remove":
                return asking.removed(asked, schedule, await self._held(key))
            case "trigger":
                return asking.triggered(asked, schedule, await self._held(key))
            case _:
                return await self._backfill(asked, schedule)

    async def _apply(self, asked: Asked) -> Outcome:
        source = asked.request.source or ""
        loaded = await asyncio.to_thread(load_schedule, source, "<schedule>", asked.now_us)
        if loaded.spec is None:
            first = str(loaded.mistakes[0]) if loaded.mistakes else "it could not be read"
            return Reason(
                code="schedule_invalid",
                message=f"expected a schedule without mistakes, but found "
                f"{len(loaded.mistakes)}: {first}",
                details=[msgspec.to_builtins(m) for m in loaded.mistakes],
            )
        found = await self._store.load([(asked.namespace, loaded.spec.schedule)])
        before = found[0] if found else None
        if before is None and await self._store.count(asked.namespace) >= MAX_SCHEDULES:
            return Rejection(
                code="schedules_full",
                message=f"expected at most {MAX_SCHEDULES} schedules in a namespace, but there "
                "are as many already",
            )
        warnings = [msgspec.to_builtins(w) for w in loaded.warnings]
        return asking.applied(asked, loaded.spec, source, before, warnings)

    async def _backfill(self, asked: Asked, schedule: Schedule) -> Outcome:
        wanted = asking.backfill_range(asked, schedule)
        if isinstance(wanted, Rejection):
            return wanted
        there = await self._store.firings(schedule.key, wanted.after_us, wanted.until_us)
        held = await self._held(schedule.key)
        return asking.backfilled(asked, schedule, held, there, wanted)

    async def _held(self, key: Key) -> list[Firing]:
        return (await self._store.held([key]))[key]


def _problem(asked: Asked) -> Reason | None:
    """Say what is wrong with a request before anything is looked up."""
    request = asked.request
    if not subjects.is_name(asked.namespace):
        return Reason(
            code="namespace_invalid",
            message=f"expected a namespace {subjects.NAME_PATTERN}, "
            f"but got {asked.namespace[:60]!r}",
        )
    if request.command == "apply":
        size = len((request.source or "").encode(errors="replace"))
        if size > MAX_SOURCE_BYTES:
            text = f"expected at most {MAX_SOURCE_BYTES} bytes, but got {size}"
            return Reason(code="schedule_too_large", message=text)
    elif not subjects.is_name(request.name or ""):
        text = f"expected the name of a schedule, but got {(request.name or '')[:60]!r}"
        return Reason(code="name_invalid", message=text)
    for field, limit in (("by", MAX_BY_CHARS), ("reason", MAX_MESSAGE_CHARS)):
        text = getattr(request, field) or ""
        if len(text) > limit:
            return Reason(
                code="request_invalid",
                message=f"{field}: expected at most {limit} characters, but got {len(text)}",
            )
    return None
