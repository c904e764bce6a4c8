"""Start runs, wait for them, watch them, tell them what to do."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
import pytest

from stretto import Client
from stretto.client import (
    NotReachable,
    Rejected,
    RunCancelled,
    RunFailed,
    Start,
    endings,
    feed,
)
from stretto.client import run as run_module
from stretto.contracts import subjects
from stretto.testkit.fake_workflow import FakeWorkflow


async def test_a_run_is_started_and_gives_its_output(client: Client) -> None:
    run = await client.start("echo", {"name": "Ada"})
    assert await run.result(5) == {"name": "Ada"}
    assert await run.status() == "completed"
    assert (await run.state())["workflow"] == "echo"
    assert (await run.explain())["pending"] == []
    # asked again it is known already
    assert await run.result() == {"name": "Ada"}


async def test_the_output_is_read_as_the_type_that_is_asked_for(client: Client) -> None:
    @dataclass
    class Greeting:
        name: str

    class Struct(msgspec.Struct):
        name: str

    run = await client.start("echo", Greeting("Ada"))
    assert await run.result(5, type=Greeting) == Greeting("Ada")
    assert await run.result(5, type=Struct) == Struct("Ada")


async def test_a_failed_run_raises_why(client: Client) -> None:
    run = await client.start("fail")
    with pytest.raises(RunFailed, match="Broken: it is meant to fail") as caught:
        await run.result(5)
    assert caught.value.run_id == run.id
    assert caught.value.failure and caught.value.failure.type == "Broken"


async def test_a_refused_start_raises_when_its_result_is_asked_for(client: Client) -> None:
    run = await client.start("nowhere")
    with pytest.raises(Rejected) as caught:
        await run.result(5)
    assert caught.value.code == "workflow_unknown"
    with pytest.raises(Rejected):
        async for _ in run.events():
            pass


async def test_a_refused_start_raises_at_once_when_acceptance_is_waited_for(
    client: Client,
) -> None:
    with pytest.raises(Rejected):
        await client.start("nowhere", id="key")
    with pytest.raises(Rejected):
        await client.start("nowhere", wait_accepted=True)


async def test_a_start_with_a_key_that_is_open_is_that_run(client: Client) -> None:
    first = await client.start("hold", {"n": 1}, id="order-42")
    assert not first.existing
    second = await client.start("hold", {"n": 2}, id="order-42")
    assert second.existing and second.id == first.id and second.key == "order-42"

    await first.signal("go")
    assert await first.result(5) == {"n": 1}
    assert await second.result(5) == {"n": 1}


async def test_the_caller_may_choose_the_run_id(client: Client) -> None:
    chosen = "019aaaaa-0000-7000-8000-000000000001"
    run = await client.start("echo", 1, run_id=chosen.upper(), labels={"a": "b"}, version=1)
    assert run.id == chosen
    assert await run.result(5) == 1
    # sent again it is the same run
    again = await client.start("echo", 1, run_id=chosen, wait_accepted=False)
    assert await again.result(10) == 1


async def test_many_runs_in_flight_are_told_apart(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.client.run.FIRST_POLL_S", 60.0)  # whatever the machine does
    runs = await client.start_many([("echo", n) for n in range(300)])
    results = await asyncio.gather(*(run.result(50) for run in runs))
    assert results == list(range(300))
    # nobody had to ask: one subscription heard of all
    assert workflow.asked.get("state", 0) == 0


async def test_many_starts_with_keys_find_the_runs_that_are_open(client: Client) -> None:
    first = await client.start("hold", id="k")
    runs = await client.start_many(
        [
            Start(workflow="hold", id="k"),
            Start(workflow="echo", input=7, id="new"),
            Start(workflow="nowhere", id="bad"),
        ]
    )
    assert runs[0].existing and runs[0].id == first.id
    assert not runs[1].existing and await runs[1].result(5) == 7
    with pytest.raises(Rejected):
        await runs[2].result(5)


async def test_events_come_in_order_from_the_first_to_the_last(client: Client) -> None:
    run = await client.start("hold", {"x": 1})
    seen = []
    async with aclosing(run.events()) as events:
        async for event in events:
            seen.append((event.seq, event.type, event.step))
            if event.type == "step.scheduled" and event.step == "wait":
                await run.signal("go", {"y": 2})
    assert [seq for seq, _, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[0][1] == "run.started" and seen[-1][1] == "run.completed"
    assert [e.seq for e in await run.history(2, 1)] == [3]
    # a run that is over gives all of it at once, and what comes after a known event
    assert [e.seq async for e in client.get(run.id).events()] == [seq for seq, _, _ in seen]
    assert [e.seq async for e in client.get(run.id).events(after_seq=3)] == [
        seq for seq, _, _ in seen[3:]
    ]


async def test_a_gap_in_the_live_events_is_filled_from_the_log(
    client: Client, workflow: FakeWorkflow
) -> None:
    run = await client.start("hold", wait_accepted=True)
    seen = []
    async with aclosing(run.events()) as events:
        async for event in events:
            seen.append(event.seq)
            if event.seq == 2:
                fake = workflow.runs[run.id]
                # an event that nobody hears, and one after it that is heard
                fake.append(_waiting(), 5)
                await workflow._commit(fake, [_waiting()])
            if event.seq == 4:
                break
    assert seen == [1, 2, 3, 4]


def _waiting() -> object:
    from datetime import UTC, datetime

    from stretto.contracts.events import StepWaiting

    return StepWaiting(step="wait", until=datetime.now(UTC))


async def test_lost_messages_are_asked_for(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "FIRST_POLL_S", 0.05)
    monkeypatch.setattr(feed, "SILENCE_S", 0.05)
    workflow.quiet = True
    run = await client.start("hold")
    other = await client.start("hold")

    async def types() -> list[str]:
        return [event.type async for event in run.events()]

    async with asyncio.TaskGroup() as group:
        result = group.create_task(run.result(10))
        watched = group.create_task(types())
        await run.signal("go", {"z": 3})
    assert result.result() is None
    assert watched.result()[-1] == "run.completed"
    with pytest.raises(TimeoutError, match="still open"):
        await other.result(0.3)


async def test_a_start_that_is_not_taken_yet_is_waited_for(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "FIRST_POLL_S", 0.05)
    monkeypatch.setattr(feed, "SILENCE_S", 0.05)
    run = client._new_run("019aaaaa-0000-7000-8000-00000000000f", Start(workflow="echo"))
    with pytest.raises(TimeoutError):
        await run.result(0.3)
    monkeypatch.setattr(run, "_unknown_until", 0.0)
    with pytest.raises(Rejected) as caught:
        await run.result(5)
    assert caught.value.code == "run_unknown"
    with pytest.raises(Rejected):
        async for _ in run.events():
            pass


async def test_a_run_that_is_not_there_is_refused(client: Client) -> None:
    run = client.get("019aaaaa-0000-7000-8000-0000000000ff")
    for ask in (run.result(5), run.status(), run.history(), run.cancel()):
        with pytest.raises(Rejected):
            await ask
    with pytest.raises(ValueError, match="expected a run id to be a UUID"):
        client.get("nonsense")


async def test_a_run_that_somebody_else_starts_just_now_is_waited_for(client: Client) -> None:
    run_id = "019aaaaa-0000-7000-8000-00000000000e"
    run = client.get(run_id)
    waiting = asyncio.ensure_future(run.result(20))
    watching = asyncio.ensure_future(anext(client.get(run_id).events()))
    await asyncio.sleep(0)  # both have begun before there is such a run
    await client.start("echo", {"text": "late"}, run_id=run_id)
    assert await waiting is not None
    assert (await watching).type == "run.started"


async def test_a_run_can_be_cancelled(client: Client) -> None:
    run = await client.start("hold")
    waiting = asyncio.ensure_future(client.get(run.id).result(5))
    done = await run.cancel("no longer wanted")
    assert (done.run_id, done.command) == (run.id, "cancel")
    with pytest.raises(RunCancelled, match="no longer wanted"):
        await waiting
    with pytest.raises(RunCancelled):
        await run.result(5)
    with pytest.raises(Rejected, match="to be open"):
        await run.terminate()


async def test_every_command_has_its_word(client: Client) -> None:
    run = await client.start("hold")
    for call, word in (
        (run.pause("lunch"), "pause"),
        (run.resume(), "resume"),
        (run.retry("wait"), "retry"),
        (run.skip("wait"), "skip"),
        (run.rewind("wait"), "rewind"),
        (run.approve("ada", step="wait"), "approve"),
        (run.reject("ada", "no"), "reject"),
        (run.signal("other", 1, by="ada", reason="why"), "signal"),
        (run.terminate(), "terminate"),
        (run.control("migrate", version=2), "migrate"),
    ):
        assert (await call).command == word


async def test_what_is_not_answered_says_that_it_is_stored(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await client.start("hold", wait_accepted=True)
    workflow.deaf = True
    answered = run._link.answered
    from stretto.bus.publisher import Outgoing

    with pytest.raises(NotReachable, match="it is stored") as caught:
        await answered.send(
            Outgoing(subjects.control("default", run.id), b'{"command":"cancel"}'), 0.2
        )
    assert caught.value.code == "client.not_answered"


async def test_a_run_is_forgotten_when_nobody_holds_it(client: Client) -> None:
    run = await client.start("hold", wait_accepted=True)
    followed = client._link.endings._followed
    assert run.id.encode() in followed
    run_id = run.id
    del run
    assert run_id.encode() not in followed


async def test_messages_that_cannot_be_read_are_left_to_the_poll(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await client.start("hold", wait_accepted=True)
    ours = client._link.endings
    for data in (b'{"run_id":"%b",' % run.id.encode(), b"[]", b"{}"):
        ours._closed(b"", b"", b"", data)
        ours._rejected(b"", b"", b"", data)
    assert run._followed is not None and run._followed.ending is None
    # a refused control is not the end of the run
    ours._rejected(
        b"", b"", b"",
        b'{"subject":"stretto.control.default.x","reason":{"code":"c","message":"m"},'
        b'"request":{"run_id":"%b"}}' % run.id.encode(),
    )  # fmt: skip
    assert run._followed.ending is None
    run._followed.settle(endings.Ending(status="terminated"))
    run._followed.settle(endings.Ending(status="completed"))
    with pytest.raises(RunCancelled, match="terminated: it says no reason"):
        await run.result(5)
