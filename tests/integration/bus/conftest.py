"""A connection in an account of its own, and servers that a test may kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from stretto.bus.connection import Connection, connect
from stretto.testkit.servers import NatsServer

DEADLINE_S = 20.0


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Connection]:
    """Give a connection to an empty account of the session's server."""
    async with await connect(nats_url, "test") as connection:
        yield connection


@pytest.fixture
async def own_server(data_dir: Path) -> AsyncIterator[NatsServer]:
    """Give a running server of this test's own, to be killed and wiped."""
    server = NatsServer(data_dir)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def own_bus(own_server: NatsServer) -> AsyncIterator[Connection]:
    """Give a connection to the test's own server."""
    async with await connect(own_server.url, "test") as connection:
        yield connection


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Give a function that polls a condition until it holds, with a deadline."""

    async def poll(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110 - the condition is anything
                await asyncio.sleep(0.01)

    return poll
