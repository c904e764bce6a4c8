"""The `Worker` of the SDK, without a bus: its parameters, and handlers run locally."""

import datetime as dt
import logging
from typing import Any

import msgspec
import pytest

from stretto.contracts.public import Task
from stretto.worker import Context, InvalidInput, InvalidOutput, TooLarge, Worker
from stretto.worker.settings import MAX_SLOTS, own_name


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"queue": "Payments"}, "the queue to be a name like 'payments'"),
        ({"namespace": "a.b"}, "the namespace to be a name"),
        ({"name": "x" * 101}, "the name of the worker to be a name"),
        ({"slots": 0}, "expected 1 to 10000 slots, but got 0"),
        ({"slots": MAX_SLOTS + 1}, "slots"),
    ],
)
def test_parameters_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Worker(**wrong)


def test_a_worker_makes_a_name_of_its_own() -> None:
    assert Worker().name != Worker().name
    assert Worker(name="till-1").name == "till-1"
    assert Worker().busy_threads == 0


@pytest.mark.parametrize("host", ["Ω", "-", ""])
def test_a_host_without_usable_letters_gives_a_name_all_the_same(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    assert own_name().startswith("worker-")


async def test_handlers_run_locally_through_json() -> None:
    worker = Worker()

    class Point(msgspec.Struct):
        x: int

    @worker.task("move")
    async def move(point: dict[str, int], by: int = 1) -> Point:
        return Point(point["x"] + by)

    @worker.task("plain")
    def plain(ctx: Context, **rest: Any) -> list[Any]:
        return [ctx.task, ctx.attempt, ctx.step, ctx.idempotency_key.endswith(":local:2"), rest]

    @worker.task("large")
    async def large() -> str:
        return "x" * 2_000_000

    @worker.task("shapeless", cpu=True)
    def shapeless() -> object:
        return object()

    assert await worker.run_local("move", {"point": {"x": 1}}) == {"x": 2}
    assert await worker.run_local("plain", {"a": 1}, attempt=2) == [
        "plain",
        2,
        "local",
        True,
        {"a": 1},
    ]
    with pytest.raises(InvalidInput, match="`point`"):
        await worker.run_local("move")
    with pytest.raises(TooLarge):
        await worker.run_local("large")
    with pytest.raises(InvalidOutput):
        await worker.run_local("shapeless")
    with pytest.raises(KeyError, match="expected one of"):
        await worker.run_local("unknown")


def some_task(**more: Any) -> Task:
    return Task(
        id="r:s:1",
        run_id="r",
        step="s",
        attempt=1,
        task="t",
        input=msgspec.Raw(b"1"),
        reply="",
        **more,
    )


def test_the_context_tells_of_its_attempt(caplog: pytest.LogCaptureFixture) -> None:
    ctx = Context(some_task(deadline="2026-11-22T13:02:00.000001Z"))
    assert (ctx.run_id, ctx.idempotency_key, ctx.cancelled) == ("r", "r:s:1", False)
    assert ctx.deadline == dt.datetime(2026, 11, 22, 13, 2, 0, 1, tzinfo=dt.UTC)
    assert Context(some_task()).deadline is None
    ctx.heartbeat(0.5, "nobody hears it")
    with caplog.at_level(logging.INFO):
        ctx.log.info("charging", extra={"count": 3})
        ctx.log.info("charged")
    first, second = caplog.records
    assert (first.run_id, first.step, first.attempt, first.count) == ("r", "s", 1, 3)  # type: ignore[attr-defined]
    assert second.run_id == "r"  # type: ignore[attr-defined]


async def test_where_an_attempt_goes_on_from_can_be_given_to_a_local_run() -> None:
    worker = Worker()

    @worker.task("go.on")
    async def go_on(ctx: Context) -> object:
        ctx.heartbeat(0.5, details={"at": 2})
        return ctx.details

    assert await worker.run_local("go.on") is None
    assert await worker.run_local("go.on", details={"at": 1}) == {"at": 1}


@pytest.mark.parametrize("details", ["x" * 20_000, object()])
async def test_details_that_cannot_be_sent_are_refused(details: object) -> None:
    worker = Worker()

    @worker.task("say")
    async def say(ctx: Context) -> None:
        ctx.heartbeat(details=details)

    with pytest.raises(ValueError, match="expected details that can be sent, but"):
        await worker.run_local("say")
