"""Answers to stored messages: where they come back, and who waits for them.

The message's own reply subject gets the acknowledgement of the store; what its handler answers
comes to the subject in the header `Stretto-Reply`. One inbox for all of them.
"""

from __future__ import annotations

import asyncio

from stretto.bus.connection import Connection
from stretto.bus.wire import new_inbox


class ReplyBox:
    """Gives out reply subjects and hands what arrives there to who waits for it.

    An answer that nobody waits for any more is dropped.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = new_inbox(connection.inbox_prefix)
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._number = 0
        self._open = False

    async def open(self) -> None:
        """Subscribe; a second time does nothing."""
        if not self._open:
            self._open = True
            await self._connection.subscribe(self._prefix + "*", self._arrived)

    def expect(self) -> tuple[str, asyncio.Future[bytes]]:
        """Give a reply subject and the future of the first message there.

        `forget` the subject when it is not wanted any more.
        """
        self._number += 1
        subject = f"{self._prefix}{self._number}"
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[subject.encode()] = future
        return subject, future

    def forget(self, subject: str) -> None:
        """Drop what arrives on a subject from now on."""
        self._waiting.pop(subject.encode(), None)

    def _arrived(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        future = self._waiting.pop(subject, None)
        if future is not None and not future.done():
            future.set_result(data)
