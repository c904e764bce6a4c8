"""Frames in, work to workers, results back: an instance of the execution service on a real bus."""

import asyncio
from typing import Any

import msgspec
import pytest

from services.execution.core.roster import PRESENCE_TTL_US
from services.execution.settings import ExecutionSettings
from stretto.bus.ensure import ensure
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import decode_work, json_encode, pack
from stretto.contracts.frames import DispatchFrame
from stretto.contracts.public import DeadLetter, Presence, Task
from stretto.runtime.streams import DLQ
from stretto.runtime.topology import execution_dispatch, work_consumer
from stretto.worker import Context, Worker

from .world import World, execution, id_of, process, record, running, world

DEEP = b"[" * 5_000 + b"]" * 5_000


def adder(url: str, queue: str = "sums", **more: Any) -> Worker:
    worker = Worker(queue=queue, url=url, **more)

    @worker.task("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    return worker


async def say_present(here: World, name: str, queue: str | None, *tasks: str, **more: Any) -> None:
    presence = Presence(device=name, queue=queue, tasks=list(tasks), **more)
    await here.connection.publish(subjects.presence("default", name), json_encode(presence))


async def work_in(here: World, queue: str) -> list[list[Task]]:
    """Take what is in the stream for a queue, message by message."""
    consumer = work_consumer("default", queue)
    await ensure(here.connection, (), [consumer])
    async with PullLoop(here.connection, consumer.stream, consumer.name) as loop:
        messages = await loop.next_batch(timeout_s=10.0)
        for message in messages:
            message.ack()
    return [decode_work(message.data).tasks for message in messages]


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


async def test_attempts_of_a_frame_reach_a_worker_and_come_back(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url), running(adder(nats_url)):
        records = [record("add", {"a": n}, n=n, queue="sums") for n in range(250)]
        await here.dispatch(*records)
        await here.all_results(250)
        await here.until_lane(known=0, held=0, out=0)
    outputs = [msgspec.json.decode(here.results[id_of(r)][0].output) for r in records]
    assert outputs == [n + 1 for n in range(250)]
    assert all(len(results) == 1 for results in here.results.values())


async def test_a_task_has_what_the_contract_promises(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        one = record(
            "t",
            {"a": 1},
            n=3,
            queue="q",
            path="scan[3].read",
            attempt=2,
            deadline_us=1_800_000_000_000_001,
            heartbeat_s=5.0,
            accept=True,
            traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        )
        await here.dispatch(one, record("t", n=4, queue="q"))
        await here.until_lane(out=2)
        (task,), (plain,) = await work_in(here, "q")
    assert task == Task(
        id=id_of(one),
        run_id=id_of(one)[:36],
        step="scan[3].read",
        attempt=2,
        task="t",
        input=msgspec.Raw(b'{"a":1}'),
        reply="stretto.results.3",
        deadline="2027-01-15T08:00:00.000001Z",
        heartbeat_s=5.0,
        traceparent=one.traceparent,
        accept=True,
    )
    assert (plain.deadline, plain.heartbeat_s, plain.accept) == (None, None, False)


async def test_a_worker_with_nothing_but_a_nats_client_does_the_work(nats_url: str) -> None:
    plain = "tests.integration.execution.plain_worker"
    async with (
        world(nats_url) as here,
        execution(nats_url),
        process("-m", plain, STRETTO_NATS_URL=nats_url),
    ):
        one = record("any.task", {"text": "loud"}, queue="plain")
        await here.dispatch(one)
        assert bytes((await here.result(one)).output) == b'"LOUD"'
        await here.until_lane(known=0)


async def test_unnamed_it_goes_to_the_queue_whose_workers_announce_its_task(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url), running(adder(nats_url)):
        one = record("add", {"a": 1})
        await here.dispatch(one)
        assert (await here.result(one)).status == "completed"


async def test_parked_in_default_it_moves_to_who_announces_its_task_later(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        one = record("add", {"a": 1})
        await here.dispatch(one)
        await here.until_lane(out=1)
        async with running(adder(nats_url)):
            assert (await here.result(one)).status == "completed"
        await here.until_lane(known=0)
        queues = {row["queue"]: row for row in (await here.ask("queues"))["queues"]}
        assert queues["default"]["in_flight"] == 0
        await ensure(here.connection, (), [work_consumer("default", "default")])
        subject = "$JS.API.CONSUMER.INFO.STRETTO_WORK.work-default-default"
        info = msgspec.json.decode((await here.connection.request(subject)).data)
        assert info["num_pending"] == 0, "its old message was taken out"


async def test_claimed_in_default_it_is_not_moved(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        one = record("add", {"a": 1})
        await here.dispatch(one)
        await here.until_lane(out=1)
        consumer = work_consumer("default", "default")
        async with PullLoop(here.connection, consumer.stream, consumer.name) as loop:
            (message,) = await loop.next_batch()
            await say_present(here, "w", "sums", "add")
            await say_present(here, "w", "sums", "add", "other")
            two = record("other", n=2)
            await here.dispatch(two)
            await here.until_lane(out=2)
            assert (await here.ask("queues"))["queues"][0]["in_flight"] == 1
            (task,) = decode_work(message.data).tasks
    assert task.id == id_of(one)


async def test_announced_by_nobody_it_waits_until_somebody_does(nats_url: str) -> None:
    async with (
        world(nats_url) as here,
        execution(nats_url) as service,
        running(adder(nats_url, "default")),
    ):
        await here.until_true(lambda: len(service.roster) == 1)
        one = record("double", {"n": 4})
        await here.dispatch(one)
        await here.until_lane(unbound=1, out=0)
        other = Worker(queue="others", url=nats_url)

        @other.task("double")
        async def double(n: int) -> int:
            return 2 * n

        async with running(other):
            assert bytes((await here.result(one)).output) == b"8"


async def test_a_silent_worker_is_forgotten(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(nats_url) as here, execution(nats_url) as service:
        await say_present(here, "w", "sums", "add")
        await here.until_true(lambda: len(service.roster) == 1)
        monkeypatch.setattr("services.execution.core.roster.PRESENCE_TTL_US", 1)
        assert PRESENCE_TTL_US > 1
        await here.until_true(lambda: len(service.roster) == 0)


async def test_work_is_cut_fairly_for_all_who_are_present(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url) as service:
        for name in ("a", "b", "c"):
            await say_present(here, name, "sums", "add", slots=40)
        await here.until_true(lambda: len(service.roster) == 3)
        await here.dispatch(*[record("add", {"a": n}, n=n) for n in range(25)])
        await here.until_lane(out=25)
        assert [len(tasks) for tasks in await work_in(here, "sums")] == [9, 9, 7]


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
    monkeypatch.setattr("services.execution.core.admission.DOUBT_AFTER_US", 0)
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
    monkeypatch.setattr("services.execution.core.admission.FORGET_AFTER_US", 0)
    monkeypatch.setattr("services.execution.desk.RECONCILE_EVERY_TICKS", 1)
    async with world(nats_url) as here, execution(nats_url):
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
        await here.publisher.publish(subjects.work("default", "q"), b"somebody else's")
        foreign = {"tasks": [{"id": "a", "run_id": "r", "step": "s", "attempt": 1, "task": "t"}]}
        foreign["tasks"][0] |= {"input": 1, "reply": "elsewhere"}
        await here.publisher.publish(subjects.work("default", "q"), json_encode(foreign))
        async with execution(nats_url, instance="execution-2"):
            await here.until_lane(out=701, known=701)
            assert here.open_asked == 2
        assert len(await here.stored_work()) == 703, "nothing was sent again"


async def test_it_answers_what_is_where(nats_url: str) -> None:
    worker = adder(nats_url, name="w1", slots=7, labels={"team": "a"})
    async with world(nats_url) as here, execution(nats_url) as service, running(worker):
        await here.until_true(lambda: len(service.roster) == 1)
        await here.dispatch(record("t", n=1, queue="q"), record("t", n=2, heartbeat_s=1.0))
        await here.until_lane(out=2, watched=0)
        (sums, default, q) = sorted(
            (await here.ask("queues"))["queues"], key=lambda row: -int(str(row["slots"]))
        )
        assert sums == {
            "namespace": "default",
            "queue": "sums",
            "waiting": 0,
            "in_flight": 0,
            "wanted": 0,
            "workers": 1,
            "slots": 7,
            "busy": 0,
        }
        assert {default["queue"], q["queue"]} == {"default", "q"}
        (device,) = (await here.ask("devices"))["devices"]
        seen_at = device.pop("seen_at")
        assert str(seen_at).endswith("Z")
        assert device == {
            "namespace": "default",
            "device": "w1",
            "queue": "sums",
            "tasks": ["add"],
            "capabilities": [],
            "attributes": {},
            "labels": {"team": "a"},
            "slots": 7,
            "busy": 0,
            "running": [],
        }


async def test_while_too_much_is_held_frames_wait_and_the_lane_stays_ours(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.execution.core.admission.MAX_HELD", 1)
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


async def test_std_tasks_need_no_worker(nats_url: str) -> None:
    async with world(nats_url) as here, execution(nats_url):
        echo = record("std.echo", {"x": [1, 2]}, n=1, accept=True)
        fail = record("std.fail", {"type": "Broken", "message": "as asked"}, n=2)
        nap = record("std.sleep", {"duration": "10ms"}, n=3)
        unknown = record("std.shell", {}, n=4)
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        await here.connection.subscribe(
            "greetings", lambda _s, _r, _b, data: heard.set_result(data)
        )
        await here.connection.flush()
        publish = record("std.publish", {"subject": "greetings", "payload": "hello"}, n=5)
        await here.dispatch(echo, fail, nap, unknown, publish)
        assert msgspec.json.decode((await here.result(echo)).output) == {"x": [1, 2]}
        assert here.accepted == [id_of(echo)]
        failure = (await here.result(fail)).failure
        assert failure is not None
        assert (failure.type, failure.message, failure.retryable) == ("Broken", "as asked", False)
        assert (await here.result(nap)).status == "completed"
        failure = (await here.result(unknown)).failure
        assert failure is not None
        assert failure.type == "UnknownTask"
        assert await asyncio.wait_for(heard, 10) == b"hello"
        await here.until_lane(known=0)


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
        monkeypatch.setattr("services.execution.desk.subjects.work", lambda *_: "nowhere")
        one = record("t", queue="q")
        await here.dispatch(one)
        await here.until_lane(known=1)
        await here.until_true(lambda: "work not stored" in caplog.messages)
        monkeypatch.undo()
        await here.until_lane(out=1)
        assert len(await work_in(here, "q")) == 1


async def test_spans_of_sampled_attempts_are_recorded(nats_url: str) -> None:
    spans: list[tuple[str, dict[str, Any]]] = []

    class Notes:
        enabled = True

        def record(self, name: str, parent: Any, span_id: bytes, **more: Any) -> None:
            assert more["start_us"] <= more["end_us"]
            spans.append((name, dict(more["attributes"])))

    sampled = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    async with (
        world(nats_url) as here,
        execution(nats_url, tracer=Notes()),  # type: ignore[arg-type]
        running(adder(nats_url)),
    ):
        await here.dispatch(
            record("add", {"a": 1}, n=1, traceparent=sampled, queue="sums"),
            record("add", {"a": 1}, n=2, queue="sums"),
            record("add", {"a": 1}, n=3, queue="sums", traceparent="broken"),
        )
        await here.all_results(3)
    assert [name for name, _ in spans] == ["dispatch"]
    assert spans[0][1]["stretto.queue"] == "sums"


async def test_a_context_reaches_handlers_of_workers(nats_url: str) -> None:
    worker = Worker(queue="q", url=nats_url)

    @worker.task("who")
    async def who(ctx: Context) -> list[str]:
        return [ctx.run_id, ctx.step]

    async with world(nats_url) as here, execution(nats_url), running(worker):
        one = record("who", queue="q")
        await here.dispatch(one)
        assert msgspec.json.decode((await here.result(one)).output) == [id_of(one)[:36], "step"]


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_HTTP_ALLOW_PRIVATE", "true")
    assert ExecutionSettings().http_allow_private
