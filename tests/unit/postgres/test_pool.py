"""Connections to Postgres that fail at their beginning or their end."""

import asyncio
from typing import Any, cast

import asyncpg
import pytest

from stretto.postgres import pool as module
from stretto.postgres.pool import Database
from stretto.runtime.errors import StrettoError


class Connection:
    """A connection that cannot be made ready."""

    def __init__(self) -> None:
        self.terminated = 0

    async def set_type_codec(self, *_: object, **__: object) -> None:
        raise asyncpg.InterfaceError("expected a server that knows JSON")

    async def execute(self, *_: object) -> None:
        raise asyncpg.InterfaceError("expected a server that answers")

    def terminate(self) -> None:
        self.terminated += 1


class Pool(Connection):
    """A pool whose server does not answer."""

    async def close(self) -> None:
        await asyncio.Event().wait()


async def test_a_pool_that_does_not_close_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT_S", 0.01)
    pool = Pool()

    await Database(cast(Any, pool), "", None).close()

    assert pool.terminated == 1


@pytest.mark.parametrize("there", [True, False])
async def test_a_connection_that_cannot_be_made_ready_is_dropped(
    monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    made = Connection()

    async def connect(_dsn: str, **_: object) -> Connection:
        if not there:
            raise ConnectionRefusedError("expected a server")
        return made

    async def unready(_connection: object) -> None:
        raise ConnectionResetError("expected a server that stays")

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(module, "_prepare", unready)
    database = Database(cast(Any, Pool()), "", None)

    with pytest.raises(StrettoError):
        await database.commit("select 1")

    assert made.terminated == int(there)
