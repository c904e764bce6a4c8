"""Several instances, each with lanes of its own: whoever is asked answers for all of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from services.execution.lane import Lane
from services.execution.parts import Part
from services.execution.service import Execution
from stretto.bus.wire import publish_command
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.routes import RoutePlan, RouteRecord
from stretto.runtime.errors import TransientError
from stretto.worker import Worker

from .world import World, execution, id_of, record, running, world

LANES = 2
INSTANCES = ("a", "b")


class Two(NamedTuple):
    here: World
    first: Execution
    second: Execution


@pytest.fixture(autouse=True)
def _lane_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instance `a` works on lane 0, `b` on lane 1: else it is chance who gets which."""
    run = Lane.run

    async def run_own(lane: Lane) -> None:
        context = lane._context
        if context.instance in INSTANCES and INSTANCES.index(context.instance) != lane.number:
            await context.stopping.wait()
        else:
            await run(lane)

    monkeypatch.setattr(Lane, "run", run_own)


@asynccontextmanager
async def two_instances(nats_url: str) -> AsyncIterator[Two]:
    async with (
        world(nats_url, lanes=LANES) as here,
        execution(nats_url, instance="a", lanes=LANES) as first,
        execution(nats_url, instance="b", lanes=LANES) as second,
    ):
        await here.until_true(lambda: first.lanes[0].desk and second.lanes[1].desk)
        await here.until_true_async(lambda: _answered(here))
        yield Two(here, first, second)


async def _answered(here: World) -> bool:
    try:
        await here.ask("queues")
    except TransientError:
        return False
    return True


async def test_whoever_is_asked_tells_what_waits_in_all_lanes(nats_url: str) -> None:
    worker = Worker(queue="elsewhere", url=nats_url, name="w")

    @worker.task("other")
    async def other() -> None: ...

    async with two_instances(nats_url) as (here, first, second), running(worker):
        await here.send_frame([record("t", n=n, queue="q") for n in (0, 2, 4)], lane=0)
        await here.send_frame([record("t", n=n, queue="q") for n in (1, 3)], lane=1)
        await here.until_true(
            lambda: [_out(first, 0), _out(second, 1)] == [3, 2] and len(second.roster) == 1
        )
        for instance in (first, second):
            told = await instance.answers.operations["queues"](b"{}")
            assert b'"queue":"q","waiting":0,"in_flight":5' in told
            assert told.count(b'"task":"t"') == 1, "added up over the lanes"
            assert b'"attempts":5' in told
            counts = await instance.answers.operations["stats"](b"{}")
            assert counts.count(b'"lane":') == LANES
        await here.until_true_async(lambda: _wanted(here))


async def _wanted(here: World) -> bool:
    rows = {row["queue"]: row for row in (await here.ask("queues"))["queues"]}
    return rows["q"]["wanted"] == 1  # each instance wants a part of one


def _out(instance: Execution, lane: int) -> int:
    desk = instance.lanes[lane].desk
    return desk.counts.out if desk is not None else -1


async def test_where_an_attempt_waits_is_told_by_whoever_is_asked(nats_url: str) -> None:
    route = RouteRecord(json_encode(RoutePlan(where="true")), (b"1", None))
    async with two_instances(nats_url) as (here, first, second):
        routed = [record("t", n=n, route=route, accept=True) for n in (0, 1)]
        await here.send_frame(routed[:1], lane=0)
        await here.send_frame(routed[1:], lane=1)
        asked = json_encode({"ids": [id_of(one) for one in routed]})
        for instance in (first, second):

            async def both(instance: Execution = instance) -> bool:
                told = await instance.answers.operations["routed"](asked)
                return all(id_of(one).encode() in told for one in routed)

            await here.until_true_async(both)


async def test_a_lane_that_nobody_works_on_does_not_hold_up_the_answer(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "services.execution.parts")
    async with (
        world(nats_url, lanes=LANES) as here,
        execution(nats_url, lanes=LANES) as service,
    ):
        bus = here.connection

        def nonsense(_subject: bytes, reply: bytes, _block: bytes, _data: bytes) -> None:
            ours = json_encode(Part(instance="execution-1", lanes=[]))
            for said in (b"no part", ours):
                bus.send(publish_command(reply, b"", b"", said))

        await bus.subscribe(subjects.PARTS, nonsense)
        await bus.flush()
        await here.until_true(lambda: all(lane.desk for lane in service.lanes))
        monkeypatch.setattr(service.lanes[1], "desk", None)
        told = await service.answers.operations["stats"](b"{}")
        monkeypatch.undo()
    assert told.count(b'"lane":') == 1
    assert "part not understood" in caplog.text and "lanes not heard of" in caplog.text


async def test_a_question_that_is_none_or_that_nobody_asks_is_not_answered(
    nats_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_instances(nats_url) as (here, first, _second):
        for question in (b"no question", b"{}"):
            await here.connection.publish(subjects.PARTS, question)
        await here.until_true(lambda: caplog.text.count("part not given") == LANES)
        told = await first.answers.operations["stats"](b"{}")
        assert told.count(b'"lane":') == LANES
