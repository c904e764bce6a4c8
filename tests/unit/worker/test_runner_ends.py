"""How attempts end whose worker ends, whose process fails, or that are in a worker that is
cancelled."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from stretto.contracts.failures import Failure
from stretto.contracts.payload import NULL
from stretto.contracts.public import Task
from stretto.testkit.clock import FakeClock
from stretto.worker.handler import Way
from stretto.worker.ledger import Attempt, Delivery, Ledger
from stretto.worker.pools import run_here
from stretto.worker.runner import WITHDRAWN, WORKER_ENDS, Run, Runner

TASK = Task(id="r:a:1", run_id="r", step="a", attempt=1, task="t", input=NULL, reply="here")
BROKE = Failure(type="Boom", message="it broke", retryable=True)


class Outbox:
    """Results that are to be stored."""

    full = False

    def __init__(self) -> None:
        self.results: list[Any] = []

    def add(self, _reply: str, result: Any, *, more_soon: bool = False) -> None:
        self.results.append(result)


class Tracer:
    """Spans that note what failed."""

    enabled = True

    def __init__(self) -> None:
        self.failed: list[str] = []

    @contextmanager
    def span(self, *_: object) -> Any:
        yield SimpleNamespace(fail=self.failed.append)


class Pools:
    """Processes in which every handler fails."""

    async def in_process(self, *_: object) -> Failure:
        return BROKE


async def forever() -> None:
    await asyncio.Event().wait()


def handler(way: Way, function: Any = forever) -> Any:
    return SimpleNamespace(
        way=way,
        function=function,
        binding=SimpleNamespace(context=None, read=lambda _input: {}),
    )


def runner_of(group: Any, ledger: Ledger, tracer: Tracer, **handlers: Any) -> Runner:
    return Runner(
        worker="w",
        slots=1,
        handlers=handlers,
        ledger=ledger,
        outbox=cast(Any, Outbox()),
        pools=cast(Any, Pools()),
        clock=FakeClock(),
        tracer=cast(Any, tracer),
        send_progress=lambda _progress: None,
        group=group,
        freed=lambda: None,
    )


async def test_an_attempt_whose_worker_ends_is_left_to_another_worker() -> None:
    ledger = Ledger()
    ledger.take(Delivery("m"), [TASK])
    async with asyncio.TaskGroup() as group:
        runner = runner_of(group, ledger, Tracer(), t=handler(Way.ASYNC))
        runner.fill()
        await asyncio.sleep(0)
        assert ledger.running == 1

        runner.stop_all(WORKER_ENDS)

    assert ledger.running == 0
    assert cast(Any, runner)._outbox.results == []
    assert [each.message for each in ledger.close()] == ["m"], "it was not acknowledged"


@pytest.mark.parametrize(("reason", "results"), [(WITHDRAWN, 1), (WORKER_ENDS, 0)])
async def test_an_attempt_that_is_stopped_before_its_task_began_gives_its_slot_back(
    reason: str, results: int
) -> None:
    ledger = Ledger()
    ledger.take(Delivery("m"), [TASK])
    called: list[str] = []

    async def handle() -> None:
        called.append("handler")

    async with asyncio.TaskGroup() as group:
        runner = runner_of(group, ledger, Tracer(), t=handler(Way.ASYNC, handle))
        runner.fill()
        assert ledger.running == 1

        runner.stop_all(reason)  # in the same turn of the loop: its task has not run yet

    assert ledger.running == 0
    assert len(cast(Any, runner)._outbox.results) == results
    assert called == []


async def test_an_attempt_that_gives_up_as_its_worker_ends_is_left_to_another_worker() -> None:
    ledger = Ledger()
    ledger.take(Delivery("m"), [TASK])

    async def leaves() -> None:
        runner.stop_all(WORKER_ENDS)
        raise asyncio.CancelledError

    async with asyncio.TaskGroup() as group:
        runner = runner_of(group, ledger, Tracer(), t=handler(Way.ASYNC, leaves))
        runner.fill()

    assert (ledger.running, cast(Any, runner)._outbox.results) == (0, [])
    assert [each.message for each in ledger.close()] == ["m"], "it was not acknowledged"


async def test_a_span_says_how_a_handler_failed_in_its_process() -> None:
    tracer, ledger = Tracer(), Ledger()
    traced = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    task = msgspec.structs.replace(TASK, traceparent=traced)
    attempt = Attempt(task, Delivery(None))
    runner = runner_of(None, ledger, tracer)
    run = Run(attempt, handler(Way.PROCESS), "")

    assert await runner._ended(run, {}) == BROKE
    assert tracer.failed == ["Boom: it broke"]


async def test_a_worker_that_is_cancelled_answers_for_none_of_its_attempts() -> None:
    runner = runner_of(None, Ledger(), Tracer())
    run = cast(
        Any,
        SimpleNamespace(
            attempt=Attempt(TASK, Delivery(None)), handler=handler(Way.ASYNC), reason=None
        ),
    )
    attempt = asyncio.create_task(runner._ended(run, {}))
    await asyncio.sleep(0)

    attempt.cancel()

    with pytest.raises(asyncio.CancelledError):
        await attempt


def test_a_handler_that_asks_for_no_context_gets_none() -> None:
    assert bytes(cast(Any, run_here(lambda: 7, {}, TASK, None))) == b"7"
