"""Instances and the bus: lanes change hands, connections and answers fail."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.execution.lane import unpin
from services.execution.work_stream import WorkStream
from stretto.bus.ensure import delete_stream, ensure
from stretto.bus.publisher import PubAck
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.runtime.errors import TransientError
from stretto.runtime.streams import WORK
from stretto.runtime.topology import execution_dispatch, work_consumer
from stretto.testkit.servers import NatsServer
from stretto.worker import Worker

from .world import World, execution, id_of, process, record, running, world


async def test_a_lane_that_was_taken_by_another_instance_is_given_up(nats_url: str) -> None:
    async with (
        world(nats_url) as here,
        execution(nats_url, instance="a") as first,
        execution(nats_url, instance="b") as second,
    ):
        await here.dispatch(record("std.echo", 1, n=1))
        await here.all_results(1)
        lanes = {first.lanes[0], second.lanes[0]}
        await here.until_true(lambda: any(lane.desk for lane in lanes))
        (old,) = [lane for lane in lanes if lane.desk is not None]
        (new,) = lanes - {old}
        async with asyncio.timeout(20):
            while new.desk is None:
                await unpin(here.connection, execution_dispatch(0))
                await here.dispatch(record("std.echo", 1, n=2))
                await asyncio.sleep(0.1)
        await here.until_true(lambda: old.desk is None and new.desk is not None)
        await here.dispatch(record("std.echo", 1, n=3))
        await here.all_results(3)


async def test_two_lanes_are_worked_on_side_by_side(nats_url: str) -> None:
    async with (
        world(nats_url, lanes=2) as here,
        execution(nats_url, lanes=2),
    ):
        even, odd = record("std.echo", n=0), record("std.echo", n=1)
        held = [record("t", n=n, queue="q") for n in (2, 3)]
        await here.send_frame([even, held[0]], lane=0)
        await here.send_frame([odd, held[1]], lane=1)
        await here.all_results(2)
        await here.until_true_async(lambda: _both_out(here))
        (row,) = [r for r in (await here.ask("queues"))["queues"] if r["queue"] == "q"]
        assert row["in_flight"] == 2


async def _both_out(here: World) -> bool:
    try:
        lanes = (await here.ask("stats"))["lanes"]
    except TransientError:
        return False
    return [lane["out"] for lane in lanes] == [1, 1]


async def test_silence_while_the_server_is_away_does_not_count(data_dir: Path) -> None:
    server = NatsServer(data_dir)
    await server.start()
    gate = asyncio.Event()
    try:
        worker = Worker(queue="q", url=server.url)

        @worker.task("wait")
        async def wait() -> str:
            await gate.wait()
            return "done"

        async with world(server.url) as here, execution(server.url), running(worker):
            one = record("wait", queue="q", heartbeat_s=1.5)
            await here.dispatch(one)
            await here.until_lane(watched=1)
            await server.stop()
            await asyncio.sleep(2.0)  # longer than it may be silent: time itself is the claim
            await server.start()
            gate.set()
            assert (await here.result(one)).status == "completed"
    finally:
        await server.stop()


async def test_a_work_stream_that_cannot_be_read_is_tried_again(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = WorkStream._batch, 2

    async def sometimes(self: WorkStream, seq: int) -> Any:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise TransientError("execution.work_unreadable", "not now")
        return await real(self, seq)

    monkeypatch.setattr("services.execution.lane.RETRY_S", 0.01)
    monkeypatch.setattr(WorkStream, "_batch", sometimes)
    async with world(nats_url) as here, execution(nats_url):
        one = record("std.echo", 1)
        await here.dispatch(one)
        await here.result(one)
    assert failures < 0


async def test_told_to_stop_before_the_work_stream_can_be_read_it_stops(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = asyncio.Event()

    async def never(self: WorkStream, seq: int) -> Any:
        tried.set()
        raise TransientError("execution.work_unreadable", "never")

    monkeypatch.setattr("services.execution.lane.RETRY_S", 0.01)
    monkeypatch.setattr(WorkStream, "_batch", never)
    async with world(nats_url), execution(nats_url) as service:
        await asyncio.wait_for(tried.wait(), 10)
        assert service.lanes[0].desk is None


async def test_without_the_workflow_service_it_works_and_keeps_asking(nats_url: str) -> None:
    async with world(nats_url, answers_open=False) as here, execution(nats_url):
        one = record("std.echo", 1)
        await here.dispatch(one)
        await here.result(one)
        assert here.open_asked == 0
        async with here.answering():
            await here.until_true(lambda: here.open_asked == 1)


async def test_what_cannot_be_looked_up_now_does_not_stop_the_flow(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(*_: object) -> bool:
        raise TransientError("bus.request_timeout", "no answer")

    monkeypatch.setattr("services.execution.core.limits.DOUBT_AFTER_US", 0)
    monkeypatch.setattr("services.execution.desk.RECONCILE_EVERY_TICKS", 1)
    monkeypatch.setattr(WorkStream, "has", fails)
    monkeypatch.setattr(WorkStream, "bounds", fails)
    monkeypatch.setattr(WorkStream, "take_out", fails)
    monkeypatch.setattr("services.execution.sender.ensure", fails)
    async with world(nats_url) as here, execution(nats_url):
        one = record("t", queue="q")
        await here.dispatch(one)
        await here.until_lane(out=1)
        await here.send_frame([msgspec.structs.replace(one, again=True)])
        await here.send_frame(withdrawn=[one])
        await here.until_lane(known=0)
        told = ("errand not done", "work stream not looked at", "work consumer not made")
        await here.until_true(lambda: set(told) <= set(caplog.messages))
        echo = record("std.echo", 1, n=2)
        await here.dispatch(echo)
        await here.result(echo)


async def test_many_withdrawals_are_told_in_bounded_messages(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.errands.MAX_IDS_A_MESSAGE", 2)
    told: list[list[str]] = []

    def note(_subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        told.append(msgspec.json.decode(data)["ids"])

    async with world(nats_url) as here, execution(nats_url):
        await here.connection.subscribe(subjects.withdraw("default", "q"), note)
        await here.connection.flush()
        records = [record("t", n=n, queue="q") for n in range(5)]
        await here.dispatch(*records)
        await here.until_lane(out=5)
        await here.send_frame(withdrawn=records)
        await here.until_true(lambda: sum(map(len, told)) == 5)
        await here.until_empty()
    assert [len(ids) for ids in told] == [2, 2, 1]


async def test_a_killed_process_leaves_the_lane_to_a_restarted_one_soon(nats_url: str) -> None:
    service = ("-m", "services.execution")
    async with world(nats_url) as here:
        async with process(*service, STRETTO_NATS_URL=nats_url) as first:
            await here.dispatch(record("std.echo", n=1))
            await here.all_results(1)
            await first.kill()
        async with process(*service, STRETTO_NATS_URL=nats_url) as second:
            one = record("std.echo", n=2)
            await here.dispatch(one)
            await here.result(one)
            assert await second.stop() == 0
    assert id_of(one) in here.results


async def test_the_work_stream_is_looked_at_from_the_side(nats_url: str) -> None:
    async with world(nats_url) as here:
        work = WorkStream(here.connection)
        assert [stored async for stored in work.read()] == []
        sent: list[PubAck] = [
            await here.publisher.publish(subjects.work("default", "q"), json_encode({"n": n}))
            for n in range(600)
        ]
        stored = [each async for each in work.read()]
        assert [each.seq for each in stored] == [ack.seq for ack in sent]
        assert (stored[7].subject, stored[7].data) == ("stretto.work.default.q", b'{"n":7}')
        assert await work.bounds() == (1, 600)
        assert (await work.has(5), await work.take_out(5)) == (True, True)
        assert (await work.has(5), await work.take_out(5)) == (False, False)
        assert await work.claimed_up_to("default", "q") == 0
        await ensure(here.connection, (), [work_consumer("default", "q")])
        assert await work.claimed_up_to("default", "q") == 0


async def test_a_work_stream_that_is_not_there_may_come_back(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.work_stream.READ_TIMEOUT_S", 0.2)
    async with world(nats_url, watches=False) as here:
        work = WorkStream(here.connection)
        await delete_stream(here.connection, WORK.name)
        with pytest.raises(TransientError, match="503"):
            [stored async for stored in work.read()]
        with pytest.raises(TransientError):
            await work.bounds()
        await here.connection.subscribe("$JS.API.DIRECT.GET.STRETTO_WORK", lambda *_: None)
        with pytest.raises(TransientError, match="no end came"):
            [stored async for stored in work.read()]
