"""Attempts that are withdrawn, repeated, lost, wrong or too many: nothing holds up the others."""

import asyncio

import msgspec
import pytest

from stretto.bus.ensure import ensure
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.frames import DispatchFrame
from stretto.contracts.public import DeadLetter
from stretto.runtime.streams import DLQ
from stretto.runtime.topology import execution_dispatch
from stretto.worker import Worker
from tests.integration.execution.flow import adder, work_in

from .world import World, execution, id_of, record, running, world

DEEP = b"[" * 5_000 + b"]" * 5_000


async def dead_letters(here: World, count: int = 1) -> list[DeadLetter]:
    consumer = Consumer(stream=DLQ.name, name="letters")
    await ensure(here.connection, (), [consumer])
    letters: list[DeadLetter] = []
    async with PullLoop(here.connection, consumer.stream, consumer.name) as loop:
        async with asyncio.timeout(10):
            while len(letters) < count:
                batch = await loop.next_batch()
                letters += [msgspec.json.decode(m.data, type=DeadLetter) for m in batch]
    return letters


async def test_withdrawn_attempts_stop_at_their_workers_and_leave_the_stream(
    nats_url: str,
) -> None:
    worker = Worker(queue="q", url=nats_url, slots=1)
    began, stopped = asyncio.Event(), asyncio.Event()

    @worker.task("wait")
    async def wait() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with world(nats_url) as here, execution(nats_url):
        waiting = [record("wait", n=n, queue="q") for n in range(3)]
        await here.dispatch(*waiting)
        await here.until_lane(out=3)
        async with running(worker):
            await asyncio.wait_for(began.wait(), 10)
            nap = record("std.sleep", {"seconds": 60}, n=9)
            await here.dispatch(nap)
            await here.until_lane(own=1)
            await here.send_frame(withdrawn=[*waiting, nap])
            await asyncio.wait_for(stopped.wait(), 10)
            failure = (await here.result(nap)).failure
            assert failure is not None
            assert failure.type == "Cancelled"
            await here.until_lane(known=0)
            await here.until_empty()


async def test_an_attempt_dispatched_twice_is_sent_once(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        one = record("t", queue="q")
        await here.dispatch(one)
        await here.send_frame([one, msgspec.structs.replace(one, again=True)])
        await here.until_lane(known=1, out=1)
        assert len(await work_in(here, "q")) == 1


async def test_an_attempt_that_vanished_is_sent_again_when_somebody_asks_for_it(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.limits.DOUBT_AFTER_US", 0)
    async with world(nats_url) as here, execution(nats_url):
        one, here_still = record("t", queue="q"), record("t", n=2, queue="r")
        await here.dispatch(one, here_still)
        await here.until_lane(out=2)
        assert len(await work_in(here, "q")) == 1  # acknowledged, and no result
        again = [msgspec.structs.replace(r, again=True) for r in (one, here_still)]
        await here.send_frame(again)
        assert len(await work_in(here, "q")) == 1
        assert len(await work_in(here, "r")) == 1


async def test_what_has_no_result_long_after_it_left_the_stream_is_forgotten(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.limits.FORGET_AFTER_US", 0)
    monkeypatch.setattr("services.execution.desk.RECONCILE_EVERY_TICKS", 1)
    async with world(nats_url) as here, execution(nats_url):
        await here.until_true(lambda: here.open_asked == 1)
        await here.dispatch(record("t", queue="q"))
        await here.until_lane(out=1)
        assert len(await work_in(here, "q")) == 1
        await here.until_lane(known=0)


async def test_frames_that_are_none_go_to_the_dead_letters(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        await here.publisher.publish(subjects.dispatch(0), b"nonsense")
        frame = pack(DispatchFrame(records=[record("abcd", n=7)], withdrawn=[]))
        await here.publisher.publish(subjects.dispatch(0), frame.replace(b"abcd", b"\xff\xfe  "))
        one = record("std.echo", 1)
        await here.dispatch(one)
        await here.result(one)
        letters = await dead_letters(here, 2)
    assert [(letter.service, letter.reason.code) for letter in letters] == [
        ("execution", "execution.not_a_frame")
    ] * 2


async def test_a_record_that_is_none_does_not_hold_up_the_others(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        bad = [
            record("t", n=n, deadline_us=deadline) for n, deadline in ((1, 2**62), (2, -(2**62)))
        ]
        good = record("std.echo", n=3)
        await here.send_frame([*bad, good])
        await here.result(good)
        (letter,) = await dead_letters(here)
        assert letter.reason.code == "execution.bad_record"
        assert "the years 1 to 9999" in letter.reason.message
        await here.until_lane(known=0)


async def test_names_that_no_subject_can_hold_fail_their_attempt(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        for one in (record("t", n=1, queue="a.>"), record("t", n=2, namespace="x y")):
            await here.dispatch(one)
            failure = (await here.result(one)).failure
            assert failure is not None
            assert (failure.type, failure.retryable) == ("InvalidQueue", False)
        await here.until_lane(known=0)


async def test_what_others_say_wrongly_is_survived(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url) as service:
        for subject, data in [
            (subjects.presence("default", "w"), b"nonsense"),
            (subjects.presence("default", "w"), b'{"queue":"a.>"}'),
            (subjects.presence("default", "w"), b'{"attributes":{"a":%b}}' % DEEP),
            (subjects.presence("default", "w"), b'{"device":"%b"}' % (b"x" * 70_000)),
            (subjects.progress("default", "r"), b"nonsense"),
            (subjects.progress("default", "r"), b'{"id":"a","more":%b}' % DEEP),
            (subjects.progress("default", "r"), b'{"id":"unknown"}'),
        ]:
            await here.connection.publish(subject, data)
        await here.publisher.publish(subjects.results(0), b'{"results":7}')
        await here.publisher.publish(subjects.results(0), b'{"results":[],"more":%b}' % DEEP)
        strange = {"id": "x", "status": "completed", "started_at": "then", "finished_at": "now"}
        one = record("t", queue="q")
        await here.dispatch(one)
        await here.until_lane(out=1)
        results = {"results": [strange | {"id": id_of(one)}]}
        await here.publisher.publish(subjects.results(0), json_encode(results))
        await here.until_lane(known=0)
        assert len(service.roster) == 0


async def test_what_is_in_the_stream_is_known_after_a_restart(nats_url: str) -> None:
    async with world(nats_url) as here:
        async with execution(nats_url):
            records = [record("t", n=n, queue="q") for n in range(700)]
            await here.dispatch(*records, record("t", n=900, partition=3))
            await here.until_lane(out=701)
            await here.until_true(lambda: here.open_asked == 1)
        await here.publisher.publish(subjects.work("default", "q"), b"somebody else's")
        foreign = {"tasks": [{"id": "a", "run_id": "r", "step": "s", "attempt": 1, "task": "t"}]}
        foreign["tasks"][0] |= {"input": 1, "reply": "elsewhere"}
        await here.publisher.publish(subjects.work("default", "q"), json_encode(foreign))
        async with execution(nats_url, instance="execution-2"):
            await here.until_lane(out=701, known=701)
            await here.until_true(lambda: here.open_asked == 2)
        assert len(await here.stored_work()) == 703, "nothing was sent again"


async def test_while_too_much_is_held_frames_wait_and_the_lane_stays_ours(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.limits.MAX_HELD", 1)
    monkeypatch.setattr("services.execution.core.line.MIN_LIMIT", 1)
    monkeypatch.setattr("services.execution.core.line.LIMIT_PER_SLOT", 0)
    monkeypatch.setattr("services.execution.lane.KEEP_S", 0.05)
    async with world(nats_url) as here, execution(nats_url) as service:
        for n in range(5):
            await here.dispatch(record("add", {"a": n}, n=n, queue="sums"))
        await here.until_lane(out=1, held=1)
        desk = service.lanes[0].desk
        # Longer than a pin lasts without being asked for, and than frames wait for a word.
        await asyncio.sleep(execution_dispatch(0).ack_wait_s + 1)
        assert service.lanes[0].desk is desk
        async with running(adder(nats_url)):
            await here.all_results(5)
        assert (await here.lane())["known"] == 0


async def test_own_tasks_are_finished_or_given_up_at_the_end(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.desk.OWN_PATIENCE_S", 0.3)
    async with world(nats_url) as here:
        async with execution(nats_url):
            short = record("std.sleep", {"duration": "200ms"}, n=1)
            long = record("std.sleep", {"duration": "1h"}, n=2)
            await here.dispatch(short, long)
            await here.until_lane(own=2)
        await here.result(short)
        assert id_of(long) not in here.results
        async with execution(nats_url, instance="execution-2"):
            await here.until_lane(own=1)  # begun anew: it is still open
            await here.send_frame(withdrawn=[long])
            await here.result(long)


async def test_an_attempt_that_the_bus_cannot_take_fails(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(nats_url) as here, execution(nats_url) as service:
        connection = service.context.connection
        limit = 2_000
        monkeypatch.setattr(connection._client, "_max_payload", limit)
        one = record("t", {"text": "x" * limit}, n=1, queue="q")
        two = record("t", {"text": "y"}, n=2, queue="q")
        await here.dispatch(one, two)
        failure = (await here.result(one)).failure
        assert failure is not None
        assert (failure.type, failure.retryable) == ("TooLarge", False)
        await here.until_lane(known=1, out=1)


async def test_work_that_is_not_stored_now_is_sent_later(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with world(nats_url) as here, execution(nats_url) as service:
        publisher = service.context.publisher
        monkeypatch.setattr(publisher, "_deadline_s", 0.2)
        monkeypatch.setattr(publisher, "_ack_timeout_s", 0.1)
        monkeypatch.setattr("services.execution.sender.subjects.work", lambda *_: "nowhere")
        one = record("t", queue="q")
        await here.dispatch(one)
        await here.until_lane(known=1)
        await here.until_true(lambda: "work not stored" in caplog.messages)
        monkeypatch.undo()
        await here.until_lane(out=1)
        assert len(await work_in(here, "q")) == 1
