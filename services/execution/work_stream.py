"""The work stream, looked at from the side: what is in it, is this still in it, take this out.

Reading is by direct get in batches (NATS ADR-31): no consumer, nothing is taken.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import msgspec

from stretto.bus.api import Answer, ask_api
from stretto.bus.api_errors import Missing
from stretto.bus.connection import Connection
from stretto.bus.wire import new_inbox, parse_headers, parse_status, publish_command
from stretto.contracts import subjects
from stretto.runtime.errors import PermanentError, TransientError

STREAM = subjects.STREAM_WORK
BATCH = 256
BATCH_BYTES = 8 * 1024 * 1024
READ_TIMEOUT_S = 5.0
"""A batch comes in milliseconds; after so long without a word the server is gone."""

NOT_FOUND = 404
END_OF_BATCH = 204


class Stored(NamedTuple):
    """A message of the work stream."""

    seq: int
    subject: str
    data: bytes


class Bounds(NamedTuple):
    """What the stream holds: sequence numbers; nothing when `first` is above `last`."""

    first: int
    last: int


class _State(msgspec.Struct):
    first_seq: int
    last_seq: int


class _Info(Answer, frozen=True, kw_only=True):
    state: _State | None = None


class _Delivered(msgspec.Struct):
    stream_seq: int = 0


class _Consumer(Answer, frozen=True, kw_only=True):
    delivered: _Delivered = msgspec.field(default_factory=_Delivered)


class _Deleted(Answer, frozen=True, kw_only=True):
    success: bool = False


class WorkStream:
    """See the module's docstring; one for a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def bounds(self) -> Bounds:
        """Say what the stream holds. Raises TransientError."""
        info = await ask_api(
            self._connection, f"STREAM.INFO.{STREAM}", None, _Info, asked="look at the work stream"
        )
        assert info.state is not None, "an answer without an error has a state"
        return Bounds(info.state.first_seq, info.state.last_seq)

    async def read(self) -> AsyncIterator[Stored]:
        """Give everything that is in the stream, in order. Raises TransientError."""
        next_seq = 1
        while True:
            batch = await self._batch(next_seq)
            for stored in batch:
                yield stored
            if not batch:
                return
            next_seq = batch[-1].seq + 1

    async def has(self, seq: int) -> bool:
        """Whether a message is still in the stream. Raises TransientError."""
        reply = await self._connection.request(
            f"$JS.API.DIRECT.GET.{STREAM}", msgspec.json.encode({"seq": seq})
        )
        return parse_status(reply.block)[0] != NOT_FOUND

    async def take_out(self, seq: int) -> bool:
        """Delete a message; return whether it was there. Raises TransientError."""
        try:
            answer = await ask_api(
                self._connection,
                f"STREAM.MSG.DELETE.{STREAM}",
                {"seq": seq, "no_erase": True},
                _Deleted,
                asked=f"take message {seq} out of the work stream",
            )
        except PermanentError:
            return False  # it is not there: the server refuses to delete what does not exist
        return answer.success

    async def claimed_up_to(self, namespace: str, queue: str) -> int:
        """The last message of a queue that was delivered to a worker. Raises TransientError."""
        consumer = subjects.work_consumer(namespace, queue)
        try:
            info = await ask_api(
                self._connection,
                f"CONSUMER.INFO.{STREAM}.{consumer}",
                None,
                _Consumer,
                asked=f"look at consumer {consumer}",
            )
        except Missing:
            return 0
        return info.delivered.stream_seq

    async def _batch(self, seq: int) -> list[Stored]:
        """Read the next messages from `seq` on; empty at the end."""
        gathered: list[Stored] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def received(_subject: bytes, _reply: bytes, block: bytes, data: bytes) -> None:
            status, text = parse_status(block)
            if status == 0:
                headers = parse_headers(block)
                gathered.append(
                    Stored(int(headers["Nats-Sequence"]), headers["Nats-Subject"], data)
                )
            elif ended.done():
                return
            elif status in {END_OF_BATCH, NOT_FOUND}:
                ended.set_result(None)
            else:
                ended.set_exception(
                    TransientError(
                        "execution.work_unreadable",
                        f"expected to read the work stream, but the server says: {status} {text}",
                    )
                )

        inbox = new_inbox(self._connection.inbox_prefix) + "0"
        subscription = await self._connection.subscribe(inbox, received)
        try:
            request = msgspec.json.encode(
                {"seq": seq, "next_by_subj": "stretto.work.*.*", "batch": BATCH}
                | {"max_bytes": BATCH_BYTES}
            )
            self._connection.send(
                publish_command(
                    f"$JS.API.DIRECT.GET.{STREAM}".encode(), inbox.encode(), b"", request
                )
            )
            async with asyncio.timeout(READ_TIMEOUT_S):
                await ended
        except TimeoutError as error:
            raise TransientError(
                "execution.work_unreadable",
                f"expected to read the work stream within {READ_TIMEOUT_S:g} s, but no end came",
            ) from error
        finally:
            await self._connection.unsubscribe(subscription)
        return gathered
