"""Runs attempts: as many at once as there are slots, each in the way of its handler.

One attempt, from its slot to its result::

    withdrawn? past its deadline? unknown? wrong input?  ── yes ──► failed
       │ no
    accepted (where asked) ─► run: inline | task of the loop | thread | process
                                 │ stopped by: withdrawal, deadline, end of the worker
                                 ▼
                              result ─► outbox          (end of the worker: given up, no result)
"""

import asyncio
import contextvars
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import msgspec

from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.payload import MAX_PAYLOAD_BYTES, MAX_STORED_BYTES, NULL, REFERENCE_MARK
from stretto.contracts.public import Progress, Task, TaskResult
from stretto.payloads import Carrier
from stretto.runtime.clock import US_PER_S, Clock, parse_rfc3339, rfc3339
from stretto.runtime.errors import StrettoError
from stretto.telemetry import names
from stretto.telemetry.trace_ids import attempt_span_id, parse_traceparent
from stretto.telemetry.tracing import SpanInProgress, Tracer
from stretto.worker.context import Beat, Context
from stretto.worker.errors import InvalidInput
from stretto.worker.handler import Handler, Way
from stretto.worker.ledger import Attempt, Ledger
from stretto.worker.outbox import Outbox
from stretto.worker.outcome import completed, encode_output, failed, failure_of, unknown_task
from stretto.worker.pools import Ended, Pools
from stretto.worker.pulse import Pulse

WITHDRAWN = "withdrawn"
DEADLINE = "deadline"
WORKER_ENDS = "worker ends"

logger = logging.getLogger(__name__)


class Run:
    """One attempt that runs outside the fast path and can be stopped."""

    __slots__ = (
        "attempt", "begun", "context", "handler", "pulse", "reason", "started_at", "task", "timer",
    )  # fmt: skip

    def __init__(self, attempt: Attempt, handler: Handler, started_at: str) -> None:
        self.attempt = attempt
        self.handler = handler
        self.started_at = started_at
        self.begun = False
        self.reason: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.context: Context | None = None
        self.pulse: Pulse | None = None

    def stop(self, reason: str) -> None:
        """Cancel the handler, for the first reason that is given."""
        if self.reason is None:
            self.reason = reason
            if self.context is not None:
                self.context.cancelled = True
            assert self.task is not None, "a run is reachable only after it has its task"
            if self.begun:  # else a cancelled task would end without its first line: it looks there
                self.task.cancel()


class Runner:
    """See the module's docstring.

    Args:
        worker: the name that results carry.
        slots: how many attempts run at once.
        handlers: by task.
        send_progress: sends a sign of life; never waits.
        group: where attempts that wait run.
        freed: called when slots have become free.
        carrier: carries payloads that are too large for a message; None: they are left alone.
    """

    def __init__(
        self,
        *,
        worker: str,
        slots: int,
        handlers: Mapping[str, Handler],
        ledger: Ledger,
        outbox: Outbox,
        pools: Pools,
        clock: Clock,
        tracer: Tracer,
        send_progress: Callable[[Progress], None],
        group: asyncio.TaskGroup,
        freed: Callable[[], None],
        carrier: Carrier | None = None,
    ) -> None:
        self._worker = worker
        self._slots = slots
        self._handlers = handlers
        self._ledger = ledger
        self._outbox = outbox
        self._pools = pools
        self._clock = clock
        self._tracer = tracer
        self._send_progress = send_progress
        self._group = group
        self._freed = freed
        self._carrier = carrier
        self._inline = MAX_PAYLOAD_BYTES if carrier is None else carrier.limit
        self._limit = MAX_PAYLOAD_BYTES if carrier is None else MAX_STORED_BYTES
        self._loop = asyncio.get_running_loop()
        self._runs: dict[Run, None] = {}

    def fill(self) -> None:
        """Begin queued attempts while there are free slots."""
        ledger = self._ledger
        while ledger.running < self._slots and (attempt := ledger.next()) is not None:
            self._begin(attempt)

    def stop_all(self, reason: str) -> None:
        """Stop everything that runs; `WORKER_ENDS` gives attempts up without a result."""
        for run in list(self._runs):
            run.stop(reason)

    def _begin(self, attempt: Attempt) -> None:
        task = attempt.task
        now_us = self._clock.now_us()
        handler = self._handlers.get(task.task)
        if attempt.withdrawn:
            return self._fail(attempt, _withdrawn(), None)
        if handler is None:
            return self._fail(attempt, unknown_task(task.task, sorted(self._handlers)), None)
        refers = self._carrier is not None and REFERENCE_MARK in bytes(task.input)
        try:
            late_us = _late_us(task, now_us)
            arguments = None if refers else handler.binding.read(task.input)
        except InvalidInput as error:
            return self._fail(attempt, failure_of(error), None)
        if late_us is not None and late_us >= 0:
            return self._fail(attempt, _past_deadline(task), None)
        if task.accept:
            self._outbox.accept(task.reply, task.id)
        inline = handler.way is Way.INLINE and handler.binding.context is None
        if inline and arguments is not None:
            return self._run_through(attempt, handler, arguments, rfc3339(now_us))
        return self._spawn(attempt, handler, arguments, rfc3339(now_us), late_us)

    # --- the fast path: a coroutine that cannot wait

    def _run_through(
        self, attempt: Attempt, handler: Handler, arguments: dict[str, Any], started_at: str
    ) -> None:
        try:
            with self._span(attempt.task):
                output = encode_output(run_through(handler.function(**arguments)), self._limit)
        except asyncio.CancelledError:
            return self._fail(attempt, _cancelled_itself(), started_at)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a handler raises is its outcome
            return self._fail(attempt, failure_of(error), started_at)
        if len(output) > self._inline:
            self._group.create_task(self._end_large(attempt, output, started_at))
            return None
        return self._complete(attempt, output, started_at)

    async def _end_large(self, attempt: Attempt, output: msgspec.Raw, started_at: str) -> None:
        try:
            sent = await self._sent(output)
        except StrettoError as error:
            self._fail(attempt, failure_of(error), started_at)
        else:
            self._complete(attempt, sent, started_at)
        self.fill()
        self._freed()

    # --- everything that may wait

    def _spawn(
        self,
        attempt: Attempt,
        handler: Handler,
        arguments: dict[str, Any] | None,
        started_at: str,
        late_us: int | None,
    ) -> None:
        task = attempt.task
        run = Run(attempt, handler, started_at)
        if task.heartbeat_s is not None or handler.binding.context is not None:
            self._attend(run)
        run.task = self._group.create_task(self._run(run, arguments))
        attempt.runner = run
        self._runs[run] = None
        if late_us is not None:
            run.timer = self._loop.call_later(-late_us / US_PER_S, run.stop, DEADLINE)

    def _attend(self, run: Run) -> None:
        """Give a run its pulse, and the context for its handler."""
        task, handler = run.attempt.task, run.handler
        pulse = Pulse(task.id, self._worker, task.heartbeat_s, self._send_progress)
        if handler.way is Way.THREAD:
            beat: Beat = partial(self._say_from_thread, pulse)
        else:
            beat = pulse.say
        run.pulse, run.context = pulse, Context(task, beat)
        pulse.start()

    def _say_from_thread(
        self, pulse: Pulse, progress: float | None, message: str | None, details: msgspec.Raw
    ) -> None:
        self._loop.call_soon_threadsafe(pulse.say, progress, message, details)

    async def _run(self, run: Run, arguments: dict[str, Any] | None) -> None:
        try:
            ended = await self._ended(run, arguments)
        finally:
            if run.pulse is not None:
                run.pulse.stop()
            if run.timer is not None:
                run.timer.cancel()
            del self._runs[run]
        attempt = run.attempt
        if ended is None:
            self._ledger.abandon(attempt)
        elif isinstance(ended, Failure):
            details = NULL if run.pulse is None else run.pulse.details
            self._fail(attempt, ended, run.started_at, details)
        else:
            self._complete(attempt, ended, run.started_at)
        self.fill()
        self._freed()

    async def _ended(self, run: Run, given: dict[str, Any] | None) -> Ended | None:
        """Run the handler; return its output or failure, None when it was given up."""
        task, handler = run.attempt.task, run.handler
        run.begun = True
        if run.reason is not None:
            return self._stopped(run)
        try:
            with self._span(task) as span:
                arguments = await self._fetched(task, handler) if given is None else given
                ended: Ended
                if handler.way is not Way.PROCESS:
                    if handler.binding.context is not None:
                        arguments[handler.binding.context] = run.context
                    ended = encode_output(await self._value(handler, arguments), self._limit)
                else:
                    ended = await self._pools.in_process(
                        handler.function, arguments, task, handler.binding.context
                    )
                if isinstance(ended, msgspec.Raw):
                    return await self._sent(ended)
                if span is not None:
                    span.fail(f"{ended.type}: {ended.message}")
                return ended
        except asyncio.CancelledError:
            return self._stopped(run)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a handler raises is its outcome
            return failure_of(error)

    async def _fetched(self, task: Task, handler: Handler) -> dict[str, Any]:
        """The arguments of a handler whose input refers to payloads."""
        assert self._carrier is not None, "without one references are left alone"
        data = await self._carrier.receive(bytes(task.input), task.run_id)
        return handler.binding.read(msgspec.Raw(data))

    async def _sent(self, output: msgspec.Raw) -> msgspec.Raw:
        """An output as it goes into the message: itself, or its reference."""
        if self._carrier is None or len(output) <= self._inline:
            return output
        return msgspec.Raw(await self._carrier.send(bytes(output)))

    def _value(self, handler: Handler, arguments: dict[str, Any]) -> Awaitable[object]:
        if handler.way is Way.THREAD:
            call = partial(handler.function, **arguments)
            return self._pools.in_thread(contextvars.copy_context(), call)
        coroutine: Awaitable[object] = handler.function(**arguments)
        return coroutine

    def _stopped(self, run: Run) -> Ended | None:
        if run.reason == WORKER_ENDS:
            return None
        if run.reason == WITHDRAWN:
            return _withdrawn()
        if run.reason == DEADLINE:
            return _past_deadline(run.attempt.task)
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise asyncio.CancelledError  # the whole worker is being cancelled
        return _cancelled_itself()

    def _complete(self, attempt: Attempt, output: msgspec.Raw, started_at: str) -> None:
        now = rfc3339(self._clock.now_us())
        self._finish(attempt, completed(attempt.task.id, output, self._worker, started_at, now))

    def _fail(
        self,
        attempt: Attempt,
        failure: Failure,
        started_at: str | None,
        details: msgspec.Raw = NULL,
    ) -> None:
        logger.info(
            "attempt failed",
            extra={
                names.LOG_RUN_ID: attempt.task.run_id,
                names.LOG_STEP: attempt.task.step,
                names.LOG_ATTEMPT: attempt.task.attempt,
                names.LOG_TASK: attempt.task.task,
                names.LOG_CODE: failure.type,
                names.LOG_REASON: failure.message,
            },
        )
        now = rfc3339(self._clock.now_us())
        result = failed(attempt.task.id, failure, self._worker, started_at, now, details=details)
        self._finish(attempt, result)

    def _finish(self, attempt: Attempt, result: TaskResult) -> None:
        others_run = self._ledger.finish(attempt, result)
        self._outbox.add(attempt.task.reply, result, more_soon=others_run)

    def _span(self, task: Task) -> AbstractContextManager[SpanInProgress | None]:
        """The span of the attempt, where its run is traced."""
        if task.traceparent is None or not self._tracer.enabled:
            return nullcontext()
        parent = parse_traceparent(task.traceparent)
        if parent is None:
            return nullcontext()
        return self._tracer.span(
            names.SPAN_ATTEMPT,
            parent,
            attempt_span_id(parent.trace_id, task.step, task.attempt),  # the trace is the run
            {
                names.ATTR_RUN_ID: task.run_id,
                names.ATTR_STEP: task.step,
                names.ATTR_ATTEMPT: task.attempt,
                names.ATTR_TASK: task.task,
                names.ATTR_WORKER: self._worker,
            },
        )


def run_through(coroutine: Any) -> object:
    """Drive a coroutine that cannot wait to its end, in a context of its own; return its value."""
    try:
        contextvars.copy_context().run(coroutine.send, None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("expected a coroutine without an await to run through, but it waits")


def _late_us(task: Task, now_us: int) -> int | None:
    """Microseconds since the deadline (negative: still to come), None without one.

    Raises:
        InvalidInput: the deadline is no instant; whoever sent the task is wrong.
    """
    if task.deadline is None:
        return None
    try:
        return now_us - parse_rfc3339(task.deadline)
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _withdrawn() -> Failure:
    return Failure(
        type=FailureType.CANCELLED, message="the attempt was withdrawn: nobody waits for it"
    )


def _cancelled_itself() -> Failure:
    return Failure(
        type=FailureType.CANCELLED, message="expected the handler to end, but it cancelled itself"
    )


def _past_deadline(task: Task) -> Failure:
    return Failure(
        type=FailureType.RUN_TIMEOUT,
        message=f"expected the attempt to end before {task.deadline}, but it did not",
    )
