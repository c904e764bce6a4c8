"""Real servers for the whole test session, and a clean account or database for each test.

``nats_server``, ``postgres_server``: one for the session, started by the first test that asks.
``nats_url``: a NATS account of this test's own, without streams.
``postgres_dsn``: a database of this test's own, empty (superuser).
``databases``: to make databases from a template that is prepared once (migrated schemas).
``redis_server``: a Redis of this test's own, to kill and to fill.
``data_dir``: a short path for servers that a test starts itself.

A test that kills or wipes a server starts its own: ``NatsServer(data_dir)``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from stretto.testkit.isolation import Databases, NatsAccounts, accounts_config
from stretto.testkit.redis_server import find_redis_server
from stretto.testkit.servers import NatsServer, PostgresServer, RedisServer, ServerFailed

S = TypeVar("S", NatsServer, PostgresServer)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So does a shell script with what it starts in the background. The commands that tests start
    # would inherit it, and Ctrl-C could not end them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Give a new directory with a short path, removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="stretto-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _for_the_session(make: Callable[[Path], S]) -> Iterator[S]:
    """Run a server in a directory of its own, from a loop of its own."""
    path = Path(tempfile.mkdtemp(prefix="stretto-session-"))
    server = make(path)
    with asyncio.Runner() as runner:
        runner.run(server.start())
        yield server
        runner.run(server.stop())
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """Give the NATS server of the session; use ``nats_url`` to have an account alone."""
    with _for_the_session(lambda path: NatsServer(path, config=accounts_config())) as server:
        yield server


@pytest.fixture(scope="session")
def nats_accounts(nats_server: NatsServer) -> NatsAccounts:
    """Give the accounts of the session's NATS server, for a test that needs several."""
    return NatsAccounts(nats_server)


@pytest.fixture
async def nats_url(nats_accounts: NatsAccounts) -> AsyncIterator[str]:
    """Give the URL of an empty NATS account."""
    async with nats_accounts.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Give the Postgres server of the session; use ``postgres_dsn`` to have a database alone.

    It does not wait for the disk: a database for each test costs a quarter of the time, and no
    test of the session cuts the power. Tests of crashes start a server of their own.
    """
    with _for_the_session(lambda path: PostgresServer(path, settings={"fsync": "off"})) as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Databases:
    """Give the databases of the session's Postgres server."""
    return Databases(postgres_server)


@pytest.fixture
async def postgres_dsn(databases: Databases) -> AsyncIterator[str]:
    """Give the superuser's DSN of an empty database."""
    async with databases.fresh() as dsn:
        yield dsn


@pytest.fixture
def redis_program() -> Path:
    """Give the Redis server of this machine; `make setup` installs one wherever it can."""
    try:
        return find_redis_server()
    except ServerFailed as error:
        pytest.skip(error.message)


@pytest.fixture
async def redis_server(redis_program: Path) -> AsyncIterator[RedisServer]:
    """Give a Redis server of this test's own: it starts within 50 ms."""
    path = Path(tempfile.mkdtemp(prefix="stretto-redis-"))
    server = RedisServer(path)
    await server.start()
    yield server
    if server.pid is not None:
        os.kill(server.pid, signal.SIGCONT)  # a test may have stopped it
    await server.stop()
    shutil.rmtree(path, ignore_errors=True)
