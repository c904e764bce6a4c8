"""The two servers of a stack: embedded, or somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import asyncpg

from stretto.bus.connection import connect
from stretto.bus.credentials import credentials_of_environment
from stretto.dev.plan import USUAL_NATS_PORT, USUAL_POSTGRES_PORT, port_near
from stretto.runtime.errors import NotReachable
from stretto.testkit.ports import is_free
from stretto.testkit.servers import NatsServer, PostgresServer, ServerFailed

S = TypeVar("S", NatsServer, PostgresServer)

DATABASE = "stretto"
"""Made in the embedded Postgres. In somebody else's, the DSN names the database."""

_LOOK_EVERY_S = 0.1
_CONNECT_TIMEOUT_S = 5.0


class Server(Protocol):
    """NATS or Postgres, as a stack sees it."""

    name: str
    embedded: bool

    @property
    def pid(self) -> int | None: ...
    async def start(self, timeout_s: float) -> None: ...
    async def ended(self) -> int: ...
    async def stop(self) -> None: ...


class _Either(Generic[S]):
    """A server in a folder of ours, or the one that was given by its address."""

    def __init__(self, data: Path, given: str | None, port_before: int | None = None) -> None:
        self.embedded = given is None
        self._port_before = port_before
        self._given = given
        self._data = data
        self._server: S | None = None

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server else None

    async def ended(self) -> int:
        """Wait until the embedded server has ended; return its exit code."""
        if self._server is None:
            raise AssertionError("only a server that was started here ends here")
        return await _ended(self._server)

    async def _begin(self, make: Callable[[int | None], S], usual: int) -> S:
        """Start the embedded server, for the first time or again."""
        if self._server is None:
            self._server = await _started(make, usual, self._port_before)
        else:
            await self._server.start()
        return self._server

    async def stop(self) -> None:
        """Stop the embedded server; leave a given one alone."""
        if self._server is not None:
            await self._server.stop()


class Nats(_Either[NatsServer]):
    """The bus: embedded with its store in `data`, or at the URL that is given."""

    name = "nats"

    @property
    def url(self) -> str:
        """Where the bus is; known after the start."""
        if self._server is not None:
            return self._server.url
        if self._given is None:
            raise AssertionError("the URL is known after the start")
        return self._given

    @property
    def shown(self) -> str:
        """The URL without user and password, for people."""
        return _without_password(self.url)

    async def start(self, timeout_s: float) -> None:
        """Start the server, where it was before or on the usual port; or see that the given one
        answers.

        Raises:
            ServerFailed: the embedded one did not come up.
            NotReachable: the given one does not answer.
        """
        if self._given is not None:
            connection = await connect(
                self._given,
                "stretto-dev",
                credentials=credentials_of_environment(self._given),
                timeout_s=_CONNECT_TIMEOUT_S,
            )
            await connection.close()
        else:
            await self._begin(partial(NatsServer, self._data), USUAL_NATS_PORT)

    async def kill(self) -> None:
        """End the embedded server at once; what it has acknowledged is on disk."""
        if self._server is not None:
            await self._server.kill()


class Postgres(_Either[PostgresServer]):
    """The log's home: embedded with its cluster in `data`, or at the DSN that is given."""

    name = "postgres"

    @property
    def dsn(self) -> str:
        """The connection string of the database; known after the start. Holds the password."""
        if self._server is not None:
            return self._server.dsn_for(DATABASE)
        if self._given is None:
            raise AssertionError("the DSN is known after the start")
        return self._given

    @property
    def shown(self) -> str:
        """The connection string without user and password, for people."""
        parts = urlsplit(self.dsn)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def start(self, timeout_s: float) -> None:
        """Start the server, where it was before or on our usual port; or see that the given one
        answers.

        Raises:
            ServerFailed: the embedded one did not come up.
            NotReachable: the given one does not answer.
        """
        if self._given is not None:
            await _probe_postgres(self._given, self.shown)
            return
        make = partial(PostgresServer, self._data)
        server = await self._begin(make, USUAL_POSTGRES_PORT)
        await _ensure_database(server.dsn, DATABASE)


async def _started(make: Callable[[int | None], S], usual: int, before: int | None = None) -> S:
    """Start a new server on the port that it had before or its usual one if that is free, else on
    another; and also when somebody takes it between the look and the start."""
    port = port_near(usual, before)
    server = make(port)
    try:
        await server.start()
    except ServerFailed:
        if is_free(port):
            raise
        server = make(None)
        await server.start()
    return server


async def _ended(server: NatsServer | PostgresServer) -> int:
    # The server's own `wait` looks a hundred times a second: too often for one that runs for days.
    while server.pid is not None:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_EVERY_S)
    return await server.wait()


async def _ensure_database(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("select true from pg_database where datname = $1", name):
            await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()


async def _probe_postgres(dsn: str, shown: str) -> None:
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_TIMEOUT_S)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReachable(
            "dev.postgres_not_reachable",
            f"expected a Postgres server at {shown}, but it does not answer: "
            f"{error or type(error).__name__}",
        ) from error


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
