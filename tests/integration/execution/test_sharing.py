"""Lanes are spread over instances that start one after the other, and nothing is done twice."""

import asyncio
from collections import Counter

import pytest

from services.execution.service import Execution
from stretto.worker import Worker

from .world import execution, record, running, world

LANES = 4
ATTEMPTS = 400


def held(instance: Execution) -> int:
    return sum(lane.desk is not None for lane in instance.lanes)


async def test_an_instance_that_comes_gets_its_share_and_no_attempt_is_lost_or_doubled(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.shares.SETTLED_US", 500_000)
    monkeypatch.setattr("services.execution.sharing.SAY_S", 0.2)
    ran: Counter[int] = Counter()
    worker = Worker(queue="sums", url=nats_url, slots=10)

    @worker.task("count")
    async def count(n: int) -> int:
        ran[n] += 1
        await asyncio.sleep(0.01)
        return n

    async with (
        world(nats_url, lanes=LANES) as here,
        execution(nats_url, instance="a", lanes=LANES) as first,
        running(worker),
    ):
        await here.until_true(lambda: held(first) == LANES)
        async with execution(nats_url, instance="b", lanes=LANES) as second:
            for start in range(0, ATTEMPTS, LANES):
                for lane in range(LANES):
                    n = start + lane
                    one = record("count", {"n": n}, n=n, queue="sums", partition=lane)
                    await here.dispatch_to(lane, one)
                await asyncio.sleep(0.02)  # the load goes on while lanes change hands
            await here.until_true(lambda: (held(first), held(second)) == (2, 2))
            await here.all_results(ATTEMPTS)
    assert ran == Counter(range(ATTEMPTS)), "each once"
    assert all(len(results) == 1 for results in here.results.values())


async def test_a_lane_in_which_a_task_of_the_service_runs_is_kept(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.shares.SETTLED_US", 500_000)
    monkeypatch.setattr("services.execution.sharing.SAY_S", 0.2)
    async with (
        world(nats_url, lanes=2) as here,
        execution(nats_url, instance="a", lanes=2) as first,
    ):
        await here.until_true(lambda: held(first) == 2)
        await here.dispatch_to(1, record("std.sleep", {"seconds": 60}, n=1, partition=1))
        lane = first.lanes[1]
        await here.until_true(lambda: lane.desk is not None and lane.desk.counts.own == 1)
        async with execution(nats_url, instance="b", lanes=2) as second:
            await here.until_true(lambda: held(second) == 1)
            assert second.lanes[0].desk is not None and lane.desk is not None
