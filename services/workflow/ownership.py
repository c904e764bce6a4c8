"""Which partitions this instance owns: advisory locks of Postgres, shared out evenly.

A lock lives as long as its session: when an owner is killed, its partitions are free at once, and
nothing depends on the message store. Each instance also holds a shared *member* lock, so that
everybody
can count the instances. It is an arrangement for speed; `primary key (run_id, seq)` decides.

The session must be one (no pooler in transaction mode between).
"""

import logging
import math
from collections.abc import Awaitable, Callable

import asyncpg

from stretto.postgres import translate
from stretto.runtime.errors import StrettoError

logger = logging.getLogger(__name__)

PARTITION_CLASS = 0x5712
MEMBER_CLASS = 0x5713
"""First keys of the advisory locks; the second is the partition, or 0."""

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 5.0


class Ownership:
    """The partitions that this instance holds. `refresh` is called about once a second."""

    def __init__(
        self,
        dsn: str,
        partitions: int,
        gained: Callable[[set[int]], Awaitable[None]],
        lost: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self._dsn = dsn
        self._count = partitions
        self._gained = gained
        self._lost = lost
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self.owned: set[int] = set()
        self.members = 1

    async def refresh(self) -> None:
        """Take free partitions up to the fair share, give up what is above it.

        Raises the translated error when Postgres does not answer: the session and with it every
        lock
        is gone then, which `lost` is told.
        """
        try:
            session = await self._alive()
            members = await session.fetchval(
                "select count(*) from pg_locks where locktype = 'advisory' and classid = $1 "
                "and granted and database = (select oid from pg_database "
                "where datname = current_database())",
                MEMBER_CLASS,
            )
            self.members = max(int(members), 1)
            share = math.ceil(self._count / self.members)
            await self._give_up(session, share)
            await self._take(session, share)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            await self.drop()
            raise (translate(error) or error) from error

    async def drop(self) -> None:
        """Let go of everything at once (shutdown, or a lost session)."""
        session, self._session = self._session, None
        owned, self.owned = self.owned, set()
        if session is not None and not session.is_closed():
            session.terminate()
        if owned:
            await self._lost(owned)

    async def _alive(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._session is None or self._session.is_closed():
            await self.drop()
            self._session = await asyncpg.connect(
                self._dsn, timeout=CONNECT_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S
            )
            await self._session.execute(f"select pg_advisory_lock_shared({MEMBER_CLASS}, 0)")
        return self._session

    async def _give_up(self, session: "asyncpg.Connection[asyncpg.Record]", share: int) -> None:
        surplus = set(sorted(self.owned)[share:])
        if not surplus:
            return
        self.owned -= surplus
        await self._lost(surplus)
        for partition in surplus:
            await session.execute(f"select pg_advisory_unlock({PARTITION_CLASS}, {partition})")
        logger.info("partitions given up", extra={"partitions": sorted(surplus)})

    async def _take(self, session: "asyncpg.Connection[asyncpg.Record]", share: int) -> None:
        gained: set[int] = set()
        for partition in range(self._count):
            if len(self.owned) + len(gained) >= share:
                break
            if partition not in self.owned and await session.fetchval(
                f"select pg_try_advisory_lock({PARTITION_CLASS}, {partition})"
            ):
                gained.add(partition)
        if gained:
            self.owned |= gained
            logger.info("partitions taken", extra={"partitions": sorted(gained)})
            await self._gained(gained)


__all__ = ["Ownership", "StrettoError"]
