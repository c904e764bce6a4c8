"""A connection says how it is, refuses clearly, and comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from stretto.bus.connection import Connection, Credentials, connect
from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.testkit.ports import free_port
from stretto.testkit.servers import NatsServer

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_nobody_at_the_address_is_not_reachable_within_the_timeout() -> None:
    began = time.monotonic()
    with pytest.raises(NotReachable, match="Connect call failed") as caught:
        await connect(f"nats://user:secret@127.0.0.1:{free_port()}", "test", timeout_s=0.5)
    assert caught.value.code == "bus.not_reachable"
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 3


async def test_wrong_credentials_are_refused_at_once(nats_url: str) -> None:
    url = nats_url.replace(nats_url.split("//")[1].split("@", maxsplit=1)[0] + "@", "")
    with pytest.raises(PermanentError) as caught:
        await connect(url, "test", credentials=Credentials(user="t1", password="wrong"))
    assert caught.value.code == "bus.not_authorized"
    async with await connect(url, "test", credentials=Credentials(user="t1", password="t1")):
        pass


async def test_a_wrong_url_is_a_permanent_error() -> None:
    with pytest.raises(PermanentError) as caught:
        await connect("nats://:port", "test")
    assert caught.value.code == "bus.bad_url"


async def test_core_messages_reach_subscribers_until_they_unsubscribe(bus: Connection) -> None:
    got: list[tuple[bytes, bytes]] = []
    subscription = await bus.subscribe("a.*", lambda s, _r, _b, data: got.append((s, data)))
    await bus.publish("a.1", b"one")
    await bus.publish("b.1", b"not ours")
    await bus.flush()
    assert got == [(b"a.1", b"one")]
    await bus.unsubscribe(subscription)
    await bus.unsubscribe(subscription)
    await bus.publish("a.1", b"two")
    await bus.flush()
    assert got == [(b"a.1", b"one")]


async def test_large_messages_arrive_whole(bus: Connection) -> None:
    got: list[bytes] = []
    await bus.subscribe("large", lambda _s, _r, _b, data: got.append(data))
    payloads = [bytes([n]) * (n * 400_000 + 7) for n in range(1, 12)]
    for payload in payloads:
        await bus.publish("large", payload, headers={"n": "1"})
    await bus.flush()
    assert got == payloads


async def test_what_the_server_would_not_take_is_refused_here(bus: Connection) -> None:
    with pytest.raises(PermanentError) as caught:
        await bus.publish("large", b"x" * (bus.max_payload_bytes + 1))
    assert caught.value.code == "bus.message_too_large"
    with pytest.raises(PermanentError, match="white space"):
        await bus.publish("a b", b"")
    with pytest.raises(PermanentError, match="header"):
        await bus.publish("a", b"", headers={"a": "b\r\nPUB c 0\r\n"})
    assert bus.is_connected


async def test_a_lost_server_is_noticed_and_found_again(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    changes: list[str] = []
    end = own_bus.on_change(
        lost=lambda: changes.append("lost"), back=lambda: changes.append("back")
    )
    got: list[bytes] = []
    await own_bus.subscribe("a", lambda _s, _r, _b, data: got.append(data))
    first = own_bus.generation

    for _ in range(2):
        await own_server.kill()
        await eventually(lambda: not own_bus.is_connected)
        await own_bus.publish("a", b"kept while away")
        await own_server.start()
        async with asyncio.timeout(10):
            await own_bus.wait_connected()
    await eventually(lambda: len(got) == 2)

    assert changes == ["lost", "back"] * 2
    assert own_bus.generation == first + 2
    end()
    await own_server.restart()
    await eventually(lambda: own_bus.generation == first + 3)
    assert changes == ["lost", "back"] * 2


async def test_it_goes_on_trying_when_something_else_answers_at_the_port(
    own_server: NatsServer, own_bus: Connection, eventually: Eventually
) -> None:
    await own_server.kill()
    await eventually(lambda: not own_bus.is_connected)

    answered = 0

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        answered += 1
        writer.write(b"INFO [\r\n" if answered % 2 else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    stranger = await asyncio.start_server(nonsense, "127.0.0.1", own_server.port)
    await eventually(lambda: answered >= 3)
    stranger.close()
    await stranger.wait_closed()

    await own_server.start()
    async with asyncio.timeout(10):
        await own_bus.wait_connected()
    await own_bus.flush()


async def test_nothing_goes_over_a_closed_connection(nats_url: str) -> None:
    connection = await connect(nats_url, "test")
    await connection.close()
    await connection.close()
    assert connection.is_closed
    await connection.wait_closed()
    for use in (
        connection.publish("a", b""),
        connection.request("a"),
        connection.wait_connected(),
        connection.subscribe("a", lambda *_: None),
        connection.flush(),
    ):
        with pytest.raises(TransientError):
            await use


async def test_a_sink_that_raises_closes_the_connection_and_is_reported(nats_url: str) -> None:
    connection = await connect(nats_url, "test")

    def broken(*_: bytes) -> None:
        raise AssertionError("a bug")

    await connection.subscribe("a", broken)
    await connection.publish("a", b"")
    with pytest.raises(AssertionError, match="a bug"):
        async with asyncio.timeout(10):
            await connection.wait_closed()
    await connection.close()


async def test_a_denied_subject_is_logged_and_the_rest_goes_on(
    data_dir: Path, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    config = (
        "authorization { users: [ { user: u, password: p, permissions: "
        '{ publish: ["ok", "_INBOX.>"], subscribe: ">" } } ] }'
    )
    server = NatsServer(data_dir, config=config, user="u", password="p")
    await server.start()
    try:
        async with await connect(server.url, "test") as connection:
            got: list[bytes] = []
            await connection.subscribe("ok", lambda _s, _r, _b, data: got.append(data))
            await connection.publish("denied", b"")
            await eventually(lambda: "bus error" in caplog.text)
            await connection.publish("ok", b"1")
            await eventually(lambda: got == [b"1"])
            assert connection.generation == 1
    finally:
        await server.stop()


async def test_a_connection_that_cannot_send_refuses_at_its_limit(
    own_server: NatsServer,
    own_bus: Connection,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stretto.bus.connection.PENDING_LIMIT_BYTES", 1000)
    monkeypatch.setattr("stretto.bus.connection.CONNECT_TIMEOUT_S", 0.2)
    await own_server.kill()
    await eventually(lambda: not own_bus.is_connected)
    await own_bus.publish("a", b"x" * 1100)
    with pytest.raises(TransientError) as caught:
        await own_bus.publish("a", b"x")
    assert caught.value.code == "bus.buffer_full"
    assert own_bus.unsent_bytes > 1000
