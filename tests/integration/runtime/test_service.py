"""The life of a service: it waits, works, stops in order, and ends with a code when it cannot."""

import asyncio
import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from stretto.bus.connection import connect
from stretto.bus.ensure import ensure
from stretto.contracts import subjects
from stretto.contracts.frames import ServiceStats
from stretto.runtime import streams, topology
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import NotReachable, TransientError
from stretto.runtime.settings import ServiceSettings
from stretto.testkit.ports import free_port
from stretto.testkit.servers import NatsServer
from tests.integration.runtime.conftest import DEADLINE_S, Start

Context = ServiceContext[ServiceSettings]


async def readyz(port: int) -> tuple[int, dict[str, object]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /readyz HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - the condition is anything
            await asyncio.sleep(0.01)


async def test_a_service_works_until_it_is_told_to_stop(
    start: Start, nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stretto")
    port = free_port()
    running = start(health_port=port)
    await running.begun.wait()

    status, told = await readyz(port)
    assert (status, told["status"], told["not_ready"]) == (200, "ok", {})
    async with await connect(nats_url, "test") as bus:
        reply = await bus.request(subjects.api("decision", "health"))
        assert json.loads(reply.data)["instance"] == "decision-1"

    running.signal()
    assert await running.exit_code() == 0
    messages = [record.message for record in caplog.records if record.name.startswith("stretto.r")]
    assert messages == [
        "service starts",
        "health is served",
        "service started",
        "signal received",
        "service stopped",
    ]
    assert running.context.connection.is_closed
    with pytest.raises(OSError, match="Connect"):
        await readyz(port)


async def test_streams_and_consumers_exist_when_main_begins(start: Start) -> None:
    async def body(context: Context) -> None:
        for stream in context.topology.streams:
            reply = await context.connection.request(f"$JS.API.STREAM.INFO.{stream.name}")
            assert json.loads(reply.data)["config"]["name"] == stream.name
        (consumer,) = context.topology.consumers
        name = f"$JS.API.CONSUMER.INFO.{consumer.stream}.{consumer.name}"
        assert "error" not in json.loads((await context.connection.request(name)).data)
        context.stopping.set()

    running = start(body)
    assert await running.exit_code() == 0
    assert [s.name for s in running.context.topology.streams] == [
        "STRETTO_DECIDE",
        "STRETTO_DECIDED",
        "STRETTO_DLQ",
    ]


async def test_statistics_are_told_on_the_bus(start: Start, nats_url: str) -> None:
    told: asyncio.Queue[bytes] = asyncio.Queue()
    async with await connect(nats_url, "test") as bus:
        await bus.subscribe(subjects.stats("decision"), lambda _s, _r, _h, d: told.put_nowait(d))
        await bus.flush()
        running = start()
        await running.begun.wait()
        running.context.metrics.counter("things_total").add(3)
        async with asyncio.timeout(DEADLINE_S):
            stats = msgspec.json.decode(await told.get(), type=ServiceStats)
            while "things_total" not in stats.counters:
                stats = msgspec.json.decode(await told.get(), type=ServiceStats)
    assert (stats.service, stats.instance) == ("decision", "decision-1")
    assert stats.gauges["stretto_resident_memory_bytes"] > 0
    running.signal()
    assert await running.exit_code() == 0


async def test_readiness_says_stopping_while_main_finishes(start: Start) -> None:
    port, finish = free_port(), asyncio.Event()

    async def body(context: Context) -> None:
        await context.started()
        await context.stopping.wait()
        await finish.wait()

    running = start(body, health_port=port)
    await until(lambda: bool(running.contexts) and running.context.health.ready)
    running.signal(signal.SIGINT)
    await until(running.context.stopping.is_set)
    status, told = await readyz(port)
    assert (status, told["not_ready"]) == (503, {"service": "stopping"})
    assert not running.context.connection.is_closed
    finish.set()
    assert await running.exit_code() == 0


async def test_a_main_that_does_not_finish_is_cancelled(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    cancelled = []

    async def body(context: Context) -> None:
        await context.started()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(not context.connection.is_closed)
            raise

    running = start(body, shutdown_timeout_s=0.1)
    await until(lambda: bool(running.contexts) and running.context.health.ready)
    running.signal()
    assert await running.exit_code() == 1
    assert cancelled == [True]
    assert "service did not finish in time" in caplog.messages


async def test_a_second_signal_does_not_wait(start: Start) -> None:
    async def body(context: Context) -> None:
        await context.started()
        await asyncio.Event().wait()

    running = start(body, shutdown_timeout_s=600)
    await until(lambda: bool(running.contexts) and running.context.health.ready)
    running.signal()
    await until(running.context.stopping.is_set)
    running.signal()
    assert await running.exit_code() == 1


async def test_a_crash_ends_the_process_with_a_code_and_the_reason(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(context: Context) -> None:
        raise AssertionError("the log is corrupt")

    running = start(body)
    assert await running.exit_code() == 1
    assert running.context.connection.is_closed
    failed = next(record for record in caplog.records if record.message == "service failed")
    assert failed.exc_text is None or "the log is corrupt" in failed.exc_text
    assert failed.exc_info is not None


async def test_a_timeout_of_mains_own_is_a_crash_and_not_a_stop(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(context: Context) -> None:
        raise TimeoutError("the query took too long")

    assert await start(body).exit_code() == 1
    assert "service failed" in caplog.messages


async def test_a_bare_timeout_while_opening_is_a_crash(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from stretto.runtime.health import HealthServer

    async def refuses(self: HealthServer) -> None:
        raise TimeoutError("no address in time")

    monkeypatch.setattr(HealthServer, "start", refuses)
    assert await start(health_port=0).exit_code() == 1
    assert "service failed" in caplog.messages


async def test_a_main_that_returns_unasked_is_a_failure(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(context: Context) -> None:
        await context.started()

    assert await start(body).exit_code() == 1
    assert "service ended before it was told to" in caplog.messages


async def test_what_runs_beside_main_ends_the_process_when_it_fails(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks() -> None:
        raise AssertionError("a bug beside")

    async def body(context: Context) -> None:
        await context.started()
        context.beside(breaks())
        await asyncio.Event().wait()

    assert await start(body).exit_code() == 1
    assert "service failed" in caplog.messages


async def test_a_bug_in_a_subscription_ends_the_process(start: Start) -> None:
    def sink(_subject: bytes, _reply: bytes, _block: bytes, _data: bytes) -> None:
        raise AssertionError("a bug in a sink")

    async def body(context: Context) -> None:
        await context.connection.subscribe("test.subject", sink)
        await context.connection.publish("test.subject", b"")
        await asyncio.Event().wait()

    assert await start(body).exit_code() == 1


async def test_it_waits_for_the_bus_and_says_so(data_dir: Path, start: Start) -> None:
    server, port = NatsServer(data_dir, free_port()), free_port()
    running = start(nats_url=f"nats://127.0.0.1:{server.port}", health_port=port)
    await until(lambda: _listens(port))
    async with asyncio.timeout(DEADLINE_S):
        while "NATS" not in str((await readyz(port))[1]["not_ready"]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await server.start()
    async with asyncio.timeout(DEADLINE_S):
        await running.begun.wait()
    assert (await readyz(port))[0] == 200
    running.signal()
    assert await running.exit_code() == 0
    await server.stop()


async def test_told_to_stop_while_it_waits_it_stops_at_once(start: Start) -> None:
    running = start(nats_url=f"nats://127.0.0.1:{free_port()}", health_port=(port := free_port()))
    await until(lambda: _listens(port))
    running.signal()
    assert await running.exit_code() == 0
    assert running.contexts == []


async def test_readiness_follows_the_connection_and_lost_streams_are_made_again(
    data_dir: Path, start: Start
) -> None:
    server = NatsServer(data_dir)
    await server.start()
    lost: asyncio.Queue[list[str]] = asyncio.Queue()
    failures = iter([TransientError("test.not_yet", "expected it to work, but not yet")])

    async def listener(streams: list[str]) -> None:
        for failure in failures:
            raise failure
        lost.put_nowait(streams)

    running = start(nats_url=server.url)
    await running.begun.wait()
    running.context.on_store_lost(listener)
    await server.kill()
    await until(lambda: running.context.health.waiting_for == {"bus": "the connection is lost"})
    await server.wipe_store()
    async with asyncio.timeout(DEADLINE_S):
        assert sorted(await lost.get()) == ["STRETTO_DECIDE", "STRETTO_DECIDED", "STRETTO_DLQ"]
    assert running.context.health.ready
    reply = await running.context.connection.request(
        "$JS.API.CONSUMER.INFO.STRETTO_DECIDE.decision"
    )
    assert "error" not in json.loads(reply.data)
    running.signal()
    assert await running.exit_code() == 0
    await server.stop()


async def test_a_publish_into_a_lost_store_is_stored_when_it_is_there_again(
    data_dir: Path, start: Start
) -> None:
    server = NatsServer(data_dir)
    await server.start()
    running = start(nats_url=server.url)
    await running.begun.wait()
    await server.wipe_store()
    async with asyncio.timeout(DEADLINE_S):
        ack = await running.context.publisher.publish(subjects.decided(0), b"x", msg_id="1")
    assert ack.stream == "STRETTO_DECIDED"
    running.signal()
    assert await running.exit_code() == 0
    await server.stop()


async def test_a_pull_loop_of_the_context_is_ready_to_use(start: Start) -> None:
    taken: list[bytes] = []

    async def body(context: Context) -> None:
        async with context.pull(topology.decision(), 10, capacity=10) as loop:
            await context.publisher.publish(subjects.decide(), b"ask")
            batch = await loop.next_batch(timeout_s=DEADLINE_S)
            taken.extend(message.data for message in batch)
            batch[0].ack()
            context.stopping.set()

    assert await start(body).exit_code() == 0
    assert taken == [b"ask"]


async def test_a_pinned_pull_loop_of_the_context_is_the_active_one(start: Start) -> None:
    pinned, told = topology.execution_dispatch(0), []

    async def body(context: Context) -> None:
        await ensure(context.connection, [streams.DISPATCH], [pinned])
        async with context.pull(pinned, 10) as loop:
            await context.publisher.publish(subjects.dispatch(0), b"attempts")
            (message,) = await loop.next_batch(timeout_s=DEADLINE_S)
            told.append((message.data, loop.is_pinned))
            message.ack()
        context.stopping.set()

    assert await start(body).exit_code() == 0
    assert told == [(b"attempts", True)]


async def test_the_context_waits_for_other_things_too(start: Start) -> None:
    tries = []

    async def attempt() -> str:
        tries.append(1)
        if len(tries) < 2:
            raise NotReachable("test.away", "expected Postgres, but it is away")
        return "pool"

    async def body(context: Context) -> None:
        assert await context.wait_for("postgres", attempt) == "pool"
        assert "postgres" in str(context.health.report()["ready"])
        context.stopping.set()

    assert await start(body).exit_code() == 0


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
