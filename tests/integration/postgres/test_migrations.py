"""Migrations: in order, once, by whoever comes first, and not by who may not."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from stretto.postgres import migrate
from stretto.runtime.errors import NotReachable, PermanentError
from stretto.testkit.ports import free_port
from tests.integration.postgres.conftest import ROLE


async def test_migrations_are_applied_once_in_order(postgres_dsn: str, folder: Path) -> None:
    assert await migrate(postgres_dsn, "tested", folder, ROLE) == 1
    (folder / "0002_more.sql").write_text("alter table tested.thing add column more text;")
    assert await migrate(postgres_dsn, "tested", folder, ROLE) == 2
    assert await migrate(postgres_dsn, "tested", folder, ROLE) == 2

    connection = await asyncpg.connect(postgres_dsn)
    rows = await connection.fetch("select number from tested.migration order by 1")
    await connection.close()
    assert [r[0] for r in rows] == [1, 2]


async def test_several_services_at_once_migrate_once(postgres_dsn: str, folder: Path) -> None:
    found = await asyncio.gather(*(migrate(postgres_dsn, "tested", folder, ROLE) for _ in range(4)))

    assert found == [1] * 4


async def test_a_migration_that_fails_leaves_nothing_behind(
    postgres_dsn: str, folder: Path
) -> None:
    (folder / "0002_wrong.sql").write_text("create table tested.half (n int); select nonsense;")

    with pytest.raises(PermanentError):
        await migrate(postgres_dsn, "tested", folder, ROLE)

    connection = await asyncpg.connect(postgres_dsn)
    half = await connection.fetchval("select to_regclass('tested.half')")
    done = await connection.fetchval("select max(number) from tested.migration")
    await connection.close()
    assert (half, done) == (None, 1)


async def test_a_database_that_is_newer_than_the_build_is_refused(
    postgres_dsn: str, folder: Path
) -> None:
    await migrate(postgres_dsn, "tested", folder, ROLE)
    (folder / "0001_things.sql").unlink()

    with pytest.raises(PermanentError) as caught:
        await migrate(postgres_dsn, "tested", folder, ROLE)

    assert caught.value.code == "postgres.schema_newer"


async def test_a_gap_in_the_numbers_is_a_mistake(postgres_dsn: str, folder: Path) -> None:
    (folder / "0003_later.sql").write_text("select 1;")

    with pytest.raises(PermanentError) as caught:
        await migrate(postgres_dsn, "tested", folder, ROLE)

    assert caught.value.code == "postgres.migrations"


async def test_a_login_that_may_not_migrate_only_checks(postgres_dsn: str, folder: Path) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    await connection.execute("create role lesser login password 'lesser'")
    lesser = f"postgresql://lesser:lesser@{postgres_dsn.partition('@')[2]}"
    try:
        with pytest.raises(PermanentError) as caught:
            await migrate(lesser, "tested", folder, ROLE)
        await migrate(postgres_dsn, "tested", folder, ROLE)
        await connection.execute(f"grant {ROLE} to lesser")
        assert await migrate(lesser, "tested", folder, ROLE) == 1
    finally:
        await connection.execute("drop owned by lesser; drop role lesser")
        await connection.close()

    assert caught.value.code == "postgres.schema_older"
    assert "python -m services.tested migrate" in caught.value.message


async def test_a_server_that_is_not_there_is_waited_for_by_others(folder: Path) -> None:
    with pytest.raises(NotReachable):
        await migrate(f"postgresql://a:b@127.0.0.1:{free_port()}/x", "tested", folder, ROLE)
