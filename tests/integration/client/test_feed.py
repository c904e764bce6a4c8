"""The events of a run where messages are lost, too many, or not to be read."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from stretto.client import Client, NotReachable, asking, feed
from stretto.client import run as run_module
from stretto.client.feed import Feed, history
from stretto.contracts import subjects
from stretto.runtime.errors import PermanentError
from stretto.testkit.fake_workflow import FakeWorkflow


async def test_a_reader_that_is_slow_reads_the_rest_from_the_log(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "WAITING_MESSAGES", 1)
    run = await client.start("hold", wait_accepted=True)
    seen = []
    async with aclosing(run.events()) as events:
        async for event in events:
            seen.append(event.seq)
            if event.seq == 2:
                for command in ("pause", "resume"):
                    await run.control(command)
                await run.signal("go")
                await run.result(5)
    assert seen == list(range(1, len(workflow.runs[run.id].log) + 1))


async def test_a_long_history_is_read_in_pages(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 2)
    run = await client.start("echo", "x", wait_accepted=True)
    whole = len(workflow.runs[run.id].log)
    assert [e.seq for e in await run.history()] == list(range(1, whole + 1))
    assert [e.seq for e in await run.history(limit=3)] == [1, 2, 3]
    # a page that was cut for its size is not taken for the last one
    monkeypatch.setattr(feed, "PAGE", 1000)
    monkeypatch.setattr(feed, "CUT_BYTES", 1)
    before = workflow.asked["history"]
    await run.history()
    assert workflow.asked["history"] == before + 2


async def test_a_workflow_service_that_is_away_ends_the_events_only_at_their_beginning(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking.Asks.ask_raw, "__defaults__", (0.2,))
    monkeypatch.setattr(feed, "SILENCE_S", 0.05)
    run = await client.start("hold", wait_accepted=True)
    subject = subjects.events("default", "hold", run.id)
    link = client._link
    async with aclosing(Feed(link.connection, link.asks, run.id, subject).batches()) as batches:
        assert len(await anext(batches)) == 2
        workflow.deaf = True
        assert await anext(batches) == []
    with pytest.raises(NotReachable):
        async for _ in run.events():
            pass


async def test_a_wait_goes_on_while_the_workflow_service_is_away(
    client: Client, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "ASK_TIMEOUT_S", 0.2)
    monkeypatch.setattr(asking.Asks.ask, "__defaults__", (0.2,))
    monkeypatch.setattr(run_module, "FIRST_POLL_S", 0.05)
    run = await client.start("hold", wait_accepted=True)
    assert run.id in repr(run)
    workflow.deaf = True
    waiting = asyncio.ensure_future(run.result(20))
    await workflow.ignored.wait()  # it has asked, and nobody answers
    workflow.deaf = False
    await run.signal("go")
    assert await waiting is None


async def test_a_history_in_another_form_is_said(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def odd(*_: object) -> bytes:
        return b'{"events":1}'

    monkeypatch.setattr(client._link.asks, "ask_raw", odd)
    with pytest.raises(PermanentError, match="in a form that this client knows"):
        await history(client._link.asks, "x")
