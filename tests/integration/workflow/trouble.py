"""A Postgres server of a test's own, to be killed and stopped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stretto.testkit.servers import PostgresServer


@asynccontextmanager
async def own_postgres(data_dir: Path, **settings: str) -> AsyncIterator[PostgresServer]:
    """Run a server until the block ends."""
    server = PostgresServer(data_dir, settings={"fsync": "off", **settings})
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
