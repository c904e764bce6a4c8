"""Whatever a task does with its cancellation, it ends."""

import asyncio
import logging

import pytest

from stretto.runtime.ending import ended


async def test_nothing_to_end_is_no_wait() -> None:
    await ended([])


async def test_tasks_are_cancelled_and_waited_for() -> None:
    tidy: list[str] = []

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidy.append("done")

    tasks = [asyncio.create_task(works()) for _ in range(3)]
    await asyncio.sleep(0)

    await ended(tasks)

    assert tidy == ["done"] * 3
    assert all(task.cancelled() for task in tasks)


async def test_a_task_that_lost_its_cancellation_is_cancelled_again_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def swallows() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(swallows())
    await asyncio.sleep(0)

    with caplog.at_level(logging.WARNING):
        await ended([task], again_s=0.01)

    assert task.cancelled()
    [record] = caplog.records
    assert "swallows" in str(record.__dict__["tasks"])


async def test_an_error_at_the_end_stays_in_the_task() -> None:
    async def fails() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)

    await ended([task])

    with pytest.raises(ValueError, match="at the end"):
        task.result()
