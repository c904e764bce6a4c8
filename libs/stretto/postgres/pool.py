"""A pool of connections with the types as the log wants them: ids and JSON as bytes, instants as
µs."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from stretto.postgres.errors import DRIVER_ERRORS, is_unsure, translate

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0
"""A statement that takes longer is given up: the connection is closed and the caller tries
again."""

CLOSE_TIMEOUT_S = 3.0
"""An idle connection closes at once; one whose server hangs must not hold the end of a service."""

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
        self._writer: Any = None
        self._writing = asyncio.Lock()

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
                init=_prepare,
                reset=_leave_as_it_is,
                max_queries=MAX_QUERIES,
                **_settings(role),
            )
        except DRIVER_ERRORS as error:
            raise (translate(error) or error) from error
        return cls(pool, dsn, role)

    async def close(self) -> None:
        """Close every connection; those whose server does not answer are dropped."""
        if self._writer is not None:
            self._writer.terminate()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    async def commit(self, sql: str, *args: object) -> None:
        """Run one statement on a connection that is kept for this, one after the other.

        For the one statement that is run all the time: to borrow and give back a connection costs
        more than to send it. Raises as `connection`; then the next one is made anew, unless the
        server has answered.
        """
        async with self._writing:
            try:
                if self._writer is None or self._writer.is_closed():
                    self._writer = await self._new_writer()
                await self._writer.execute(sql, *args)
            except DRIVER_ERRORS as error:
                ours = translate(error)
                assert ours is not None
                if is_unsure(ours):
                    self._drop_writer()
                raise ours from error
            except BaseException:
                self._drop_writer()
                raise

    async def _new_writer(self) -> Any:
        writer = await asyncpg.connect(self.dsn, **_settings(self.role))
        try:
            await _prepare(writer)
        except BaseException:
            writer.terminate()
            raise
        return writer

    def _drop_writer(self) -> None:
        """What an answer that did not come belongs to must not be used again."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Borrow a connection; the driver's errors come out as ours."""
        try:
            async with self.pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                yield connection
        except DRIVER_ERRORS as error:
            raise (translate(error) or error) from error

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """Run a query and give its rows."""
        async with self.connection() as connection:
            rows: list[Any] = await connection.fetch(sql, *args)
            return rows

    async def execute(self, sql: str, *args: object) -> None:
        async with self.connection() as connection:
            await connection.execute(sql, *args)


def _settings(role: str) -> dict[str, Any]:
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "command_timeout": COMMAND_TIMEOUT_S,
        "server_settings": {"role": role, "application_name": role, "jit": "off"},
    }


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
