"""The parser, and a guard that fails when the insides of nats-py change under us."""

from __future__ import annotations

import asyncio
import inspect
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats import errors
from nats.aio.client import Client

from stretto.bus.nats_core import MAX_LINE_BYTES, CoreClient, Parser


class Recorder:
    """Stands for the client: keeps what the parser hands on."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, ...]] = []
        self.sinks = {7: lambda *message: self.got.append(message)}
        self.bugs: list[Exception] = []
        self.on_bug = self.bugs.append

    def send(self, command: bytes) -> None:
        self.got.append((b"send", command))

    async def _process_pong(self) -> None:
        self.got.append((b"pong",))

    async def _process_err(self, text: str) -> None:
        self.got.append((b"err", text.encode()))

    async def process_info_line(self, line: bytes) -> None:
        self.got.append((b"info", line))


WIRE = (
    b"MSG a.b 7 3\r\nxyz\r\n"
    b"MSG a.b 7 reply.to 0\r\n\r\n"
    b"PING\r\n"
    b"HMSG c 7 17 19\r\nNATS/1.0\r\nA:1\r\n\r\nhi\r\n"
    b"HMSG c 7 r 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    b"MSG not.ours 8 5\r\nMSG a\r\n"
    b"PONG\r\n+OK\r\n-ERR 'Permissions Violation for Publish'\r\n"
    b'INFO {"a":1}\r\n'
    b"MSG a.b 7 4\r\n\r\n\r\n\r\n"
)
EXPECTED = [
    (b"a.b", b"", b"", b"xyz"),
    (b"a.b", b"reply.to", b"", b""),
    (b"send", b"PONG\r\n"),
    (b"c", b"", b"NATS/1.0\r\nA:1\r\n\r\n", b"hi"),
    (b"c", b"r", b"NATS/1.0\r\n\r\n", b""),
    (b"a.b", b"", b"", b"\r\n\r\n"),
]
CONTROLS = [
    (b"pong",),
    (b"err", b"permissions violation for publish"),
    (b"info", b' {"a":1}'),
]


def parse(*chunks: bytes) -> Recorder:
    recorder = Recorder()
    parser = Parser(recorder)  # type: ignore[arg-type]

    async def feed() -> None:
        for chunk in chunks:
            await parser.parse(chunk)

    asyncio.run(feed())
    return recorder


def apart(recorder: Recorder) -> tuple[list[tuple[bytes, ...]], list[tuple[bytes, ...]]]:
    """Messages (with the answers to pings) and control lines, each in their order."""
    controls = [got for got in recorder.got if got[0] in (b"pong", b"err", b"info")]
    return [got for got in recorder.got if got not in controls], controls


def test_every_kind_of_line_is_handed_on() -> None:
    assert apart(parse(WIRE)) == (EXPECTED, CONTROLS)


@given(st.lists(st.integers(0, len(WIRE)), max_size=12))
def test_it_does_not_matter_where_the_network_cuts(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(WIRE)]
    chunks = [WIRE[a:b] for a, b in itertools.pairwise(places)]
    assert apart(parse(*chunks)) == (EXPECTED, CONTROLS)


def test_byte_by_byte() -> None:
    assert apart(parse(*(WIRE[n : n + 1] for n in range(len(WIRE))))) == (EXPECTED, CONTROLS)


@pytest.mark.parametrize(
    "wire",
    [
        b"HELLO\r\n",
        b"PANG\r\n",
        b"MSG a x 1\r\nx\r\n",
        b"MSG a\r\n",
        b"HMSG a 7 x 3\r\n",
        b"MSG",
    ],
)
def test_what_is_not_the_protocol_is_an_error(wire: bytes) -> None:
    with pytest.raises(errors.ProtocolError):
        parse(wire + b"x" * (MAX_LINE_BYTES + 1))


def test_a_line_of_another_protocol_between_messages_is_an_error() -> None:
    with pytest.raises(errors.ProtocolError):
        parse(b"MSG a.b 7 0\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("stale connection", Client.RECONNECTING),
        ("permissions violation for publish", Client.CONNECTED),
    ],
)
async def test_an_error_of_the_server_is_not_always_a_loss_of_the_connection(
    text: str, status: int
) -> None:
    told: list[str] = []
    said: list[str] = []

    async def heard(error: Exception) -> None:
        said.append(str(error))

    client = CoreClient(on_lost=lambda: told.append("lost"), on_bug=lambda _: None)
    client._error_cb = heard
    client._status = status
    await client._process_err(text)

    assert said[0] == f"nats: {text}"
    assert told == []


def test_after_a_reset_a_half_message_is_forgotten() -> None:
    recorder = Recorder()
    parser = Parser(recorder)  # type: ignore[arg-type]

    async def feed() -> None:
        await parser.parse(b"MSG a.b 7 100\r\nhalf")
        parser.reset()
        await parser.parse(b"MSG a.b 7 1\r\nx\r\n")

    asyncio.run(feed())
    assert recorder.got == [(b"a.b", b"", b"", b"x")]


def test_a_sink_that_raises_does_not_stop_the_parser() -> None:
    recorder = Recorder()

    def broken(*_: bytes) -> None:
        raise ZeroDivisionError

    recorder.sinks[8] = broken
    parser = Parser(recorder)  # type: ignore[arg-type]
    asyncio.run(parser.parse(b"MSG a 8 0\r\n\r\nMSG a 7 0\r\n\r\n"))
    assert len(recorder.bugs) == 1
    assert recorder.got == [(b"a", b"", b"", b"")]


def test_the_insides_of_nats_py_that_we_rely_on_are_there() -> None:
    """When this fails after an upgrade of nats-py: read nats_core.py against its new source."""
    client = CoreClient(on_lost=lambda: None, on_bug=lambda _: None)
    for name in (
        *("_pending", "_pending_data_size", "_status", "_transport", "_sid", "_subs", "_ps"),
        *("_flush_queue", "_max_payload", "_server_info", "_error_cb", "_reading_task"),
    ):
        assert name in vars(client), f"attribute {name}"
    overridden = {
        "_process_op_err": "(self, e: 'Exception') -> 'None'",
        "_process_err": "(self, err_msg: 'str') -> 'None'",
        "_attempt_reconnect": "(self) -> 'None'",
        "_connect_to_server": "(self, s: 'Srv') -> 'None'",
    }
    for name, signature in overridden.items():
        assert str(inspect.signature(getattr(Client, name))) == signature, name
    source = inspect.getsource(Client)
    for line in (
        # The read loop gives every chunk to our parser, and ends on a protocol error.
        "await self._ps.parse(b)",
        "except errors.ProtocolError:",
        # Reconnecting resets the parser, subscribes again before it counts as connected and sends
        # what is pending.
        "self._ps.reset()",
        "for sid, sub in self._subs.items():",
        "self._status = Client.CONNECTED\n                await self.flush()",
        # The flusher writes the same list that we append to.
        "self._transport.writelines(self._pending[:])",
        # The id of a subscription is taken before anything is awaited.
        "self._sid += 1\n        sid = self._sid",
    ):
        assert line in source, line
