"""Frames in, work to workers, results back: an instance of the execution service on a real bus."""

import msgspec

from stretto.worker import Worker

from .world import execution, id_of, record, running, world


def adder(url: str, queue: str = "sums", **more: object) -> Worker:
    worker = Worker(queue=queue, url=url, **more)  # type: ignore[arg-type]

    @worker.task("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    return worker


async def test_attempts_of_a_frame_reach_a_worker_and_come_back(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url), running(adder(nats_url)):
        records = [record("add", {"a": n}, n=n, queue="sums") for n in range(250)]
        await here.dispatch(*records)
        await here.all_results(250)
    outputs = [msgspec.json.decode(here.results[id_of(r)][0].output) for r in records]
    assert outputs == [n + 1 for n in range(250)]
    assert all(len(results) == 1 for results in here.results.values())


async def test_std_tasks_need_no_worker(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        echo = record("std.echo", {"x": [1, 2]}, n=1)
        fail = record("std.fail", {"type": "Broken", "message": "as asked"}, n=2)
        nap = record("std.sleep", {"duration": "10ms"}, n=3)
        await here.dispatch(echo, fail, nap)
        assert msgspec.json.decode((await here.result(echo)).output) == {"x": [1, 2]}
        failure = (await here.result(fail)).failure
        assert failure is not None
        assert (failure.type, failure.message, failure.retryable) == ("Broken", "as asked", False)
        assert (await here.result(nap)).status == "completed"
