"""Which partitions this instance owns: advisory locks of Postgres, shared out evenly.

A lock lives as long as its session: when an owner is killed, its partitions are free at once, and
nothing depends on the message store. An owner whose machine is cut off, or that hangs, loses its
session after some seconds. Each instance also holds a shared *member* lock, so that everybody can
count the instances and what each of them has. It is an arrangement for speed; `primary key
(run_id, seq)` decides.

The session must be one (no pooler in transaction mode between).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

import asyncpg

from stretto.postgres import translate
from stretto.postgres.errors import DRIVER_ERRORS
from stretto.runtime.errors import StrettoError
from stretto.telemetry.names import LOG_PARTITIONS

logger = logging.getLogger(__name__)

PARTITION_CLASS = 0x5712
MEMBER_CLASS = 0x5713
"""First keys of the advisory locks; the second is the partition, or 0."""

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 5.0

ALIVE_S = 5.0
"""A session that waits for a take-over says something this often."""

_SESSION = {
    "application_name": "stretto_workflow_partitions",
    # A machine that is cut off: its session ends after idle + interval · count seconds.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # A process that hangs.
    "idle_session_timeout": "30s",
}

_HELD = """
select m.pid = pg_backend_pid(), m.pid, count(p.objid)::int
from pg_locks m left join pg_locks p
    on p.locktype = 'advisory' and p.classid = $2 and p.granted and p.pid = m.pid
    and p.database = m.database
where m.locktype = 'advisory' and m.classid = $1 and m.granted
    and m.database = (select oid from pg_database where datname = current_database())
group by m.pid order by m.pid
"""

Take = Callable[[set[int]], Awaitable[object]]


class Ownership:
    """The partitions that this instance holds. `refresh` is called about once a second."""

    def __init__(self, dsn: str, partitions: int, gained: Take, lost: Take) -> None:
        self._dsn = dsn
        self._count = partitions
        self._gained = gained
        self._lost = lost
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self.owned: set[int] = set()
        self.members = 1

    async def refresh(self) -> None:
        """Take free partitions up to the fair share, give up what others should have.

        Raises the translated error when Postgres does not answer, and what `gained` raises: the
        session and with it every lock is gone then, which `lost` is told.
        """
        try:
            session = await self._alive()
            held = await session.fetch(_HELD, MEMBER_CLASS, PARTITION_CLASS)
            self.members = len(held)
            [mine] = [i for i, row in enumerate(held) if row[0]]
            surplus = to_give_up(self._count, [row[2] for row in held], mine)
            await self._give_up(session, surplus)
            if not surplus:
                await self._take(session, -(-self._count // self.members))
        except StrettoError:
            await self.drop()
            raise
        except DRIVER_ERRORS as error:
            await self.drop()
            raise (translate(error) or error) from error

    async def drop(self) -> None:
        """Let go of everything at once (shutdown, or a lost session)."""
        session, self._session = self._session, None
        owned, self.owned = self.owned, set()
        try:
            if owned:
                await self._lost(owned)
        finally:
            if session is not None and not session.is_closed():
                session.terminate()

    async def _alive(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._session is None or self._session.is_closed():
            await self.drop()
            self._session = await asyncpg.connect(
                self._dsn,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S,
                server_settings=_SESSION,
            )
            await self._session.execute(f"select pg_advisory_lock_shared({MEMBER_CLASS}, 0)")
        return self._session

    async def _give_up(self, session: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
        surplus = set(sorted(self.owned)[len(self.owned) - count :])
        if not surplus:
            return
        self.owned -= surplus
        await self._lost(surplus)
        for partition in surplus:
            await session.execute(f"select pg_advisory_unlock({PARTITION_CLASS}, {partition})")
        logger.info("partitions given up", extra={LOG_PARTITIONS: sorted(surplus)})

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
            logger.info("partitions taken", extra={LOG_PARTITIONS: sorted(gained)})
            await self._while_alive(session, self._gained(gained))

    async def _while_alive(
        self, session: "asyncpg.Connection[asyncpg.Record]", work: Awaitable[object]
    ) -> None:
        """Wait for a take-over; the session must not look idle meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=ALIVE_S))[0]:
                await session.execute("select")
            task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


def to_give_up(partitions: int, held: Sequence[int], mine: int) -> int:
    """How many partitions member number `mine` of those that hold `held` has to give up, so that no
    two differ by more than one in the end.

    Everybody computes the same from the same. Nothing is given up while nobody lacks anything.
    """
    floor, more = divmod(partitions, len(held))
    above = sorted((i for i, n in enumerate(held) if n > floor), key=lambda i: held[i])
    surplus = {i: held[i] - floor for i in above}
    for index in above[:more]:  # so many may keep one more than the others
        surplus[index] -= 1
    lacking = sum(max(floor - n, 0) for n in held)
    return min(surplus.get(mine, 0), lacking)
