"""Requests and answers over core NATS, through one inbox for all requests of a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from stretto.runtime.errors import NotReachable, PermanentError, TransientError

from .wire import (
    header_block,
    new_inbox,
    parse_headers,
    parse_status,
    publish_command,
    subject_bytes,
)

if TYPE_CHECKING:
    from .connection import Connection

REQUEST_TIMEOUT_S = 5.0
ERROR_HEADER = "Nats-Service-Error"
ERROR_CODE_HEADER = "Nats-Service-Error-Code"
NO_RESPONDERS = 503


class RemoteError(PermanentError):
    """The other side understood the request and answered with an error; ``code`` is its code."""


class Reply(NamedTuple):
    """What came back; ``block`` is the encoded header block, empty when there are none."""

    data: bytes
    block: bytes

    @property
    def headers(self) -> dict[str, str]:
        """The headers, decoded when asked for."""
        return parse_headers(self.block) if self.block else {}


class Requests:
    """Asks over one connection; many at the same time are fine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._inbox = new_inbox(connection.inbox_prefix)
        self._inbox_bytes = self._inbox.encode()
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._next = 0
        self._subscribed = False
        connection.on_change(lost=self._lost, back=_nothing)

    async def ask(
        self,
        subject: str,
        data: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> Reply:
        """Send a request and return the answer.

        Raises:
            NotReachable: nobody listens on the subject (no responders), or the server went away
                before it answered: whether the request was handled is not known.
            TransientError: no answer in time, or the connection was closed.
            RemoteError: the answer is an error (``Nats-Service-Error`` headers).
            PermanentError: bad subject or headers, or too large.
        """
        if not self._subscribed:
            self._subscribed = True
            await self._connection.subscribe(self._inbox + "*", self._answered)
        block = header_block(None, headers)
        self._connection.check_size(len(block) + len(data))
        target = subject_bytes(subject)
        self._next += 1
        number = self._next
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                # Not into the buffer of a lost connection: it would be sent when nobody waits.
                await self._connection.wait_connected()
                self._waiting[number] = answer
                self._connection.send(
                    publish_command(target, b"%b%d" % (self._inbox_bytes, number), block, data)
                )
                reply = await answer
        except TimeoutError as error:
            if not self._connection.is_connected:
                raise NotReachable(
                    "bus.disconnected",
                    f"expected to send a request to {subject}, but the server is away",
                ) from error
            raise TransientError(
                "bus.request_timeout",
                f"expected an answer from {subject} within {timeout_s:g} s, but none came",
            ) from error
        finally:
            self._waiting.pop(number, None)
        return _checked(subject, reply)

    def _lost(self) -> None:
        """Whoever waits for an answer over the lost connection waits in vain."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(
                    NotReachable(
                        "bus.connection_lost",
                        "expected an answer, but the server went away before it came",
                    )
                )

    def _answered(self, subject: bytes, _reply: bytes, block: bytes, data: bytes) -> None:
        number = subject[len(self._inbox_bytes) :]
        answer = self._waiting.get(int(number)) if number.isdigit() else None
        if answer is not None and not answer.done():
            answer.set_result(Reply(data, block))


def _nothing() -> None:
    """The inbox is subscribed again by itself."""


def _checked(subject: str, reply: Reply) -> Reply:
    if not reply.block:
        return reply
    if parse_status(reply.block)[0] == NO_RESPONDERS:
        raise NotReachable(
            "bus.no_responders",
            f"expected somebody to listen on {subject}, but nobody does",
        )
    headers = reply.headers
    if ERROR_CODE_HEADER in headers or ERROR_HEADER in headers:
        raise RemoteError(
            headers.get(ERROR_CODE_HEADER) or "bus.remote_error",
            headers.get(ERROR_HEADER) or f"expected {subject} to answer, but it failed",
            {"subject": subject},
        )
    return reply
