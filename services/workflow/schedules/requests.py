"""Requests from the bus: stored, taken by any instance, carried out once, answered.

A request is known by its message, so that one that is delivered again is answered as before and
changes nothing.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from services.workflow.core import Rejection
from services.workflow.requested import Asker, Requested, asker_problem, request_key
from services.workflow.schedules import asking
from services.workflow.schedules.asking import Asked
from services.workflow.schedules.records import Firing, Key, Schedule
from services.workflow.schedules.sending import FiringSender
from services.workflow.schedules.store import Decided, ScheduleStore
from services.workflow.schedules.targets import Targets
from stretto.bus.message import Message
from stretto.contracts import subjects
from stretto.contracts.codec import decode_schedule_request, json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.schedules import Scheduled
from stretto.postgres.errors import Conflict
from stretto.runtime.topology import workflow_schedules
from stretto.schedule import load_schedule
from stretto.telemetry.names import LOG_COMMAND, LOG_SCHEDULE

logger = logging.getLogger(__name__)

FILE = "<schedule>"
"""What a document that came by the bus is called: who sent it knows the name of the file."""

MAX_SOURCE_BYTES = 1024 * 1024
MAX_SCHEDULES = 10_000
"""Schedules of a namespace: each is looked at when it is due, and listed."""

MAX_TRIES = 10
"""Others may decide about the same schedule meanwhile; each try reads it anew."""

Outcome = Decided | Scheduled | Rejection | Reason


class Requests:
    """Reads `stretto.schedules.*` and carries out what is asked."""

    def __init__(
        self,
        *,
        store: ScheduleStore,
        targets: Targets,
        sender: FiringSender,
        requested: Requested,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._targets = targets
        self._sender = sender
        self._requested = requested
        self._changed = changed

    async def run(self) -> None:
        """Carry out what comes, until cancelled."""
        consumer = workflow_schedules()
        await self._requested.serve(consumer, self._read, self.carry_out, fault="schedule_fault")

    def _read(self, message: Message) -> Asked:
        return Asked(
            request=decode_schedule_request(message.data),
            key=request_key(message),
            namespace=subjects.parse_schedules(message.subject),
            now_us=self._requested.clock.now_us(),
        )

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
            extra={LOG_SCHEDULE: decided.schedule.name, LOG_COMMAND: decided.change.command},
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
        loaded = await asyncio.to_thread(load_schedule, source, FILE, asked.now_us)
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
        doubts = await self._targets.warnings(asked.namespace, loaded, FILE)
        warnings = [msgspec.to_builtins(w) for w in [*loaded.warnings, *doubts]]
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
    if request.command == "apply":
        size = len((request.source or "").encode(errors="replace"))
        if size > MAX_SOURCE_BYTES:
            text = f"expected at most {MAX_SOURCE_BYTES} bytes, but got {size}"
            return Reason(code="schedule_too_large", message=text)
    elif not subjects.is_name(request.name or ""):
        text = f"expected the name of a schedule, but got {(request.name or '')[:60]!r}"
        return Reason(code="name_invalid", message=text)
    return asker_problem(Asker(asked.namespace, request.by, request.reason))
