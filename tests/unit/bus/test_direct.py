"""What a socket brings goes to the parser at once; the rest to nats-py's own reader."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast
from urllib.parse import urlparse

import pytest
from nats import errors
from nats.aio.client import Srv
from nats.aio.transport import TcpTransport

from stretto.bus.nats_core import CoreClient, Direct, Parser
from stretto.bus.wire import publish_command


class Usual(asyncio.Protocol):
    """The protocol that was there before."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def eof_received(self) -> bool:
        self.told.append("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(f"lost {exc}")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Wire:
    """A transport of nats-py's that keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.some = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self.some.set()


def client() -> CoreClient:
    return CoreClient(on_lost=lambda: None, on_bug=lambda _: None)


def connected() -> tuple[CoreClient, Wire]:
    made, wire = client(), Wire()
    made._status = CoreClient.CONNECTED
    made._transport = cast("object", wire)  # type: ignore[assignment]
    return made, wire


async def test_messages_come_in_the_callback_and_control_lines_by_the_reader() -> None:
    owner, got = client(), list[bytes]()
    owner.sinks[1] = lambda _subject, _reply, _block, data: got.append(data)
    reader = asyncio.StreamReader()
    direct = Direct(Parser(owner), Usual(), reader)

    direct.data_received(b"MSG a 1 2\r\nhi\r\nPONG\r\nMSG a 1 3\r\nwo")
    assert got == [b"hi"]
    direct.data_received(b"w\r\n")
    assert got == [b"hi", b"wow"]
    assert await reader.read(100) == b"PONG\r\n"


async def test_what_is_not_the_protocol_ends_the_read_loop() -> None:
    reader = asyncio.StreamReader()
    Direct(Parser(client()), Usual(), reader).data_received(b"HTTP/1.1 400 Bad Request\r\n")
    with pytest.raises(errors.ProtocolError):
        await reader.read(100)


async def test_everything_else_is_told_to_the_protocol_that_was_there() -> None:
    usual = Usual()
    direct = Direct(Parser(client()), usual, asyncio.StreamReader())
    assert direct.eof_received()
    direct.pause_writing()
    direct.resume_writing()
    direct.connection_lost(None)
    assert usual.told == ["eof", "pause", "resume", "lost None"]


async def test_control_lines_may_come_in_pieces() -> None:
    owner, told = client(), list[bytes]()

    async def info(line: bytes) -> None:
        told.append(line)

    owner.process_info_line = info  # type: ignore[method-assign]
    parser = Parser(owner)
    parser.direct = True
    for piece in (b"INFO {", b"}\r", b"\n"):
        await parser.parse(piece)
    assert told == [b" {}"]


async def test_what_nobody_waits_for_goes_with_the_next_write() -> None:
    owner, wire = connected()
    ack, message = b"PUB ack 0\r\n\r\n", publish_command(b"a", b"", b"", b"x")
    owner.send_later(ack)
    await asyncio.sleep(0)
    assert wire.written == []
    owner.send(message)
    owner.write_now()
    assert wire.written == [ack + message]
    await asyncio.sleep(0)
    assert len(wire.written) == 1


async def test_without_a_next_write_it_goes_soon() -> None:
    owner, wire = connected()
    owner.send_later(b"PUB ack 0\r\n\r\n")
    owner.send_later(b"PUB ack 0\r\n\r\n")
    async with asyncio.timeout(5):
        await wire.some.wait()
    assert wire.written == [b"PUB ack 0\r\n\r\n" * 2]


async def test_in_a_turn_with_a_write_it_goes_with_that() -> None:
    owner, wire = connected()
    owner.send(b"PUB a 0\r\n\r\n")
    owner.send_later(b"PUB ack 0\r\n\r\n")
    await asyncio.sleep(0)
    assert wire.written == [b"PUB a 0\r\n\r\nPUB ack 0\r\n\r\n"]


class Socket(asyncio.Transport):
    """A transport of asyncio, as far as it is asked."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (0, None)

    def resume_reading(self) -> None:
        """It was never paused."""


async def test_what_came_with_the_handshake_is_not_lost() -> None:
    owner, got = client(), list[bytes]()
    owner.sinks[1] = lambda _subject, _reply, _block, data: got.append(data)
    reader = asyncio.StreamReader()
    reader.feed_data(b"MSG a 1 2\r\nhi\r\n")
    socket = Socket(asyncio.StreamReaderProtocol(reader))
    transport = TcpTransport()  # type: ignore[no-untyped-call]
    transport._io_reader = reader
    transport._io_writer = cast("asyncio.StreamWriter", SimpleNamespace(transport=socket))
    owner._transport = transport

    owner._connect_parser()
    assert isinstance(socket.protocol, Direct)
    socket.protocol.data_received(b"MSG a 1 3\r\nwow\r\n")
    assert got == [b"hi", b"wow"]


@pytest.mark.parametrize(("scheme", "upgraded"), [("tls", True), ("nats", False)])
async def test_a_server_that_can_encrypt_does_so_when_the_url_says_tls(
    scheme: str, upgraded: bool
) -> None:
    made = client()
    made._current_server = Srv(urlparse(f"{scheme}://host:4222"))
    info = {"tls_available": True}
    await made._process_info(info, initial_connection=True)
    assert info.get("tls_required", False) is upgraded


async def test_over_tls_the_end_of_what_comes_is_the_end_of_both_directions() -> None:
    parser, reader = Parser(client()), asyncio.StreamReader()
    assert Direct(parser, Usual(), reader).eof_received()
    assert not Direct(parser, Usual(), reader, is_encrypted=True).eof_received()
