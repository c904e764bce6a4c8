"""A pool of connections with the types as the log wants them: ids and JSON as bytes, instants as
µs."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from stretto.postgres.errors import translate

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
"""A statement that takes longer is given up: the connection is closed and the caller tries
again."""

MAX_QUERIES = 10_000_000
"""A connection is not made anew before so many statements: preparing it takes several."""

_PG_EPOCH_US = 946_684_800_000_000
_int64 = struct.Struct("!q")


def _encode_instant(us: int) -> bytes:
    return _int64.pack(us - _PG_EPOCH_US)


def _decode_instant(data: bytes) -> int:
    return int(_int64.unpack(data)[0]) + _PG_EPOCH_US


def _encode_jsonb(data: bytes) -> bytes:
    return b"\x01" + data


def _decode_jsonb(data: bytes) -> bytes:
    return bytes(data[1:])


class Database:
    """A pool whose errors are ours. `uuid` ↔ 16 bytes, `jsonb` ↔ bytes, `timestamptz` ↔ µs."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", dsn: str, role: str) -> None:
        self.pool = pool
        self.dsn = dsn
        self.role = role

    @classmethod
    async def open(cls, dsn: str, role: str, *, size: int = 4) -> "Database":
        """Connect as the login of `dsn`, acting as `role`.

        Raises NotReachable, TransientError or PermanentError (wrong password, no such role).
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=size,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                init=_prepare,
                reset=_leave_as_it_is,
                max_queries=MAX_QUERIES,
                server_settings={"role": role, "application_name": role, "jit": "off"},
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise (translate(error) or error) from error
        return cls(pool, dsn, role)

    async def close(self) -> None:
        await self.pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Borrow a connection; the driver's errors come out as ours."""
        try:
            async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                yield connection
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise (translate(error) or error) from error

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """Run a query and give its rows."""
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(sql, *args)
            return rows

    async def execute(self, sql: str, *args: object) -> None:
        async with self.connection() as connection:
            await connection.execute(sql, *args)


async def _leave_as_it_is(_connection: Any) -> None:
    """Nothing is left on a connection that the next borrower could see: no settings, no locks, no
    listeners. The pool's own reset is a round trip after every statement."""


async def _prepare(connection: Any) -> None:
    kinds: dict[str, tuple[Any, Any]] = {
        "uuid": (bytes, bytes),
        "jsonb": (_encode_jsonb, _decode_jsonb),
        "timestamptz": (_encode_instant, _decode_instant),
    }
    for kind, (encoder, decoder) in kinds.items():
        await connection.set_type_codec(
            kind, schema="pg_catalog", encoder=encoder, decoder=decoder, format="binary"
        )
