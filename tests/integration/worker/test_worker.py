"""A worker on a real bus: work in, results out, every message acknowledged in the end."""

import asyncio
import threading
from collections import Counter

import msgspec

from stretto.contracts import subjects
from stretto.contracts.codec import decode_progress, json_encode
from stretto.contracts.payload import MAX_STORED_BYTES
from stretto.contracts.public import Progress
from stretto.runtime.clock import now_us, rfc3339
from stretto.worker import Context, NonRetryable
from tests.integration.worker.workers import make_worker

from .desk import QUEUE, at_desk, running, task_of


async def test_work_of_several_tasks_comes_back_and_is_acknowledged(nats_url: str) -> None:
    worker = make_worker(nats_url, name="w1")

    @worker.task("add")
    async def add(a: int, b: int = 1) -> int:
        return a + b

    async with at_desk(nats_url) as desk, running(worker):
        tasks = [task_of("add", {"a": n}, n=n) for n in range(20)]
        await desk.send(*tasks)
        results = [await desk.result(task) for task in tasks]
        await desk.all_acknowledged()
    assert [msgspec.json.decode(r.output) for r in results] == [n + 1 for n in range(20)]
    assert {r.worker for r in results} == {"w1"}
    assert all(r.started_at is not None and r.finished_at is not None for r in results)
    assert len(desk.messages) == 1, "what is finished together goes back together"


async def test_more_tasks_than_slots_are_all_done_and_never_more_at_once(nats_url: str) -> None:
    worker = make_worker(nats_url, slots=3)
    now, most = 0, 0

    @worker.task("count")
    async def count() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1

    async with at_desk(nats_url) as desk, running(worker):
        tasks = [task_of("count", n=n) for n in range(60)]
        await desk.send(*tasks[:20])
        for task in tasks[20:]:
            await desk.send(task)
        for task in tasks:
            await desk.result(task)
        await desk.all_acknowledged()
    assert most == 3


async def test_blocking_and_computing_handlers_do_not_hold_up_the_others(nats_url: str) -> None:
    worker = make_worker(nats_url, slots=8)
    blocked = threading.Event()

    @worker.task("block")
    def block() -> str:
        assert blocked.wait(20)
        return threading.current_thread().name

    @worker.task("quick")
    async def quick() -> str:
        return "here"

    worker.task("compute", cpu=True)(compute)
    worker.task("crash", cpu=True)(crash)
    async with at_desk(nats_url) as desk, running(worker):
        waiting, quickly = task_of("block", n=1), task_of("quick", n=2)
        await desk.send(waiting, quickly)
        assert (await desk.result(quickly)).status == "completed"
        assert waiting.id not in desk.results
        blocked.set()
        assert b"stretto-task" in bytes((await desk.result(waiting)).output)
        computed, refused = task_of("compute", {"n": 10}, n=3), task_of("compute", {"n": -1}, n=4)
        crashed, after = task_of("crash", n=5), task_of("compute", {"n": 3}, n=6)
        await desk.send(computed, refused)
        found = msgspec.json.decode((await desk.result(computed)).output)
        assert found["sum"] == 45
        assert found["attempt"] == 1
        failure = (await desk.result(refused)).failure
        assert failure is not None
        assert (failure.type, failure.message) == ("ValueError", "expected a natural number")
        await desk.send(crashed)
        failure = (await desk.result(crashed)).failure
        assert failure is not None
        assert (failure.type, failure.retryable) == ("WorkerLost", True)
        await desk.send(after)
        assert (await desk.result(after)).status == "completed", "there is a new pool"


def compute(n: int, ctx: Context) -> dict[str, int]:
    if n < 0:
        raise ValueError("expected a natural number")
    ctx.heartbeat(0.5)  # nobody hears it from here
    return {"sum": sum(range(n)), "attempt": ctx.attempt}


def crash() -> None:
    import os

    os._exit(9)


class Declined(NonRetryable):
    pass


async def test_every_way_to_fail_is_a_failure_of_its_own(nats_url: str) -> None:
    worker = make_worker(nats_url)

    @worker.task("decline")
    async def decline() -> None:
        raise Declined("not this card")

    @worker.task("stop")
    async def stop() -> None:
        await asyncio.sleep(0)
        raise SystemExit(3)

    @worker.task("shapeless")
    async def shapeless(a: int) -> object:
        return object()

    @worker.task("huge")
    async def huge() -> str:
        return "x" * (MAX_STORED_BYTES + 1)

    @worker.task("gives-up")
    async def gives_up() -> None:
        raise asyncio.CancelledError

    @worker.task("gives-up-later")
    async def gives_up_later() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    expected = [
        (task_of("decline", n=1), "Declined", False, "not this card"),
        (task_of("stop", n=2), "SystemExit", True, "3"),
        (task_of("shapeless", {"a": 1}, n=3), "InvalidOutput", False, "object"),
        (task_of("shapeless", {"b": 1}, n=4), "InvalidInput", False, "`b`"),
        (task_of("huge", n=5), "TooLarge", False, "bytes"),
        (task_of("unknown", n=6), "UnknownTask", True, "decline, gives-up, gives-up-later, huge"),
        (task_of("decline", n=7, deadline="soon"), "InvalidInput", False, "'soon'"),
        (task_of("gives-up", n=8), "Cancelled", True, "cancelled itself"),
        (task_of("gives-up-later", n=9), "Cancelled", True, "cancelled itself"),
    ]
    async with at_desk(nats_url) as desk, running(worker):
        await desk.send(*[task for task, *_ in expected])
        for task, type_, retryable, part in expected:
            result = await desk.result(task)
            assert result.failure is not None, task.task
            assert (result.status, result.failure.type) == ("failed", type_)
            assert result.failure.retryable is retryable
            assert part in result.failure.message
        await desk.all_acknowledged()


async def test_past_its_deadline_a_handler_is_cancelled_or_not_begun(nats_url: str) -> None:
    worker = make_worker(nats_url)
    cancelled = asyncio.Event()

    @worker.task("wait")
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with at_desk(nats_url) as desk, running(worker):
        soon = task_of("wait", n=1, deadline=rfc3339(now_us() + 100_000))
        past = task_of("wait", n=2, deadline=rfc3339(now_us() - 1))
        await desk.send(soon, past)
        for task in (soon, past):
            failure = (await desk.result(task)).failure
            assert failure is not None
            assert (failure.type, failure.retryable) == ("RunTimeout", True)
        assert cancelled.is_set()
        assert (await desk.result(past)).started_at is None


async def test_a_handler_that_ends_in_time_is_not_touched_by_its_deadline(nats_url: str) -> None:
    worker = make_worker(nats_url)

    @worker.task("pause")
    async def pause() -> str:
        await asyncio.sleep(0)
        return "done"

    async with at_desk(nats_url) as desk, running(worker):
        task = task_of("pause", deadline=rfc3339(now_us() + 10_000_000))
        await desk.send(task)
        assert (await desk.result(task)).status == "completed"


async def test_redelivered_attempts_run_once_and_are_answered_from_memory(nats_url: str) -> None:
    worker = make_worker(nats_url)
    ran: Counter[str] = Counter()
    gate = asyncio.Event()

    @worker.task("once")
    async def once(ctx: Context) -> str:
        ran[ctx.idempotency_key] += 1
        await gate.wait()
        return ctx.run_id

    async with at_desk(nats_url) as desk, running(worker):
        task, other = task_of("once"), task_of("once", n=2)
        await desk.send(task)
        await desk.until_true(lambda: ran[task.id] == 1)
        await desk.send(task, other)
        await desk.until_true(lambda: ran[other.id] == 1)
        gate.set()
        await desk.result(task)
        await desk.all_acknowledged()
        await desk.send(task)
        await desk.until(lambda: len(desk.results[task.id]) == 2)
        await desk.all_acknowledged()
    assert ran[task.id] == 1
    first, again = desk.results[task.id]
    assert first == again


async def test_accepted_attempts_are_told_when_they_begin(nats_url: str) -> None:
    worker = make_worker(nats_url, name="w1")
    gate = asyncio.Event()

    @worker.task("wait")
    async def wait() -> None:
        await gate.wait()

    async with at_desk(nats_url) as desk, running(worker):
        task = task_of("wait", accept=True)
        await desk.send(task, task_of("wait", n=2))
        await desk.until(lambda: desk.accepted == [task.id])
        assert desk.messages[0].worker == "w1"
        assert task.id not in desk.results
        gate.set()
        await desk.result(task)


async def test_signs_of_life_come_while_the_handler_runs(nats_url: str) -> None:
    worker = make_worker(nats_url, name="w1")
    gate = asyncio.Event()
    seen: list[tuple[str, Progress]] = []
    heard = asyncio.Event()

    @worker.task("wait")
    async def wait(ctx: Context) -> None:
        ctx.heartbeat(0.5, "half way")
        await gate.wait()

    @worker.task("block")
    def block(ctx: Context) -> None:
        ctx.heartbeat(0.25)

    def note(subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        seen.append((subject.decode(), decode_progress(data)))
        heard.set()

    async def until(count: int) -> None:
        async with asyncio.timeout(20):
            while len(seen) < count:
                heard.clear()
                await heard.wait()

    async with at_desk(nats_url) as desk, running(worker):
        await desk.connection.subscribe("stretto.progress.>", note)
        await desk.connection.flush()
        task = task_of("wait", heartbeat_s=0.3)
        await desk.send(task)
        await until(4)
        gate.set()
        await desk.result(task)
        assert {subject for subject, _ in seen} == {subjects.progress("default", task.run_id)}
        assert seen[0][1] == Progress(id=task.id, worker="w1")
        assert (seen[1][1].progress, seen[1][1].message) == (0.5, "half way")
        seen.clear()
        plain = task_of("block", n=2)
        await desk.send(plain)
        await until(1)
        assert seen[0][1].progress == 0.25


async def test_a_run_id_that_no_subject_can_hold_does_not_break_the_connection(
    nats_url: str,
) -> None:
    worker = make_worker(nats_url)

    @worker.task("wait")
    async def wait() -> None:
        await asyncio.sleep(0)

    async with at_desk(nats_url) as desk, running(worker):
        odd = task_of("wait", heartbeat_s=0.1, id="a b\r\nPUB x 0\r\n:s:1")
        await desk.send(odd)
        assert (await desk.result(odd)).status == "completed"
        await desk.all_acknowledged()


async def test_withdrawn_attempts_are_cancelled_whether_they_run_or_come_later(
    nats_url: str,
) -> None:
    worker = make_worker(nats_url, slots=1)
    began = asyncio.Event()

    @worker.task("wait")
    async def wait(ctx: Context) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.cancelled

    async with at_desk(nats_url) as desk, running(worker):
        runs, queued, later = (task_of("wait", n=n) for n in range(3))
        await desk.send(runs, queued)
        await began.wait()
        subject = subjects.withdraw("default", QUEUE)
        await desk.connection.publish(subject, b"nonsense")
        ids = [runs.id, queued.id, later.id, "unknown"]
        await desk.connection.publish(subject, json_encode({"ids": ids}))
        for task in (runs, queued):
            failure = (await desk.result(task)).failure
            assert failure is not None
            assert failure.type == "Cancelled"
        await desk.send(later)
        assert (await desk.result(later)).status == "failed"
        await desk.all_acknowledged()
