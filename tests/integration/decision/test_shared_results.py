"""Results in Redis, without a bus: what is asked for, what is stored, and what is left alone."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from services.decision.caching import outbox as outbox_module
from services.decision.caching.outbox import Outbox
from services.decision.caching.results import FrameResults, Results
from services.decision.caching.worth import SHARED_DEAR_US, TIMES_DEAR, WINDOW
from stretto.cache import SharedCache
from stretto.contracts.frames import DecidedRecord, DecideFrame, DecideRecord
from stretto.testkit.servers import RedisServer
from tests.integration.cache.test_shared import eventually

PLAN = b"a plan"
ANSWER = DecidedRecord(bytes(16), "s", 1, output=b"1", took_us=10 * SHARED_DEAR_US)


@pytest.fixture
async def shared(redis_server: RedisServer) -> AsyncIterator[SharedCache]:
    cache = SharedCache(redis_server.url, "results", timeout_s=10.0)
    task = asyncio.ensure_future(cache.run())
    await eventually(lambda: cache.is_up)
    yield cache
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def dear(outbox: Outbox, us: int = 10 * SHARED_DEAR_US) -> Results:
    results = Results(1_000_000, b"engine", outbox)
    for _ in range(TIMES_DEAR):
        results.took(PLAN, us)
    return results


def record(value: int) -> DecideRecord:
    return DecideRecord(bytes(16), "s", 1, 0, 0, (value,))


def known(results: Results, *values: bytes) -> FrameResults:
    asked = DecideFrame(
        plans=[PLAN], values=list(values), records=[record(n) for n in range(len(values) + 1)]
    )
    found = results.of(asked)
    assert found is not None
    return found


async def test_what_was_stored_is_fetched_and_what_cannot_be_read_is_worked_out(
    shared: SharedCache,
) -> None:
    outbox = Outbox(shared)
    one, two = dear(outbox), dear(outbox)
    frame = known(one, b"1", b"2", b"3")
    for number in range(3):
        frame.took(record(number), ANSWER)
    assert len(outbox) == 3
    storing = asyncio.ensure_future(outbox.run())
    await eventually(lambda: shared.counts.stored == 3)
    storing.cancel()
    keys = [key for key, _ in known(two, b"1", b"2", b"3").shared()]
    await shared.set_many([(keys[1], msgspec.msgpack.encode("no record"))], ttl_s=60)

    await two.fetch([None, known(two, b"1", b"2", b"3", b"4")])

    again = known(two, b"1", b"2", b"3", b"4")
    found = [again.get(record(number)) for number in range(4)]
    assert [None if each is None else each.output for each in found] == [b"1", None, b"1", None]
    asked = shared.counts.hits + shared.counts.misses
    await two.fetch([known(two, b"1", b"3")])  # known here by now: nobody is asked
    assert shared.counts.hits + shared.counts.misses == asked


async def test_little_that_is_asked_for_is_not_worth_a_question(shared: SharedCache) -> None:
    results = dear(Outbox(shared), us=SHARED_DEAR_US // 2)
    await results.fetch([known(results, b"1")])
    known(results, b"1").took(record(0), msgspec.structs.replace(ANSWER, took_us=60))
    assert shared.counts.misses == 0
    assert len(results._outbox or ()) == 0


async def test_redis_is_not_asked_while_that_does_not_pay(shared: SharedCache) -> None:
    outbox = Outbox(shared)
    results = dear(outbox)
    values = [b"%d" % number for number in range(WINDOW + 10)]
    for value in values:
        await results.fetch([known(results, value)])
    assert shared.counts.misses == WINDOW
    known(results, b"x").took(record(0), ANSWER)
    assert len(outbox) == 0, "what nobody finds is not stored either"


async def test_what_waits_to_be_stored_is_bounded(
    shared: SharedCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 3)
    monkeypatch.setattr(outbox_module, "MAX_WAITING_BYTES", 100)
    outbox = Outbox(shared)
    outbox.offer(b"a", lambda: b"1", 60)
    outbox.offer(b"b", lambda: b"2", 60)  # too much with the first
    outbox.offer(b"c", lambda: b"3", 10)
    outbox.offer(b"d", lambda: b"4", 10)
    outbox.offer(b"e", lambda: b"5", 10)  # one too many
    assert len(outbox) == 3
    monkeypatch.setattr(outbox_module, "AT_ONCE", 2)
    storing = asyncio.ensure_future(outbox.run())
    await eventually(lambda: shared.counts.stored == 3)
    storing.cancel()
    assert await shared.get_many([b"a", b"b", b"c", b"d", b"e"]) == [b"1", None, b"3", b"4", None]


async def test_nothing_waits_for_a_redis_that_is_away(redis_server: RedisServer) -> None:
    outbox = Outbox(SharedCache(redis_server.url, "results"))
    outbox.offer(b"a", lambda: b"1", 60)
    assert len(outbox) == 0
    results = dear(outbox)
    await results.fetch([known(results, b"1")])
    assert outbox.shared.counts.skipped == 0
