"""Connecting, asking, registering; and what happens when nobody is there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stretto.bus.connection import connect
from stretto.bus.service import Service
from stretto.client import Client, DefinitionMistakes, NotReachable, Rejected
from stretto.client import client as client_module
from stretto.client import run as run_module
from stretto.contracts import subjects
from stretto.runtime.errors import PermanentError, TransientError
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.servers import NatsServer
from tests.integration.stand_in import ECHO


async def test_connect_can_be_awaited(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRETTO_NATS_URL", nats_url)
    monkeypatch.setenv("STRETTO_NATS_INBOX_PREFIX", "_INBOX_mine")
    client = await Client.connect(namespace="elsewhere")
    assert client.namespace == "elsewhere"
    assert client.connection.is_connected
    assert client.connection.inbox_prefix == "_INBOX_mine"
    await client.close()
    await client.close()
    assert client.connection.is_closed


async def test_a_given_connection_is_left_open(nats_url: str) -> None:
    async with await connect(nats_url, "mine") as connection:
        async with Client(connection) as client:
            assert client.connection is connection
        assert not connection.is_closed


async def test_a_server_that_is_not_there_is_said(unused_port: int) -> None:
    with pytest.raises(NotReachable, match=r"to answer within 0\.3 s"):
        async with Client.connect(f"nats://127.0.0.1:{unused_port}", timeout_s=0.3):
            pass


async def test_a_bad_namespace_is_refused_before_connecting() -> None:
    with pytest.raises(Rejected, match="expected the namespace to be a name"):
        Client.connect(namespace="No.Name")


async def test_definitions_are_registered_and_read(client: Client) -> None:
    defined = await client.register("workflow: new\nsteps:\n  a: {task: x}\n")
    assert (defined.workflow, defined.version, defined.created) == ("new", 1, True)
    again = await client.register("workflow: new\nsteps:\n  a: {task: x}\n")
    assert not again.created
    second = await client.register("workflow: new\nsteps:\n  b: {task: x}\n")
    assert second.version == 2

    names = {d.workflow: d.version for d in await client.definitions()}
    assert names == {"echo": 1, "fail": 1, "hold": 1, "new": 2}
    assert "a: {task: x}" in (await client.definition("new", 1))["source"]
    assert "b: {task: x}" in (await client.definition("new"))["source"]
    with pytest.raises(Rejected):
        await client.definition("new", 3)


async def test_the_mistakes_of_a_definition_are_raised(client: Client) -> None:
    with pytest.raises(DefinitionMistakes, match="line 1: steps: expected steps") as caught:
        await client.register("workflow: new\n")
    assert caught.value.mistakes[0]["path"] == "steps"
    assert (await client.validate("[]"))[0]["path"] == "workflow"
    assert await client.validate(ECHO) == []


async def test_history_and_explain_go_by_the_id(client: Client) -> None:
    run = await client.start("hold", wait_accepted=True)
    assert (await client.history(run.id))[0].type == "run.started"
    assert (await client.explain(run.id))["pending"][0]["step"] == "wait"


async def test_nobody_listening_is_not_reachable(nats_url: str) -> None:
    async with Client.connect(nats_url) as client:
        with pytest.raises(NotReachable, match=r"expected an answer on stretto.api.monitoring"):
            await client._link.asks.ask("monitoring", "list", {}, dict, 0.3)
        client._link.publisher._deadline_s = 0.3
        with pytest.raises(NotReachable, match="acknowledgement"):
            await client.start("echo")


async def test_an_answer_in_another_form_is_said(nats_url: str) -> None:
    async with Client.connect(nats_url) as client, await connect(nats_url, "odd") as odd:
        replies: asyncio.Queue[bytes] = asyncio.Queue()
        await odd.subscribe("stretto.api.>", lambda _s, reply, _b, _d: replies.put_nowait(reply))
        await odd.flush()

        async def answer() -> None:
            await odd.publish((await replies.get()).decode(), b'{"runs": 1}')

        async with asyncio.TaskGroup() as group:
            group.create_task(answer())
            with pytest.raises(PermanentError, match="in a form that this client knows"):
                await client.runs()
        with pytest.raises(NotReachable, match="none came"):
            await client._link.asks.ask("monitoring", "list", {}, dict, 0.2)


async def test_an_unreadable_answer_to_a_definition_is_said(nats_url: str) -> None:
    async with Client.connect(nats_url) as client, await connect(nats_url, "odd") as odd:
        replies: asyncio.Queue[bytes] = asyncio.Queue()
        await odd.subscribe(
            subjects.definitions("*"), lambda _s, reply, _b, _d: replies.put_nowait(reply)
        )
        await odd.flush()

        async def answer() -> None:
            await odd.publish((await replies.get()).decode(), b"?")

        async with asyncio.TaskGroup() as group:
            group.create_task(answer())
            with pytest.raises(PermanentError, match="in a form that this client knows"):
                await client.register(ECHO)


async def test_a_waiting_client_survives_a_restart_of_the_bus(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "FIRST_POLL_S", 60.0)  # only the reconnection wakes it
    server = NatsServer(data_dir)
    await server.start()
    try:
        async with (
            await connect(server.url, "fake") as connection,
            FakeWorkflow(connection) as workflow,
            Client.connect(server.url) as client,
        ):
            workflow.define("workflow: hold\nsteps:\n  wait: {task: hold}\n")
            run = await client.start("hold", wait_accepted=True)
            waiting = asyncio.ensure_future(run.result(30))
            workflow.quiet = True
            await run.signal("go", 1)
            await server.kill()
            await server.start()
            assert await waiting == run_output(workflow, run.id)
    finally:
        await server.stop()


def run_output(workflow: FakeWorkflow, run_id: str) -> object:
    import msgspec

    return msgspec.json.decode(workflow.runs[run_id].output)


def test_the_variable_and_the_default_are_those_of_the_design() -> None:
    assert client_module.URL_VARIABLE == "STRETTO_NATS_URL"
    assert client_module.DEFAULT_URL == "nats://127.0.0.1:4222"


async def test_queues_and_devices_are_asked_of_execution(nats_url: str, client: Client) -> None:
    async def queues(_data: bytes) -> bytes:
        return b'{"queues":[{"namespace":"default","queue":"q","waiting":3}]}'

    async def devices(_data: bytes) -> bytes:
        return b'{"devices":[{"device":"d","tasks":["t"],"slots":2}]}'

    async with await connect(nats_url, "execution") as connection:
        service = Service(connection, "execution", {"queues": queues, "devices": devices})
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(service.run())
            await service.ready.wait()
            [queue] = await client.queues()
            [device] = await client.devices()
            serving.cancel()
    assert (queue.queue, queue.waiting, queue.slots) == ("q", 3, 0)
    assert (device.device, device.slots) == ("d", 2)


async def test_a_service_that_is_cut_off_is_asked_again(nats_url: str, client: Client) -> None:
    tries = 0

    async def flaky(_data: bytes) -> bytes:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise TransientError("postgres.unavailable", "being restarted")
        return b'{"queues":[]}'

    async with await connect(nats_url, "execution") as connection:
        service = Service(connection, "execution", {"queues": flaky})
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(service.run())
            await service.ready.wait()
            assert await client.queues() == []
            tries = -100
            with pytest.raises(NotReachable, match="being restarted"):
                await client._link.asks.ask("execution", "queues", {}, dict, 0.3)
            serving.cancel()
    assert tries > -100
