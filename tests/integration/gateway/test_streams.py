"""Events as they happen: server-sent events and WebSockets."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.gateway import relay as relay_module
from services.gateway.routes import streams
from stretto.contracts import subjects
from stretto.testkit.fake_workflow import FakeWorkflow

from .conftest import Site, serving, settings


async def test_a_run_is_followed_by_server_sent_events_until_it_ends(
    site: Site, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_S", 0.05)
    run = await workflow.start("hold", 1)
    url = f"/api/v1/runs/{run.id_text}"
    lines = []
    async with site.http.stream("GET", f"{url}/events?follow=1") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            lines.append(line)
            if line == ": quiet":
                await site.http.post(f"{url}/control", json={"command": "signal", "name": "go"})
    ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
    assert ids == list(range(1, len(run.log) + 1))
    assert "event: run.completed" in lines and "event: end" in lines
    events = [json.loads(line[6:]) for line in lines if line.startswith('data: {"seq"')]
    assert events[0]["type"] == "run.started"

    resumed = await site.http.get(f"{url}/events?follow=1", headers={"last-event-id": "3"})
    assert resumed.text.startswith("id: 4\n")


async def test_streams_are_bounded(
    site: Site, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.gateway import gate

    monkeypatch.setattr(gate, "MAX_STREAMS", 0)
    run = await workflow.start("hold", 1)
    answer = await site.http.get(f"/api/v1/runs/{run.id_text}/events?follow=1")
    assert answer.status_code == 503 and answer.json()["code"] == "too_many_streams"
    async with ws_connect(site.ws_url) as socket:
        await socket.send("{}")
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd and caught.value.rcvd.code == streams.CLOSE_TOO_MANY


async def test_a_socket_gets_the_events_of_a_run(site: Site, workflow: FakeWorkflow) -> None:
    run = await workflow.start("hold", 1)
    async with ws_connect(site.ws_url, origin=site.url) as socket:  # type: ignore[arg-type]
        await socket.send(json.dumps({"run_id": run.id_text}))
        assert json.loads(await socket.recv()) == {"type": "watching"}
        await site.host.context.connection.flush()
        other = await workflow.start("hold", 2)
        assert other is not run
        await site.http.post(
            f"/api/v1/runs/{run.id_text}/control", json={"command": "signal", "name": "go"}
        )
        await socket.send("ignored")
        message = json.loads(await asyncio.wait_for(socket.recv(), 5))
    assert message["type"] == "events"
    assert message["data"]["run"]["run_id"] == run.id_text
    assert message["data"]["events"][-1]["type"] == "run.completed"


async def test_a_socket_gets_the_heads_of_all_runs(site: Site, workflow: FakeWorkflow) -> None:
    async with ws_connect(site.ws_url) as socket:
        await socket.send(json.dumps({"heads": True, "workflow": "echo"}))
        assert json.loads(await socket.recv()) == {"type": "watching"}
        await site.host.context.connection.flush()
        await workflow.start("hold", 1)
        # what is no event message is left out
        await site.host.context.connection.publish(
            subjects.events("default", "echo", "x"), b'{"run":{"run_id":"'
        )
        run = await workflow.start("echo", 1)
        message = json.loads(await asyncio.wait_for(socket.recv(), 5))
    assert message["type"] == "heads"
    [head] = message["runs"]
    assert (head["run_id"], head["status"]) == (run.id_text, "completed")


async def test_a_slow_socket_is_told_that_it_lagged(
    site: Site, workflow: FakeWorkflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "MAX_WAITING", 1)
    monkeypatch.setattr(relay_module, "MAX_HEADS", 1)
    connection = site.host.context.connection
    for heads in (False, True):
        async with relay_module.Relay(connection, "stretto.events.default.*.*", heads) as relay:
            head = b'{"run":{"run_id":"%036d","status":"running"},"events":[]}'
            for n in range(3):
                await connection.publish(subjects.events("default", "w", str(n)), head % n)
            await connection.flush()
            messages = relay.messages()
            first = json.loads(await anext(messages))
            assert first == {"type": "lagged", "dropped": 2}
            second = json.loads(await anext(messages))
            assert second["type"] == ("heads" if heads else "events")
            await messages.aclose()


async def test_a_lost_connection_is_told_as_lag_and_silence_as_quiet(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "SILENCE_S", 0.02)
    connection = site.host.context.connection
    async with relay_module.Relay(connection, "stretto.events.default.*.*", False) as relay:
        messages = relay.messages()
        assert await anext(messages) == b'{"type":"quiet"}'
        relay._back()
        assert await anext(messages) == b'{"type":"lagged","dropped":1}'
        await messages.aclose()


@pytest.mark.parametrize(
    "hello",
    ["{", "[]", '{"run_id":"x"}', '{"namespace":">"}', '{"workflow":"*"}', '{"other":1}', b"\x00"],
)
async def test_a_socket_that_wants_nothing_sensible_is_closed(
    site: Site, hello: str | bytes
) -> None:
    async with ws_connect(site.ws_url) as socket:
        await socket.send(hello)
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd and caught.value.rcvd.code == streams.CLOSE_REFUSED


async def test_a_socket_that_says_nothing_is_closed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HELLO_TIMEOUT_S", 0.05)
    async with ws_connect(site.ws_url) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd and caught.value.rcvd.code == streams.CLOSE_REFUSED
    async with ws_connect(site.ws_url):
        pass  # gone before it said anything


async def test_a_socket_of_another_site_is_refused(site: Site) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with ws_connect(site.ws_url, origin="https://evil.example"):  # type: ignore[arg-type]
            pass
    assert caught.value.response.status_code == 403


async def test_with_tokens_a_socket_proves_who_it_is_in_its_first_message(nats_url: str) -> None:
    async with serving(settings(nats_url, api_tokens="correct-horse-battery")) as site:
        async with ws_connect(site.ws_url, origin="https://elsewhere.example") as socket:  # type: ignore[arg-type]
            await socket.send('{"token":"correct-horse-battery"}')
            assert json.loads(await socket.recv()) == {"type": "watching"}
        async with ws_connect(site.ws_url) as socket:
            await socket.send('{"token":"wrong"}')
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
        assert caught.value.rcvd and caught.value.rcvd.code == streams.CLOSE_UNAUTHORISED


async def test_open_streams_do_not_hold_up_the_end(site: Site, workflow: FakeWorkflow) -> None:
    run = await workflow.start("hold", 1)
    async with ws_connect(site.ws_url) as socket:
        await socket.send("{}")
        await socket.recv()
        async with site.http.stream("GET", f"/api/v1/runs/{run.id_text}/events?follow=1") as answer:
            assert answer.status_code == 200
            async with asyncio.timeout(8):
                await site.host.stop()
                with pytest.raises(ConnectionClosed):
                    await socket.recv()
