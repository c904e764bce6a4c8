"""The shared cache on a real Redis: killed, stopped, full, with wrong bytes in it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from stretto.cache import SharedCache, shared
from stretto.cache.shared import MAX_KEYS
from stretto.testkit.servers import RedisServer
from tests.frozen import freeze, thaw

DEADLINE_S = 30.0
PATIENT_S = 10.0
"""Timeout of calls in tests that are not about timeouts: a busy machine is no slow Redis."""


async def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(cache: SharedCache, *, up: bool = True) -> AsyncIterator[SharedCache]:
    task = asyncio.ensure_future(cache.run())
    try:
        if up:
            await eventually(lambda: cache.is_up)
        yield cache
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not cache.is_up


@pytest.fixture
async def raw(redis_server: RedisServer) -> AsyncIterator[Redis]:
    client = Redis.from_url(redis_server.url)
    yield client
    await client.aclose()


async def test_what_one_instance_stored_another_one_finds(redis_server: RedisServer) -> None:
    one = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    two = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    other = SharedCache(redis_server.url, "test:2", timeout_s=PATIENT_S)
    async with running(one), running(two), running(other):
        assert await one.set_many([(b"a", b"1"), (b"b", b"")], ttl_s=60) == 2
        assert await two.get_many([b"a", b"x", b"b"]) == [b"1", None, b""]
        assert await other.get_many([b"a"]) == [None]
        assert await two.delete_many([b"a"])
        assert await one.get_many([b"a", b"b"]) == [None, b""]
        assert (two.counts.hits, two.counts.misses) == (2, 1)
        assert one.why_away is None


async def test_a_value_is_gone_when_its_time_is_over(redis_server: RedisServer, raw: Redis) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        await cache.set_many([(b"a", b"1")], ttl_s=0.05)
        deadline = time.monotonic() + DEADLINE_S
        while await cache.get_many([b"a"]) != [None]:
            assert time.monotonic() < deadline
        await cache.set_many([(b"a", b"1")], ttl_s=60)
        assert 50 < await raw.ttl("stretto:test:1:a") <= 60


async def test_wrong_bytes_are_misses_and_counted(redis_server: RedisServer, raw: Redis) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        await cache.set_many([(b"a", b"1"), (b"b", b"2")], ttl_s=60)
        good = await raw.get("stretto:test:1:a")
        await raw.set("stretto:test:1:b", good)  # the value of another key
        await raw.set("stretto:test:1:c", b"rubbish")
        await raw.rpush("stretto:test:1:d", "a list")
        found = await cache.get_many([b"a", b"b", b"c", b"d"])
        assert found == [b"1", None, None, None]
        assert cache.counts.corrupt == 2
        assert cache.is_up


async def test_a_redis_that_is_killed_costs_nothing_and_is_used_again_when_it_is_back(
    redis_server: RedisServer,
) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        await cache.set_many([(b"a", b"1")], ttl_s=60)
        await redis_server.kill()
        assert await cache.get_many([b"a"]) == [None]
        assert not cache.is_up
        assert cache.why_away
        # Away, no call touches the network: none waits.
        assert await cache.get_many([b"a"]) == [None]
        assert await cache.set_many([(b"a", b"1")], ttl_s=60) == 0
        assert not await cache.delete_many([b"a"])
        assert await cache.delete_many([])
        assert cache.counts.skipped >= 1
        await redis_server.start()
        await eventually(lambda: cache.is_up)
        assert await cache.set_many([(b"a", b"2")], ttl_s=60) == 1
        assert await cache.get_many([b"a"]) == [b"2"]


async def test_calls_under_way_when_redis_is_killed_are_misses(redis_server: RedisServer) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    answered = 0

    async def ask() -> None:
        nonlocal answered
        while cache.is_up:
            await cache.set_many([(b"a", b"1" * 1_000)], ttl_s=60)
            assert (await cache.get_many([b"a"]))[0] in {None, b"1" * 1_000}
            answered += 1

    async with running(cache), asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        await eventually(lambda: answered > 50)
        await redis_server.kill()


async def test_a_redis_that_hangs_costs_a_few_timeouts_and_then_nothing(
    redis_server: RedisServer,
) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=0.05)
    async with running(cache):
        assert redis_server.pid is not None
        freeze(redis_server.pid)
        calls = 0
        while cache.is_up:
            assert await cache.get_many([b"a"]) == [None]
            calls += 1
        assert calls == cache.counts.failures == 3
        assert "no answer" in str(cache.why_away)
        thaw(redis_server.pid)
        await eventually(lambda: cache.is_up)


async def test_a_full_redis_takes_nothing_and_still_answers(
    redis_server: RedisServer, raw: Redis
) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        await cache.set_many([(b"a", b"1")], ttl_s=60)
        await raw.config_set("maxmemory", "1")
        assert await cache.set_many([(b"b", b"2"), (b"c", b"3")], ttl_s=60) == 0
        assert await cache.set_many([(b"b", b"2")], ttl_s=60) == 0  # not even offered
        assert cache.counts.unstored == 3
        assert await cache.get_many([b"a", b"b"]) == [b"1", None]
        assert cache.is_up


async def test_what_is_too_large_or_too_much_is_left_out(redis_server: RedisServer) -> None:
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S, max_value_bytes=1_000)
    async with running(cache):
        assert await cache.set_many([(b"a", b"1" * 1_000), (b"b", b"2")], ttl_s=60) == 1
        assert await cache.get_many([b"a", b"b"]) == [None, b"2"]
        keys = [b"%d" % n for n in range(MAX_KEYS + 5)]
        assert await cache.get_many(keys) == [None] * len(keys)
        assert await cache.set_many([(key, b"") for key in keys], ttl_s=60) == MAX_KEYS
        assert await cache.delete_many(keys)
        assert await cache.get_many([]) == []


async def test_it_is_noticed_that_redis_is_gone_while_nobody_asks(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "LOOK_EVERY_S", 0.05)
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        await redis_server.kill()
        await eventually(lambda: not cache.is_up)


async def test_without_redis_nothing_is_known_and_the_reason_is(redis_server: RedisServer) -> None:
    await redis_server.stop()
    cache = SharedCache(redis_server.url, "test:1")
    async with running(cache, up=False):
        await eventually(lambda: "not connected" not in str(cache.why_away))
        assert "onnect" in str(cache.why_away)
        assert await cache.get_many([b"a"]) == [None]
        await redis_server.start()
        await eventually(lambda: cache.is_up)


async def test_a_wrong_password_and_a_right_that_is_taken_away_are_told_without_the_password(
    redis_server: RedisServer, raw: Redis
) -> None:
    url = redis_server.url.replace("redis://", "redis://:secret@")
    cache = SharedCache(url, "test:1", timeout_s=PATIENT_S)
    async with running(cache, up=False):
        await eventually(lambda: "not connected" not in str(cache.why_away))
        assert "secret" not in str(cache.why_away)
        await raw.acl_setuser("default", enabled=True, passwords=["+secret"], categories=["+@all"])
        await eventually(lambda: cache.is_up)
        await raw.acl_setuser("default", enabled=True, commands=["-mget"])
        assert await cache.get_many([b"a"]) == [None]
        assert "mget" in str(cache.why_away)


async def test_a_redis_that_accepts_and_says_nothing_is_none() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    cache = SharedCache(f"redis://127.0.0.1:{port}/0", "test:1")
    async with running(cache, up=False):
        await eventually(lambda: "no answer" in str(cache.why_away))
    server.close()
    await server.wait_closed()


async def test_it_ends_while_it_looks_for_a_redis_that_says_nothing() -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with running(SharedCache(f"redis://127.0.0.1:{port}/0", "test:1"), up=False):
        async with asyncio.timeout(DEADLINE_S):
            await asked.wait()
    server.close()
    await server.wait_closed()


async def test_after_a_long_time_it_is_looked_for_at_once(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MAX_LOOK_S", 0.0)
    cache = SharedCache(redis_server.url, "test:1", timeout_s=PATIENT_S)
    async with running(cache):
        for _ in range(3):
            await redis_server.restart()
            await cache.get_many([b"a"])
            await eventually(lambda: cache.is_up)
