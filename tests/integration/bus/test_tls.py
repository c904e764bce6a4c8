"""The bus over TLS: both event loops, whom we trust, who we are, and no way back to plain text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import uvloop

from stretto.bus.connection import Connection, connect
from stretto.bus.credentials import Credentials
from stretto.bus.encryption import CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE, tls_context
from stretto.bus.ensure import ensure
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.pull import PullLoop
from stretto.client import Client
from stretto.runtime.errors import NotReachable, PermanentError
from stretto.testkit.ports import LOOPBACK
from stretto.testkit.servers import NatsServer

from .certificates import OPENSSL, Authority, locked
from .work import CONSUMER, MEMORY, take

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not there to make certificates")

MESSAGES = 200
PATIENCE_S = 20.0
BODY = bytes(range(256)) * 20  # 5 kB: together far more than one TLS record holds
Loop = Callable[[], asyncio.AbstractEventLoop]


class Bus(NamedTuple):
    """A server that encrypts and wants to know who comes, and the files of one who may."""

    server: NatsServer
    url: str
    ca: str
    cert: str
    key: str

    def credentials(self) -> Credentials:
        return Credentials(tls=tls_context(self.ca, self.cert, self.key))


@pytest.fixture
def bus(data_dir: Path) -> Bus:
    authority = Authority(data_dir, "authority")
    cert, key = authority.issue("server", f"IP:{LOOPBACK}")
    own_cert, own_key = authority.issue("own", "DNS:own")
    server = NatsServer(
        data_dir / "nats",
        config=f'tls {{ cert_file: "{cert}", key_file: "{key}", ca_file: "{authority.ca}", '
        "verify: true }",
    )
    return Bus(server, "", str(authority.ca), str(own_cert), str(own_key))


async def with_server(bus: Bus, use: Callable[[Bus], Coroutine[Any, Any, None]]) -> None:
    """Start the server for as long as it is used."""
    await bus.server.start()
    try:
        await use(bus._replace(url=bus.server.url.replace("nats://", "tls://")))
    finally:
        await bus.server.stop()


async def work_comes_through(bus: Bus) -> None:
    """Publish and pull messages; what comes back is what was sent, whole and once."""
    bodies = [b"%d " % n + BODY for n in range(MESSAGES)]
    async with await connect(bus.url, "test", credentials=bus.credentials()) as connection:
        await ensure(connection, [MEMORY], [CONSUMER])
        async with Publisher(connection) as publisher:
            await publisher.publish_many(
                Outgoing("work.a", body, f"id-{n}") for n, body in enumerate(bodies)
            )
        async with PullLoop(connection, "WORK", "workers") as loop:
            got = await take(loop, MESSAGES)
            for message in got:
                message.ack()
        assert [message.data for message in got] == bodies
        assert is_encrypted(connection)


def is_encrypted(connection: Connection) -> bool:
    writer: Any = getattr(connection._client._transport, "_io_writer", None)
    return writer.get_extra_info("cipher") is not None


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_messages_come_whole_over_tls(bus: Bus, new_loop: Loop) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(with_server(bus, work_comes_through))


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_who_is_not_trusted_is_refused_at_once(bus: Bus, new_loop: Loop, data_dir: Path) -> None:
    stranger = str(Authority(data_dir, "stranger").ca)

    async def refuses(bus: Bus) -> None:
        with pytest.raises(PermanentError) as wrong:
            await connect(bus.url, "test", credentials=Credentials(tls=tls_context(stranger)))
        assert wrong.value.code == "bus.not_trusted"
        assert CA_VARIABLE in str(wrong.value)

        named = bus.url.replace(LOOPBACK, "localhost")
        with pytest.raises(PermanentError, match="localhost") as misnamed:
            await connect(named, "test", credentials=bus.credentials())
        assert misnamed.value.code == "bus.not_trusted"

        unknown = Credentials(tls=tls_context(bus.ca))
        with pytest.raises(PermanentError, match=CERT_VARIABLE) as refused:
            await connect(bus.url, "test", credentials=unknown)
        assert refused.value.code == "bus.certificate_refused"

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(with_server(bus, refuses))


async def test_a_connection_over_tls_comes_back(bus: Bus) -> None:
    async def comes_back(bus: Bus) -> None:
        async with await connect(bus.url, "test", credentials=bus.credentials()) as connection:
            got: list[bytes] = []
            await connection.subscribe("a", lambda _s, _r, _b, data: got.append(data))
            await bus.server.restart()
            async with asyncio.timeout(PATIENCE_S):
                while connection.generation < 2:  # noqa: ASYNC110 - another process ends it
                    await asyncio.sleep(0.01)
            await connection.publish("a", BODY)
            await connection.flush()
            assert got == [BODY]
            assert is_encrypted(connection)

    await with_server(bus, comes_back)


async def test_a_client_takes_the_files_from_its_environment(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CA_VARIABLE, bus.ca)
    monkeypatch.setenv(CERT_VARIABLE, bus.cert)
    monkeypatch.setenv(KEY_VARIABLE, bus.key)

    async def connects(bus: Bus) -> None:
        async with Client.connect(bus.url) as client:
            assert is_encrypted(client.connection)

    await with_server(bus, connects)


async def test_a_server_that_does_not_encrypt_is_told_nothing() -> None:
    told: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload": 1048576}\r\n')
        told.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(plain, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(NotReachable, match="to encrypt, but it does not"):
            await connect(f"tls://user:secret@{LOOPBACK}:{port}", "test", timeout_s=1)
    finally:
        server.close()
        await server.wait_closed()
    assert set(told) <= {b""}


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path, "authority").issue("own", "DNS:own")

    with pytest.raises(PermanentError, match="without a password"):
        tls_context(None, str(cert), str(locked(key, "secret")))
