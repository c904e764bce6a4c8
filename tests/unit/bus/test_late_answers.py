"""Answers that come late, twice, or not as they should, on the ways over one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from stretto.bus.ensure import ensure
from stretto.bus.publisher import Publisher
from stretto.bus.request import Reply, Requests
from stretto.runtime.errors import NotReachable, PermanentError
from stretto.runtime.streams import PAYLOADS

STORED = b'{"stream":"S","seq":1}'
NOT_THAT = b"NATS/1.0 408\r\n\r\n"


class Wire:
    """A connection whose other end is the test: what is sent, and who listens."""

    name = "wire"
    inbox_prefix = "_INBOX"
    is_closed = False
    is_connected = True

    def __init__(self) -> None:
        self.sent: asyncio.Queue[bytes] = asyncio.Queue()
        self.sinks: list[Callable[[bytes, bytes, bytes, bytes], None]] = []
        self.lost: list[Callable[[], None]] = []

    def on_change(
        self, *, lost: Callable[[], None], back: Callable[[], None]
    ) -> Callable[[], None]:
        self.lost.append(lost)
        return lambda: None

    async def wait_connected(self) -> None:
        return None

    def check_size(self, _size: int) -> None:
        return None

    def send(self, command: bytes) -> None:
        self.sent.put_nowait(command)

    def push(self) -> None:
        """It is sent already."""

    async def subscribe(
        self, _subject: str, sink: Callable[[bytes, bytes, bytes, bytes], None]
    ) -> int:
        self.sinks.append(sink)
        return 1

    async def unsubscribe(self, _subscription: int) -> None:
        return None

    async def inbox(self) -> bytes:
        """Where the next command that is sent wants its answer."""
        command = await asyncio.wait_for(self.sent.get(), 10)
        return command.split(b" ")[2]

    def answer(self, inbox: bytes, data: bytes, block: bytes = b"") -> None:
        self.sinks[-1](inbox, b"", block, data)


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def publisher(wire: Wire) -> AsyncIterator[Publisher]:
    made = Publisher(wire, window=1, ack_timeout_s=0.1)  # type: ignore[arg-type]
    yield made
    await made.close()


async def test_what_is_no_answer_to_a_publish_is_as_none(wire: Wire, publisher: Publisher) -> None:
    storing = asyncio.ensure_future(publisher.publish("s", b"x"))
    inbox = await wire.inbox()

    wire.answer(inbox, b"", NOT_THAT)
    again = await wire.inbox()  # sent again, for no answer came
    wire.answer(again, STORED)

    assert again == inbox
    assert (await asyncio.wait_for(storing, 10)).seq == 1


async def test_who_stops_waiting_for_room_before_there_is_any_leaves_it_to_others(
    wire: Wire, publisher: Publisher
) -> None:
    first = asyncio.ensure_future(publisher.publish("s", b"1"))
    inbox = await wire.inbox()
    gone = asyncio.ensure_future(publisher.publish("s", b"2"))
    third = asyncio.ensure_future(publisher.publish("s", b"3"))
    await asyncio.sleep(0)

    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    wire.answer(inbox, STORED)

    assert (await asyncio.wait_for(first, 10)).seq == 1
    while (inbox_of_third := await wire.inbox()) == inbox:
        pass  # the first one, sent twice
    wire.answer(inbox_of_third, STORED)
    assert (await asyncio.wait_for(third, 10)).seq == 1


async def test_an_answer_that_came_before_the_connection_was_lost_stands(wire: Wire) -> None:
    requests = Requests(wire)  # type: ignore[arg-type]
    answered, waiting = (
        asyncio.ensure_future(requests.ask("s", b"", timeout_s=10.0)) for _ in range(2)
    )
    inboxes = [await wire.inbox(), await wire.inbox()]

    wire.answer(inboxes[0], b"here")
    wire.lost[0]()

    assert await answered == Reply(b"here", b"")
    with pytest.raises(NotReachable, match="the server went away before it came"):
        await waiting


async def test_what_a_stream_refuses_for_another_reason_is_told() -> None:
    class Refusing(Wire):
        async def request(self, subject: str, _data: bytes, **_options: object) -> Reply:
            code = 10058 if "CREATE" in subject else 10065
            error = b'{"error":{"code":400,"err_code":%d,"description":"no"}}' % code
            return Reply(error, b"")

    with pytest.raises(PermanentError):
        await ensure(Refusing(), [PAYLOADS], ())  # type: ignore[arg-type]
