"""Many runs that wait: what they cost an instance that starts."""

import time

import psutil
import pytest

from tests.integration.workflow.definitions import ASKS
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.world import World, eventually

START_LIMIT_S = 10.0
BUSY = 6
"""How much longer the short case may take, beside other tests."""
MEMORY_LIMIT_MB = 100

# Ids of the far future: the service makes the partitions of these days at the same time.
FILL = """
with run as (
    insert into workflow.run (run_id, shard, namespace, workflow, version, started_at, wake_at)
    select overlay(gen_random_uuid()::text placing 'f' from 1 for 1)::uuid,
        n & 255, 'default', 'asks', 1, now(), 'infinity'::timestamptz
    from generate_series(1, $1::int) n returning run_id
)
insert into workflow.event
select run_id, 1, 'run.started', now(),
    '{"namespace": "default", "workflow": "asks", "version": 1, "input": {}}'::jsonb from run
union all
select run_id, 2, 'step.waiting', now(), '{"step": "told"}'::jsonb from run
union all
select run_id, 3, 'step.waiting', now(), '{"step": "allowed"}'::jsonb from run
"""


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 1e6)


@pytest.mark.parametrize(
    ("runs", "limit_s"),
    [
        (10_000, BUSY * START_LIMIT_S),
        pytest.param(100_000, START_LIMIT_S, marks=pytest.mark.long),
    ],
)
async def test_runs_that_wait_cost_next_to_nothing(alone: World, runs: int, limit_s: float) -> None:
    async with instance(alone, "empty", partitions="2") as empty:
        await eventually(lambda: shares(alone), lambda s: s == [2])
        await alone.define(ASKS)
        before_mb = memory_mb(empty.pid)
    await alone.sql(FILL, runs)

    began = time.monotonic()
    async with instance(alone, "full", partitions="2") as full:
        await eventually(lambda: shares(alone), lambda s: s == [2])
        [row] = await alone.sql("select run_id::text from workflow.run limit 1")
        told = await alone.control(row["run_id"], "signal", name="go")
        took_s = time.monotonic() - began
        more_mb = memory_mb(full.pid) - before_mb

    assert told == {"run_id": row["run_id"], "command": "signal"}
    assert took_s < limit_s
    assert more_mb < MEMORY_LIMIT_MB
    print(f"{runs} waiting runs: started in {took_s:.1f} s, {more_mb:.0f} MB more")
