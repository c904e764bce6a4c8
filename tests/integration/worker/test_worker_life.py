"""A worker as a member of its queue: presence, its end, the bus that goes away."""

import asyncio
import time
from typing import Any

import pytest

from stretto.contracts import subjects
from stretto.contracts.codec import decode_presence
from stretto.contracts.public import Presence
from stretto.worker.runner import Runner
from tests.integration.worker.workers import make_worker

from .desk import QUEUE, at_desk, running, task_of


async def test_presence_is_said_at_once_and_at_the_end(nats_url: str) -> None:
    worker = make_worker(
        nats_url,
        name="w1",
        slots=7,
        capabilities=["scanner"],
        attributes={"site": "bern"},
        labels={"team": "a"},
    )

    @worker.task("scan")
    async def scan() -> None: ...

    said: list[Presence] = []
    heard = asyncio.Event()

    def note(_subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        said.append(decode_presence(data))
        heard.set()

    async with at_desk(nats_url) as desk:
        await desk.connection.subscribe(subjects.presence("default", "w1"), note)
        await desk.connection.flush()
        async with running(worker):
            await asyncio.wait_for(heard.wait(), 10)
        await desk.connection.flush()
    assert said[0] == Presence(
        device="w1",
        tasks=["scan"],
        queue=QUEUE,
        capabilities=["scanner"],
        attributes={"site": "bern"},
        labels={"team": "a"},
        slots=7,
        instance=said[0].instance,
    )
    assert said[0].instance
    assert [(p.gone, p.instance) for p in said] == [
        (False, said[0].instance),
        (True, said[0].instance),
    ]


async def test_malformed_and_empty_work_does_not_hold_up_the_queue(nats_url: str) -> None:
    worker = make_worker(nats_url)

    @worker.task("t")
    async def t() -> None: ...

    async with at_desk(nats_url) as desk, running(worker):
        subject = subjects.work("default", QUEUE)
        await desk.publisher.publish(subject, b'{"tasks":[{"id":1}]}')
        deep = b"[" * 5_000 + b"]" * 5_000
        await desk.publisher.publish(subject, b'{"tasks":[],"more":%b}' % deep)
        withdraw = subjects.withdraw("default", QUEUE)
        await desk.connection.publish(withdraw, b'{"more":%b}' % deep)
        await desk.send()
        task = task_of("t")
        await desk.send(task)
        await desk.result(task)
        await desk.all_acknowledged()
        letters = await desk.dead_letters(2)
    assert [letter.reason.code for letter in letters] == ["worker.bad_work"] * 2
    assert "$.tasks[0].id" in letters[0].reason.message


async def test_draining_finishes_what_runs_and_gives_back_what_does_not_end(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRETTO_DRAIN_TIMEOUT_S", "0.3")
    worker, other = make_worker(nats_url), make_worker(nats_url, name="other")
    gate, began = asyncio.Event(), asyncio.Semaphore(0)

    @worker.task("short")
    async def short() -> str:
        began.release()
        await gate.wait()
        return "first"

    @worker.task("endless")
    async def endless() -> None:
        began.release()
        await asyncio.Event().wait()

    @other.task("endless")
    async def other_endless() -> str:
        return "other"

    async with at_desk(nats_url) as desk:
        async with running(worker) as stopping:
            short_one, endless_one = task_of("short", n=1), task_of("endless", n=2)
            await desk.send(short_one)
            await desk.send(endless_one)
            await began.acquire()
            await began.acquire()
            stopping.set()
            gate.set()
        assert bytes((await desk.result(short_one)).output) == b'"first"'
        assert endless_one.id not in desk.results
        asked = time.monotonic()
        async with running(other):
            assert bytes((await desk.result(endless_one)).output) == b'"other"'
        assert time.monotonic() - asked < 5, "given back, not left to a timeout"
        await desk.all_acknowledged()


async def test_an_attempt_that_survives_its_worker_is_in_progress_for_the_server(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.worker.session.IN_PROGRESS_INTERVAL_S", 0.05)
    worker = make_worker(nats_url)
    gate = asyncio.Event()
    ran = 0

    @worker.task("wait")
    async def wait() -> None:
        nonlocal ran
        ran += 1
        await gate.wait()

    async with at_desk(nats_url, ack_wait_s=0.3) as desk:
        monkeypatch.setattr("stretto.worker.session.work_consumer", desk.work_consumer)
        async with running(worker):
            task = task_of("wait")
            await desk.send(task)
            await desk.until_true(lambda: ran == 1)
            deadline = time.monotonic() + 1.0
            await desk.until_true(lambda: time.monotonic() > deadline)
            gate.set()
            await desk.result(task)
            await desk.all_acknowledged()
    assert (ran, desk.redelivered) == (1, 0)


async def test_a_worker_waits_for_the_bus_and_survives_its_restarts(nats_server_own: Any) -> None:
    server = nats_server_own
    await server.start()
    url = server.url
    await server.stop()
    worker = make_worker(url)

    @worker.task("t")
    async def t(n: int) -> int:
        return n

    async with running(worker):
        await server.start()
        async with at_desk(url) as desk:
            first, second, third = (task_of("t", {"n": n}, n=n) for n in range(3))
            await desk.send(first)
            await desk.result(first)
            await server.restart()
            await desk.send(second)
            await desk.result(second)
            await server.wipe_store()
            await desk.send(third)
            await desk.result(third)


async def test_full_of_results_a_worker_takes_no_more_work(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.worker.outbox.MAX_WAITING", 1)
    worker = make_worker(nats_url, slots=4)
    begun: list[int] = []

    @worker.task("t")
    async def t(n: int) -> None:
        begun.append(n)

    nowhere = "stretto.nowhere"  # no stream takes it: results wait until one does
    async with at_desk(nats_url) as desk, running(worker):
        await desk.send(task_of("t", {"n": 0}, n=0, reply=nowhere))
        await desk.until_true(lambda: begun == [0])
        for n in range(1, 20):
            await desk.send(task_of("t", {"n": n}, n=n))
        held = [n for n in range(1, 20) if n not in begun]
        assert len(held) >= 10
        await desk.make_stream("NOWHERE", nowhere)
        await desk.until(lambda: len(desk.results) == 19)


async def test_a_bug_in_the_worker_ends_it(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make_worker(nats_url)

    @worker.task("t")
    async def t() -> None: ...

    def broken(_self: object) -> None:
        raise AssertionError("a bug")

    monkeypatch.setattr(Runner, "fill", broken)
    async with at_desk(nats_url) as desk:
        await desk.send(task_of("t"))
        with pytest.raises(AssertionError, match="a bug"):
            async with asyncio.timeout(10):
                await worker.run()


async def test_without_handlers_there_is_nothing_to_run(nats_url: str) -> None:
    with pytest.raises(ValueError, match="expected a worker to have a handler"):
        await make_worker(nats_url).run()
