"""A worker on a real bus: work in, results out, every message acknowledged in the end."""

import asyncio
import threading
import time

import msgspec
import pytest

from stretto.contracts import subjects
from stretto.contracts.codec import decode_presence, decode_progress, json_encode
from stretto.worker import Context, NonRetryable, Worker

from .desk import QUEUE, at_desk, poll, poll_async, running, task_of


def make_worker(url: str, **more: object) -> Worker:
    return Worker(queue=QUEUE, url=url, **more)  # type: ignore[arg-type]


async def test_work_of_several_tasks_comes_back_and_is_acknowledged(nats_url: str) -> None:
    worker = make_worker(nats_url, name="w1")

    @worker.task("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    async with at_desk(nats_url) as desk, running(worker):
        tasks = [task_of("add", {"a": n}, n=n) for n in range(20)]
        await desk.send(*tasks)
        results = [await desk.result(task) for task in tasks]
        await poll_async(lambda: _is_zero(desk))
    assert [msgspec.json.decode(r.output) for r in results] == [n + 1 for n in range(20)]
    assert {r.worker for r in results} == {"w1"}
    assert len(desk.messages) == 1, "what is finished together goes back together"


async def _is_zero(desk) -> bool:  # type: ignore[no-untyped-def]
    return await desk.unacknowledged() == 0
