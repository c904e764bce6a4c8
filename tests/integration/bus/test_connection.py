"""A connection says how it is, refuses clearly, and comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client

from stretto.bus.connection import Connection, connect
from stretto.bus.credentials import Credentials
from stretto.bus.wire import publish_command
from stretto.runtime.errors import NotReachable, PermanentError, TransientError
from stretto.testkit.ports import free_port
from stretto.testkit.servers import NatsServer
from tests.frozen import freeze, thaw

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


async def test_nobody_at_the_address_is_not_reachable_within_the_timeout() -> None:
    began = time.monotonic()
    with pytest.raises(NotReachable, match="Connect call failed") as caught:
        await connect(f"nats://user:secret@127.0.0.1:{free_port()}", "test", timeout_s=0.5)
    assert caught.value.code == "bus.not_reachable"
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 3


async def test_a_timeout_that_is_lost_between_two_tries_ends_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries = 0

    async def refused(_: object) -> None:
        nonlocal tries
        tries += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionRefusedError("Connect call failed") from None

    monkeypatch.setattr(Client, "_select_next_server", refused)
    with pytest.raises(NotReachable, match="Connect call failed"):
        await connect(f"nats://127.0.0.1:{free_port()}", "test", timeout_s=0.1)
    assert tries == 1


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


async def test_who_waits_for_room_goes_on_when_the_server_is_back(
    own_server: NatsServer,
    own_bus: Connection,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stretto.bus.connection.PENDING_LIMIT_BYTES", 1000)
    got: list[bytes] = []
    await own_bus.subscribe("a", lambda _s, _r, _b, data: got.append(data))
    await own_server.kill()
    await eventually(lambda: not own_bus.is_connected)
    encoded = publish_command(b"a", b"", b"", b"x" * 600)
    await own_bus.publish_encoded([encoded, encoded])
    waiting = [
        asyncio.ensure_future(own_bus.publish("a", b"one")),
        asyncio.ensure_future(own_bus.publish_encoded([encoded])),
    ]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in waiting)
    await own_server.start()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    await eventually(lambda: len(got) == 4)


async def test_a_flush_comes_after_all_that_was_sent_before_it(bus: Connection) -> None:
    got = 0

    def count(*_: bytes) -> None:
        nonlocal got
        got += 1

    await bus.subscribe("a", count)
    for number in range(1, 200):
        await bus.publish("a", b"")
        await bus.flush()
        assert got == number


@pytest.mark.parametrize("subject", ["", "a..b", "a b", "a.>.b", "a*"])
async def test_a_malformed_subscription_is_refused(bus: Connection, subject: str) -> None:
    with pytest.raises(PermanentError) as caught:
        await bus.subscribe(subject, lambda *_: None)
    assert caught.value.code == "bus.bad_subject"
    assert not bus._client.sinks


async def test_a_close_that_hangs_is_given_up(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    connection = await connect(nats_url, "test")
    shut = connection._client.shut
    never = asyncio.Event()
    monkeypatch.setattr("stretto.bus.connection._CLOSE_TIMEOUT_S", 0.05)
    monkeypatch.setattr(connection._client, "shut", never.wait)
    await connection.close()
    assert "did not close in time" in caplog.text
    await shut()


async def test_whatever_goes_wrong_while_reconnecting_is_tried_again(
    own_server: NatsServer, own_bus: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stretto.bus.nats_core.RETRY_RECONNECT_S", 0.05)
    attempt = Client._attempt_reconnect
    failures = [ValueError("unexpected"), KeyError("unexpected")]

    async def fail_first(client: Client) -> None:
        if failures:
            raise failures.pop()
        await attempt(client)

    monkeypatch.setattr(Client, "_attempt_reconnect", fail_first)
    await own_server.restart()
    async with asyncio.timeout(10):
        while failures or not own_bus.is_connected:  # noqa: ASYNC110 - noticed by the read loop
            await asyncio.sleep(0.01)
    await own_bus.flush()


async def test_a_server_that_goes_while_we_close_is_no_error(
    own_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await connect(own_server.url, "test")

    async def reset(_: Client) -> None:
        raise ConnectionResetError

    close = Client.close
    monkeypatch.setattr(Client, "close", reset)
    await connection.close()
    monkeypatch.setattr(Client, "close", close)
    await connection._client.close()


async def test_a_new_description_of_the_server_is_taken(bus: Connection) -> None:
    await bus._client.process_info_line(b' {"max_payload": 123}')
    assert bus.max_payload_bytes == 123
    with pytest.raises(nats.errors.ProtocolError):
        await bus._client.process_info_line(b" [")


async def test_a_server_without_pong_fails_the_flush(
    own_server: NatsServer, own_bus: Connection
) -> None:
    assert own_server.pid is not None
    freeze(own_server.pid)
    with pytest.raises(TransientError) as caught:
        await own_bus.flush(0.1)
    assert caught.value.code == "bus.flush_failed"
    thaw(own_server.pid)


async def test_a_flush_that_is_cancelled_in_the_turn_of_its_answer_is_cancelled(
    bus: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = bus._client._process_pong
    flushing = asyncio.create_task(bus.flush())

    async def answered_and_cancelled() -> None:
        await answered()
        flushing.cancel()

    with monkeypatch.context() as patch:
        patch.setattr(bus._client, "_process_pong", answered_and_cancelled)
        with pytest.raises(asyncio.CancelledError):
            await flushing

    await bus.flush()


async def test_the_late_answer_to_a_flush_that_was_given_up_harms_nobody(bus: Connection) -> None:
    flushing = asyncio.create_task(bus.flush())
    await asyncio.sleep(0)
    flushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flushing

    await bus.flush()
    assert bus.is_connected
