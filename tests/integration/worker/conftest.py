"""A server of a test's own, to be stopped and wiped."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stretto.testkit.servers import NatsServer


@pytest.fixture
async def nats_server_own(data_dir: Path) -> AsyncIterator[NatsServer]:
    """Give a server that was not started yet."""
    server = NatsServer(data_dir)
    yield server
    await server.stop()
