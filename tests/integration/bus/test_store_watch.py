"""A store that was deleted under us is noticed, whatever did it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stretto.bus.connection import Connection
from stretto.bus.ensure import delete_stream, ensure
from stretto.bus.store_watch import StoreWatch
from stretto.bus.topology import Stream
from stretto.runtime.errors import TransientError
from stretto.testkit.servers import NatsServer

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]

A = Stream(name="A", subjects=("a",))
B = Stream(name="B", subjects=("b",), storage="memory")


class Recorder:
    """Remembers what was reported; fails a few times before."""

    def __init__(self) -> None:
        self.reports: list[list[str]] = []
        self.failures = 0

    async def __call__(self, names: list[str]) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("test.busy", "expected to send the effects, but not now")
        self.reports.append(names)


def making(bus: Connection) -> Callable[[], Awaitable[None]]:
    async def make() -> None:
        await ensure(bus, [A, B])

    return make


async def test_the_first_look_reports_what_is_missing_and_the_next_nothing(bus: Connection) -> None:
    recorder = Recorder()
    await ensure(bus, [A])
    watch = StoreWatch(bus, ["A", "B"], making(bus), recorder)
    assert await watch.look() == ["B"]
    assert await watch.look() == []
    assert recorder.reports == [["B"]]


async def test_streams_deleted_or_made_again_by_somebody_are_reported(bus: Connection) -> None:
    recorder = Recorder()
    await ensure(bus, [A, B])
    watch = StoreWatch(bus, ["A", "B"], making(bus), recorder)
    assert await watch.look() == []
    await delete_stream(bus, "A")
    assert await watch.look() == ["A"]
    await delete_stream(bus, "B")
    await ensure(bus, [B])
    assert await watch.look() == ["B"], "the same name, but another stream"
    assert await watch.look() == []


async def test_a_report_that_failed_is_made_again(bus: Connection) -> None:
    recorder = Recorder()
    recorder.failures = 2
    watch = StoreWatch(bus, ["A", "B"], making(bus), recorder)
    assert [await watch.look() for _ in range(4)] == [[], [], ["A", "B"], []]
    assert recorder.failures == 0


async def test_a_wiped_store_is_noticed_by_itself(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    recorder = Recorder()
    watch = StoreWatch(own_bus, ["A", "B"], making(own_bus), recorder, interval_s=0.1)
    running = asyncio.ensure_future(watch.run())
    await eventually(lambda: len(recorder.reports) == 1)
    await own_server.wipe_store()
    await eventually(lambda: len(recorder.reports) == 2)
    await own_server.kill()
    await own_server.start()
    # What lived in memory is gone; A may be reported as well when the kill came before the look
    # that follows a report.
    await eventually(lambda: any("B" in names for names in recorder.reports[2:]))
    running.cancel()


async def test_a_hint_makes_it_look_before_its_time(
    bus: Connection, eventually: Eventually
) -> None:
    recorder = Recorder()
    watch = StoreWatch(bus, ["A", "B"], making(bus), recorder, interval_s=60)
    running = asyncio.ensure_future(watch.run())
    await eventually(lambda: len(recorder.reports) == 1)
    await delete_stream(bus, "A")
    watch.look_now()
    await eventually(lambda: len(recorder.reports) == 2)
    running.cancel()


async def test_more_streams_than_a_page_are_all_seen(bus: Connection) -> None:
    many = [Stream(name=f"S{n}", subjects=(f"s.{n}",), storage="memory") for n in range(300)]
    await ensure(bus, many)
    reported: list[list[str]] = []

    async def report(names: list[str]) -> None:
        reported.append(names)

    watch = StoreWatch(bus, [stream.name for stream in many], making(bus), report)
    assert await watch.look() == []
    assert reported == []


async def test_streams_that_cannot_be_made_yet_are_reported_when_they_are(bus: Connection) -> None:
    recorder = Recorder()
    tries: list[int] = []

    async def make() -> None:
        tries.append(len(tries))
        if len(tries) == 1:
            raise TransientError("test.busy", "expected to make the streams, but not now")
        await ensure(bus, [A, B])

    watch = StoreWatch(bus, ["A", "B"], make, recorder)
    assert [await watch.look() for _ in range(3)] == [[], ["A", "B"], []]
    assert recorder.reports == [["A", "B"]]


async def test_a_stream_deleted_while_its_loss_is_reported_is_reported_again(
    bus: Connection,
) -> None:
    """What the report has sent is lost with it: somebody may make it again before the next look."""
    reports: list[list[str]] = []

    async def sends_for_a_while(names: list[str]) -> None:
        reports.append(names)
        if len(reports) == 1:
            await delete_stream(bus, "B")
            await ensure(bus, [B])

    watch = StoreWatch(bus, ["A", "B"], making(bus), sends_for_a_while)
    assert [await watch.look() for _ in range(3)] == [["A", "B"], ["B"], []]
    assert reports == [["A", "B"], ["B"]]
