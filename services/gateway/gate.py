"""What the routes use of the bus."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request

from services.gateway.problems import Refused
from services.gateway.shield import Guard
from stretto.bus.connection import Connection
from stretto.bus.publisher import Publisher
from stretto.client.answered import Answered
from stretto.client.asking import Asks
from stretto.client.replies import ReplyBox
from stretto.contracts.codec import json_encode
from stretto.runtime.health import Health

MAX_STREAMS = 500
"""WebSockets and event streams at the same time: each has a subscription and a buffer."""


class Gate:
    """The bus, as the routes see it."""

    def __init__(
        self, connection: Connection, publisher: Publisher, guard: Guard, health: Health
    ) -> None:
        self.connection = connection
        self.publisher = publisher
        self.guard = guard
        self.health = health
        self.asks = Asks(connection)
        self.answered = Answered(publisher, ReplyBox(connection))
        self._streams = 0

    async def ask(self, service: str, operation: str, **request: Any) -> bytes:
        """Ask a service and give its answer as it came; parameters that are None are left out."""
        fields = {name: value for name, value in request.items() if value is not None}
        return await self.asks.ask_raw(service, operation, json_encode(fields))

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[None]:
        """Count one stream; raises Refused when there are too many."""
        if self._streams >= MAX_STREAMS:
            raise Refused(503, "too_many_streams", f"expected at most {MAX_STREAMS} streams")
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1


def gate_of(request: Request) -> Gate:
    """The gate of the application that serves a request."""
    gate = request.app.state.gate
    assert isinstance(gate, Gate)
    return gate


def holder_of(request: Request) -> str | None:
    """Who sent a request, by his token."""
    holder: str | None = getattr(request.state, "holder", None)
    return holder
