"""Things die: workers, instances, the store. Nothing is lost, nothing is run twice needlessly."""

import asyncio
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from stretto.bus.connection import Connection
from stretto.testkit.servers import NatsServer
from stretto.worker import Worker

from .world import execution, id_of, process, record, running, world

WORKER = "tests.integration.execution.worker_process"
SERVICE = "services.execution"


class Begun:
    """Who has said that it has begun."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._changed = asyncio.Event()

    async def listen(self, connection: Connection) -> None:
        await connection.subscribe("begun", self._heard)
        await connection.flush()

    def _heard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        self.names.append(data.decode())
        self._changed.set()

    async def wait(self, count: int) -> None:
        async with asyncio.timeout(30):
            while len(self.names) < count:
                self._changed.clear()
                await self._changed.wait()


@pytest.mark.slow
async def test_attempts_of_a_killed_worker_are_taken_over_by_another(nats_url: str) -> None:
    begun = Begun()
    where = {"STRETTO_NATS_URL": nats_url}
    async with world(nats_url) as here, execution(nats_url):
        await begun.listen(here.connection)
        async with process("-m", WORKER, WORKER_NAME="first", **where) as first:
            one = record("slow.work", {"seconds": 60}, n=1, queue="slow")
            quick = record("slow.work", {"seconds": 0}, n=2, queue="slow")
            await here.dispatch(one)
            await begun.wait(1)
            await first.kill()
        # Given anew with the same id, it would sleep again: it is told apart by who runs it.
        async with process("-m", WORKER, WORKER_NAME="second", **where):
            await here.dispatch(quick)
            await here.result(quick)
            await begun.wait(3)
    assert begun.names == ["first", "second", "second"]
    assert id_of(one) not in here.results


async def test_heartbeat_of_a_killed_worker_stops_and_its_attempt_fails(nats_url: str) -> None:
    begun = Begun()
    async with world(nats_url) as here, execution(nats_url):
        await begun.listen(here.connection)
        async with process("-m", WORKER, STRETTO_NATS_URL=nats_url, WORKER_NAME="first") as first:
            one = record("slow.work", {"seconds": 60}, n=1, queue="slow", heartbeat_s=0.6)
            await here.dispatch(one)
            await begun.wait(1)
            await first.kill()
        result = await here.result(one)
        assert result.failure is not None
        assert result.failure.type == "HeartbeatTimeout"
        assert result.failure.retryable
        await here.until_lane(known=0)


@pytest.mark.slow
async def test_killed_instance_is_restarted_and_nothing_is_lost_or_run_twice(
    nats_url: str,
) -> None:
    ran: Counter[int] = Counter()
    gate = asyncio.Event()
    worker = Worker(queue="sums", url=nats_url, slots=50)

    @worker.task("count")
    async def count(n: int) -> int:
        ran[n] += 1
        await gate.wait()
        return n

    total = 2_500  # more than may be out: the rest is held in the memory of the killed one
    records = [record("count", {"n": n}, n=n, queue="sums") for n in range(total)]
    unannounced = record("later", n=total)
    async with (
        world(nats_url) as here,
        process("-m", SERVICE, STRETTO_NATS_URL=nats_url) as first,
        running(worker),
    ):
        await here.dispatch(*records[:1250])
        await here.dispatch(*records[1250:], unannounced)
        await here.until_lane(out=1_001, held=1_500)
        await first.kill()
        async with process("-m", SERVICE, STRETTO_NATS_URL=nats_url):
            gate.set()
            await here.all_results(total)
    assert here.open_asked >= 1
    assert set(ran.values()) == {1}
    assert all(len(results) == 1 for results in here.results.values())
    assert len(here.results) == total


@pytest.mark.slow
async def test_instance_that_stands_by_takes_over_from_a_killed_one(nats_url: str) -> None:
    worker = Worker(queue="sums", url=nats_url)

    @worker.task("double")
    async def double(n: int) -> int:
        return 2 * n

    async with (
        world(nats_url) as here,
        running(worker),
        process("-m", SERVICE, STRETTO_NATS_URL=nats_url) as first,
    ):
        await here.dispatch(record("double", {"n": 1}, n=1))
        await here.all_results(1)
        async with execution(nats_url, instance="second") as second:
            lane = second.lanes[0]
            await here.dispatch(record("double", {"n": 2}, n=2))
            await here.all_results(2)
            assert lane.desk is None, "the first one has the lane"
            await first.kill()
            await here.dispatch(record("double", {"n": 3}, n=3))
            await here.all_results(3)
            assert lane.desk is not None


@pytest.mark.slow
async def test_after_the_store_was_deleted_work_is_sent_again(data_dir: Path) -> None:
    ran: Counter[int] = Counter()
    gate = asyncio.Event()
    server = NatsServer(data_dir)
    await server.start()
    try:
        worker = Worker(queue="sums", url=server.url, slots=10)

        @worker.task("count")
        async def count(n: int) -> int:
            ran[n] += 1
            await gate.wait()
            return n

        records = [record("count", {"n": n}, n=n, queue="sums") for n in range(200)]
        async with world(server.url) as here, execution(server.url), running(worker):
            await here.dispatch(*records)
            await here.until_lane(out=200)
            await server.wipe_store()
            gate.set()
            await here.all_results(200)
    finally:
        await server.stop()
    outputs = {msgspec.json.decode(results[0].output) for results in here.results.values()}
    assert outputs == set(range(200))
    assert set(ran.values()) == {1}, "the worker that has an attempt does not begin it again"
