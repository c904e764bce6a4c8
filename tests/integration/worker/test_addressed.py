"""Attempts for one worker alone, by its name: accepted at once, done, told."""

import asyncio

import msgspec
import pytest

from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Task, Work
from stretto.worker import Worker

from .desk import QUEUE, Desk, at_desk, running, task_of

SUBJECT = subjects.device("default", "w1")


async def address(desk: Desk, *tasks: Task) -> None:
    await desk.connection.publish(SUBJECT, json_encode(Work(tasks=list(tasks))))


async def here(desk: Desk) -> None:
    """Wait until the worker is there: it does what comes to its queue."""
    task = task_of("add", {"n": 0}, n=99)
    await desk.send(task)
    await desk.result(task)


async def test_what_is_addressed_is_accepted_at_once_and_done_once(
    nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(queue=QUEUE, url=nats_url, name="w1", slots=1)
    gate = asyncio.Event()
    ran = 0

    @worker.task("add")
    async def add(n: int) -> int:
        nonlocal ran
        if n:
            ran += 1
            await gate.wait()
        return n + 1

    async with at_desk(nats_url) as desk, running(worker):
        await here(desk)
        await desk.connection.publish(SUBJECT, b"nonsense")
        first, second = (task_of("add", {"n": n}, n=n, accept=n == 1) for n in (1, 2))
        await address(desk, first, second)
        await address(desk, first)
        await desk.until(lambda: desk.accepted.count(first.id) >= 2)
        gate.set()
        results = [await desk.result(task) for task in (first, second)]
        await address(desk, first)
        await desk.until(lambda: len(desk.results[first.id]) == 2)
        await desk.all_acknowledged()
    assert [msgspec.json.decode(result.output) for result in results] == [2, 3]
    assert ran == 2, "what comes again is answered, not done again"
    assert second.id not in desk.accepted
    assert "work not understood" in caplog.text


async def test_a_worker_that_drains_leaves_what_is_addressed_to_others(nats_url: str) -> None:
    worker = Worker(queue=QUEUE, url=nats_url, name="w1")
    gate, begun = asyncio.Event(), asyncio.Event()

    @worker.task("add")
    async def add(n: int) -> int:
        if n:
            begun.set()
            await gate.wait()
        return n

    async with at_desk(nats_url) as desk:
        async with running(worker) as stopping:
            await here(desk)
            first, late = (task_of("add", {"n": n}, n=n, accept=True) for n in (1, 2))
            await address(desk, first)
            await begun.wait()
            stopping.set()
            probe = task_of("add", {"n": 0}, n=50)
            await desk.send(probe)  # while it drains nothing is taken from the queue either
            await address(desk, late)
            await desk.connection.flush()
            gate.set()
            await desk.result(first)
        assert late.id not in desk.accepted
        assert late.id not in desk.results
