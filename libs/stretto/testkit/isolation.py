"""A clean NATS account and a clean database for each test, on servers shared by all of them.

Subjects, streams and consumers of one NATS account are invisible to the others, so every test may
use the product's own names. Accounts are taken in turn and emptied when they are given back.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import nats

from .nats_server import NatsServer
from .postgres_server import PostgresServer

# As many as one test may want at the same time, with room: an account costs nothing while unused.
ACCOUNTS = 16
_API_TIMEOUT_S = 5.0


def accounts_config(count: int = ACCOUNTS) -> str:
    """Return the server configuration with accounts ``t0`` .. and a system account."""
    accounts = [
        f"T{n} {{ jetstream: enabled, users: [ {{ user: t{n}, password: t{n} }} ] }}"
        for n in range(count)
    ]
    accounts.append("SYS { users: [ { user: sys, password: sys } ] }")
    return "accounts {\n" + "\n".join(accounts) + "\n}\nsystem_account: SYS\nno_auth_user: t0"


class NatsAccounts:
    """The accounts of one server (started with ``accounts_config()``), handed out empty."""

    def __init__(self, server: NatsServer, count: int = ACCOUNTS) -> None:
        self._server = server
        # t0 is who does not say a name: never handed out, for looking around by hand.
        self._free = [f"t{n}" for n in range(1, count)]

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        """Give the URL of an account without streams; emptied again afterwards."""
        account = self._free.pop(0)
        url = self._server.url_for(account, account)
        try:
            yield url
        finally:
            await delete_streams(url)
            self._free.append(account)


async def delete_streams(url: str) -> list[str]:
    """Delete every stream of the account of this URL; return their names."""
    connection = await nats.connect(url, allow_reconnect=False)
    try:
        reply = await connection.request("$JS.API.STREAM.NAMES", timeout=_API_TIMEOUT_S)
        names: list[str] = json.loads(reply.data).get("streams") or []
        for name in names:
            await connection.request(f"$JS.API.STREAM.DELETE.{name}", timeout=_API_TIMEOUT_S)
    finally:
        await connection.close()
    return names


class Databases:
    """Databases of one Postgres server: made from templates, dropped afterwards."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._made = 0
        self._templates: dict[str, str] = {}

    @asynccontextmanager
    async def fresh(self, template: str = "template1") -> AsyncIterator[str]:
        """Give the superuser's DSN of a new database; dropped with its connections afterwards."""
        self._made += 1
        name = f"test_{self._made}"
        await self._run(f"create database {name} template {template}")
        try:
            yield self._server.dsn_for(name)
        finally:
            await self._run(f"drop database {name} with (force)")

    async def template(self, key: str, prepare: Callable[[str], Awaitable[None]]) -> str:
        """Return the name of a template that ``prepare(dsn)`` filled; made once for each key.

        ``prepare`` gets the superuser's DSN and must close its connections.
        """
        if key not in self._templates:
            name = f"template_{len(self._templates) + 1}"
            await self._run(f"create database {name}")
            await prepare(self._server.dsn_for(name))
            self._templates[key] = name
        return self._templates[key]

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self._server.socket_dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()
