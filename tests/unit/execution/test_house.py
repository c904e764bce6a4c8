"""The service's own worker: what nobody wants is stopped, and the end waits only so long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.execution.core.effects import Move, Stop, Verify
from services.execution.errands import Errands
from services.execution.own.house import House
from stretto.contracts.codec import json_encode
from stretto.contracts.payload import NULL
from stretto.contracts.public import Task, TaskResult
from stretto.runtime.errors import TransientError
from stretto.telemetry.tracing import NoTracer
from stretto.testkit.clock import FakeClock
from stretto.worker.handler import Handler

from .given import attempt


class Outbox:
    """Keeps results."""

    def __init__(self) -> None:
        self.results: list[TaskResult] = []
        self.told = asyncio.Event()

    def add(self, _reply: str, result: TaskResult, **_: object) -> None:
        self.results.append(result)
        self.told.set()


class Begun:
    """Counts handlers that wait, and tells when there are enough."""

    def __init__(self, wanted: int) -> None:
        self._left = wanted
        self.all = asyncio.Event()

    async def hold(self) -> None:
        self._left -= 1
        if not self._left:
            self.all.set()
        await asyncio.Event().wait()


def own(name: str) -> Any:
    task = Task(id=f"r:{name}:1", run_id="r", step=name, attempt=1, task="std.hold", input=NULL,
                reply="here")  # fmt: skip
    given = attempt(task.id, "std.hold", None)
    given.payload = json_encode(task)
    return given


@asynccontextmanager
async def house(outbox: Outbox, begun: Begun) -> AsyncIterator[House]:
    async with asyncio.TaskGroup() as group:
        yield House(
            name="here",
            handlers={"std.hold": Handler("std.hold", begun.hold)},
            outbox=cast(Any, outbox),
            clock=FakeClock(),
            tracer=NoTracer(),
            group=group,
        )


async def stopped(outbox: Outbox, count: int) -> None:
    """Wait for so many results."""
    while len(outbox.results) < count:
        outbox.told.clear()
        await outbox.told.wait()


async def test_what_nobody_wants_is_stopped_and_answered_so() -> None:
    outbox, begun = Outbox(), Begun(2)
    async with house(outbox, begun) as here:
        here.run([own("a"), own("b")])
        here.run([own("a")])
        await asyncio.wait_for(begun.all.wait(), 10)

        here.stop(["r:a:1", "r:unknown:1"])
        await asyncio.wait_for(outbox.told.wait(), 10)
        here.stop(["r:b:1"])

        await asyncio.wait_for(stopped(outbox, 2), 10)
        here.run([own("a")])
        assert len(outbox.results) == 2, "its result is on its way"
        here.stored(["r:a:1", "r:b:1"])
        here.run([own("a")])

    assert [result.id for result in outbox.results] == ["r:a:1", "r:b:1", "r:a:1"], "given again"
    assert all(r.failure is not None and r.failure.type == "Cancelled" for r in outbox.results)


async def test_what_runs_for_too_long_at_the_end_is_given_up_without_an_answer() -> None:
    outbox, begun = Outbox(), Begun(1)
    async with house(outbox, begun) as here:
        here.run([own("a")])
        await asyncio.wait_for(begun.all.wait(), 10)

        await here.end(0.0)

    assert outbox.results == [], "it is run again after the restart"


# --- errands


class Stream:
    """A work stream in which messages may be missing, or that cannot be asked."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away
        self.asked: list[int] = []

    async def has(self, seq: int) -> bool:
        self.asked.append(seq)
        if self.away and len(self.asked) == 1:
            raise TransientError("bus.no_responders", "expected an answer, but there is none")
        return seq == 2

    async def claimed_up_to(self, _namespace: str, _queue: str) -> int:
        return 1

    async def take_out(self, seq: int) -> bool:
        if self.away:
            raise TransientError("bus.no_responders", "expected an answer, but there is none")
        self.asked.append(seq)
        return True


class Core:
    """What admission was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def vanished(self, _attempt: object, seq: int) -> None:
        self.told.append(("vanished", seq))

    def moved(self, _attempt: object, seq: int) -> None:
        self.told.append(("moved", seq))


async def published(_subject: str, _data: bytes) -> None:
    pass


async def done(stream: Stream, core: Core, *errands: Any) -> None:
    changed = asyncio.Event()
    connection = cast(Any, SimpleNamespace(publish=published))
    doing = Errands(connection, cast(Any, stream), cast(Any, core), changed)
    running = asyncio.create_task(doing.run())
    await asyncio.sleep(0)
    for errand in errands:
        doing.add(errand)
    await asyncio.wait_for(changed.wait(), 10)
    running.cancel()
    await asyncio.wait([running])


async def test_an_errand_that_cannot_be_done_now_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream, core = Stream(away=True), Core()
    sent = attempt("r:a:1")
    sent.alone, sent.seq = True, 9

    await done(
        stream,
        core,
        Verify(sent, 1),
        Stop("default", "q", [sent]),
        Verify(sent, 2),
        Verify(sent, 3),
    )

    assert core.told == [("vanished", 3)], "the second is still there"
    assert caplog.messages == ["errand not done"] * 2


async def test_what_a_worker_has_already_is_not_moved() -> None:
    stream, core = Stream(), Core()

    await done(stream, core, Move(attempt("r:a:1"), 1), Move(attempt("r:b:1"), 7))

    assert core.told == [("moved", 7)]
    assert stream.asked == [7]


async def test_only_a_message_of_one_attempt_is_taken_out_when_nobody_wants_that() -> None:
    stream, core = Stream(), Core()
    alone, among, unsent = (attempt(f"r:{name}:1") for name in "abc")
    alone.alone, alone.seq, among.seq = True, 9, 10
    unsent.alone = True

    await done(stream, core, Stop("default", "q", [alone, among, unsent]), Move(among, 7))

    assert stream.asked == [9, 7]
