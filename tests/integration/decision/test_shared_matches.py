"""Matches of one instance are found by another one that heard the same of the fleet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

import msgspec
import pytest
from redis.asyncio import Redis

from services.decision.caching import worth
from services.decision.caching.outbox import Outbox
from services.decision.caching.shared_matches import SharedMatches
from services.decision.routing import matches as matches_module
from services.decision.routing.answers import Routes
from stretto.cache import SharedCache
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import Ranked, RankQuestion
from stretto.testkit.servers import RedisServer
from tests.integration.cache.test_shared import eventually
from tests.unit.decision.routing.fleets import NOW_US, plan

WHERE = "device.attributes.n % 2 == input"


class Instance:
    """The part of an instance that ranks, without a bus."""

    def __init__(self, cache: SharedCache) -> None:
        self.cache = cache
        self.outbox = Outbox(cache)
        self.shared = SharedMatches(self.outbox, b"engine")
        self.routes = Routes(explore=0.0, fingerprints=True)
        self.routes.matches.on_dear = partial(self.shared.offer, self.routes.fleet)

    def hear(self, *names: str, **changed: object) -> None:
        """Hear of devices `d<n>`, each with its number."""
        for name in names:
            attributes = {"n": int(name[1:]), "battery": 50, **changed}
            presence = Presence(tasks=["scan"], attributes=attributes)
            self.routes.heard("default", name, presence, NOW_US)

    async def ask(self, value: int) -> Ranked:
        question = _question(value)
        await self.shared.fetch(self.routes, [question])
        return self.routes.answer(question, NOW_US)


@contextlib.asynccontextmanager
async def an_instance(server: RedisServer) -> AsyncIterator[Instance]:
    instance = Instance(SharedCache(server.url, "matches", timeout_s=10.0))
    tasks = [
        asyncio.ensure_future(instance.cache.run()),
        asyncio.ensure_future(instance.outbox.run()),
    ]
    await eventually(lambda: instance.cache.is_up)
    yield instance
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def all_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches_module, "DEAR_US", 0)
    monkeypatch.setattr(worth, "DEAR_US", 0)
    monkeypatch.setattr(worth, "SHARED_DEAR_US", 0)


def devices(answer: Ranked) -> set[str]:
    assert answer.failure is None
    return {candidate.device for candidate in answer.candidates}


async def test_a_match_is_worked_out_once_for_all_who_know_the_same(
    redis_server: RedisServer,
) -> None:
    async with an_instance(redis_server) as one, an_instance(redis_server) as two:
        one.hear("d1", "d2", "d3", "d4")
        two.hear("d4", "d2", "d1", "d3", battery=9)  # in another order; nobody asks for this
        for value in (7, 8, 9):  # from now on it is dear for both
            await one.ask(value)
            await two.ask(value + 10)
        for value in (0, 1):
            await one.ask(value)
        await eventually(lambda: one.cache.counts.stored >= 3)
        before = two.routes.matches.counts()
        asked = [await two.ask(value) for value in (0, 1)]
        assert [devices(answer) for answer in asked] == [{"d2", "d4"}, {"d1", "d3"}]
        assert (asked[0].knowing, asked[0].fitting, asked[0].present) == (4, 2, 4)
        assert asked[0].refused == {"the condition is false": 2}
        assert two.cache.counts.hits == 2
        assert two.routes.matches.counts().hits == before.hits + 2


async def test_who_knows_another_fleet_works_it_out(redis_server: RedisServer) -> None:
    async with an_instance(redis_server) as one, an_instance(redis_server) as two:
        one.hear("d1", "d2")
        two.hear("d1", "d2", "d4")
        for value in (7, 8, 9):
            await one.ask(value)
            await two.ask(value)
        await one.ask(0)
        await eventually(lambda: one.cache.counts.stored >= 2)
        assert devices(await two.ask(0)) == {"d2", "d4"}
        assert two.cache.counts.hits == 0
        two.hear("d4", n=5)
        assert devices(await two.ask(0)) == {"d2"}


async def test_rubbish_and_devices_that_are_not_known_are_misses(redis_server: RedisServer) -> None:
    async with an_instance(redis_server) as one, an_instance(redis_server) as two:
        one.hear("d1", "d2")
        two.hear("d1", "d2")
        for value in (7, 8, 9):
            await one.ask(value)
            await two.ask(value)
        await one.ask(0)
        await one.ask(1)
        await eventually(lambda: one.cache.counts.stored >= 2)
        async with Redis.from_url(redis_server.url) as raw:
            await raw.flushall()
        question = two.routes.dear(_question(0))
        assert question is not None
        key = two.shared.wanted(two.routes.fleet, question).key
        for wrong in (b"rubbish", msgspec.msgpack.encode([2, ["d9"], {}])):
            await two.cache.set_many([(key, wrong)], ttl_s=60)
            await two.shared.fetch(two.routes, [_question(0)])
        assert two.cache.counts.hits == 2
        assert devices(await two.ask(0)) == {"d2"}
        await redis_server.stop()
        assert devices(await two.ask(1)) == {"d1"}
        assert devices(await two.ask(5)) == set()


def _question(value: int) -> RankQuestion:
    return RankQuestion(
        id="a", namespace="default", task="scan",
        plan=msgspec.Raw(json_encode(plan(where=WHERE, paths=(("input",),)))),
        values=[msgspec.Raw(b"%d" % value)],
    )  # fmt: skip
