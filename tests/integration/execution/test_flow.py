"""Frames in, work to workers, results back: an instance of the execution service on a real bus."""

import asyncio
from typing import Any

import msgspec
import pytest

from services.execution.core.roster import PRESENCE_TTL_US
from services.execution.settings import ExecutionSettings
from stretto.bus.ensure import ensure
from stretto.bus.pull import PullLoop
from stretto.contracts import subjects
from stretto.contracts.codec import decode_work, json_encode
from stretto.contracts.public import Presence, Task
from stretto.runtime.topology import work_consumer
from stretto.worker import Context, Worker
from tests.integration.execution.flow import adder, work_in

from .world import World, execution, id_of, process, record, running, world


async def say_present(here: World, name: str, queue: str | None, *tasks: str, **more: Any) -> None:
    presence = Presence(device=name, queue=queue, tasks=list(tasks), **more)
    await here.connection.publish(subjects.presence("default", name), json_encode(presence))


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

        async def heard() -> bool:
            await say_present(here, "w", "sums", "add")
            return len(service.roster) == 1

        await here.until_true_async(heard)
        await here.connection.flush()
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
