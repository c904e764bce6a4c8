"""Results are kept, shared through Redis, and never wrong: Redis lost, hanging, full of rubbish."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from services.decision import answering as answering_module
from services.decision.caching import results as results_module
from services.decision.caching import worth
from stretto.bus.connection import Connection
from stretto.cache import shared
from stretto.contracts.codec import json_encode
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord, ServiceStats
from stretto.testkit.servers import RedisServer
from tests.frozen import freeze
from tests.integration.decision.asking import DEADLINE_S, Asker, key_of
from tests.integration.decision.conftest import decision_service
from tests.integration.decision.test_answering import stats
from tests.unit.decision.plans import decide, plan

RED = plan("input", template={"red": "${{ input.filter(i, i.tag == 'red').map(i, i.n) }}"})


@pytest.fixture
def all_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every plan is worth to be kept and shared, however fast this machine is."""
    monkeypatch.setattr(answering_module, "DEAR_US", 0)
    monkeypatch.setattr(worth, "DEAR_US", 0)
    monkeypatch.setattr(worth, "SHARED_DEAR_US", 0)
    monkeypatch.setattr(results_module, "MIN_FETCHED_US", 0)
    # A busy machine is no slow Redis.
    monkeypatch.setattr(shared, "TIMEOUT_S", 10.0)


def value(number: int) -> list[dict[str, Any]]:
    return [{"n": number + i, "tag": ("red", "blue")[i % 2]} for i in range(20)]


class Counted:
    """Asks, each time with ids of its own, and compares with what has to come out."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._turn = 0

    async def ask(self, *numbers: int) -> None:
        """Ask in one frame, and check all answers."""
        self._turn += 1
        frame = DecideFrame(
            plans=[RED],
            values=[json_encode(value(number)) for number in numbers],
            records=[
                DecideRecord(n.to_bytes(16, "big"), "step", self._turn, n % 4, 0, (n,))
                for n in range(len(numbers))
            ],
        )
        await self._asker.publish(frame)
        await self._asker.read(key_of(record) for record in frame.records)
        for record, number in zip(frame.records, numbers, strict=True):
            answer: DecidedRecord = self._asker.answers[key_of(record)]
            assert answer.error is None
            assert answer.output == decide(RED, value(number)).output


@pytest.fixture
def counted(asker: Asker) -> Counted:
    return Counted(asker)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():  # noqa: ASYNC110 - said by the service
            await asyncio.sleep(0.02)


async def told(bus: Connection, level: str) -> dict[str, Any]:
    found: Any = (await stats(bus))[level]
    return dict(found)


@pytest.mark.usefixtures("all_dear")
async def test_equal_questions_are_worked_out_once(
    nats_url: str, bus: Connection, counted: Counted
) -> None:
    async with decision_service(nats_url) as decision:
        await counted.ask(1, 2, 3)  # from now on it is dear
        await counted.ask(1, 2, 3)
        await counted.ask(3, 2, 1, 4)
        results = await told(bus, "results")
        assert (results["hits"], results["misses"], results["entries"]) == (3, 4, 4)
        assert results["hit_rate"] == pytest.approx(3 / 7)
        assert results["dear_plans"] == 1
        assert "redis" not in await stats(bus)
        rendered = decision.context.metrics.render()
        assert 'stretto_cache_hits_total{cache="results"} 3' in rendered


@pytest.mark.usefixtures("all_dear")
async def test_caches_can_be_switched_off(nats_url: str, bus: Connection, counted: Counted) -> None:
    async with decision_service(nats_url, decision_cache_mb=0):
        for _ in range(3):
            await counted.ask(1, 2, 3)
        assert "results" not in await stats(bus)


@pytest.mark.usefixtures("all_dear")
async def test_an_instance_finds_what_another_one_has_worked_out(
    nats_url: str, bus: Connection, counted: Counted, redis_server: RedisServer
) -> None:
    async with decision_service(nats_url, redis_url=redis_server.url) as decision:

        async def stored() -> bool:
            return bool((await told(bus, "redis"))["stored"] >= 4)

        await _is_up(bus)
        await counted.ask(1, 2, 3)
        await counted.ask(1, 2, 3, 4)
        await eventually(stored)
        assert "does_without" not in decision.context.health.report()
    async with decision_service(nats_url, redis_url=redis_server.url) as decision:
        await _is_up(bus)
        await counted.ask(11, 12, 13)
        await counted.ask(1, 2, 5, 3, 4)
        assert (await told(bus, "redis"))["hits"] == 4
        assert (await told(bus, "results"))["hits"] == 4
        rendered = decision.context.metrics.render()
        series = 'stretto_shared_cache_keys_total{outcome="hits",purpose="decision:1"} 4'
        assert series in rendered
        metrics = decision.context.metrics
        said = ServiceStats(
            service="decision", instance="d", at_us=0, counters=metrics.counters(),
            gauges=metrics.gauges(),
        )  # fmt: skip
        assert msgspec.json.decode(json_encode(said), type=ServiceStats) == said


@pytest.mark.usefixtures("all_dear")
async def test_every_answer_comes_and_is_right_whatever_becomes_of_redis(
    nats_url: str,
    bus: Connection,
    counted: Counted,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "TIMEOUT_S", 0.1)
    async with decision_service(nats_url, redis_url=redis_server.url) as decision:
        await _is_up(bus)
        for number in range(0, 40, 2):
            await counted.ask(number, number + 1, number)
            if number == 10:
                await redis_server.kill()
            if number == 20:
                assert "redis" in str(decision.context.health.report()["does_without"])
                assert decision.context.health.ready
                await redis_server.start()
                await _is_up(bus)
            if number == 30 and redis_server.pid is not None:
                freeze(redis_server.pid)
        assert (await told(bus, "redis"))["failures"] >= 1


@pytest.mark.usefixtures("all_dear")
async def test_rubbish_in_redis_is_worked_out_again(
    nats_url: str, bus: Connection, counted: Counted, redis_server: RedisServer
) -> None:
    numbers = range(1, 9)
    async with decision_service(nats_url, redis_url=redis_server.url):

        async def stored() -> bool:
            return bool((await told(bus, "redis"))["stored"] >= len(numbers))

        await _is_up(bus)
        await counted.ask(1, 2, 3)
        await counted.ask(*numbers)
        await eventually(stored)
    async with Redis.from_url(redis_server.url) as raw:
        names = await raw.keys("stretto:decision:*")
        assert len(names) == len(numbers)
        kept = [await raw.get(name) for name in names]
        await raw.set(names[0], kept[1])
        await raw.set(names[1], kept[1][:-1])
        await raw.set(names[2], b"")
        await raw.set(names[3], os.urandom(100))
        await raw.delete(names[4])
        await raw.lpush(names[4], b"a list")
    async with decision_service(nats_url, redis_url=redis_server.url):
        await _is_up(bus)
        await counted.ask(11, 12, 13)
        await counted.ask(*numbers)
        redis = await told(bus, "redis")
        assert redis["hits"] == 3
        assert redis["corrupt"] == 4


async def _is_up(bus: Connection) -> None:
    async def is_up() -> bool:
        return bool((await told(bus, "redis"))["up"])

    await eventually(is_up)
