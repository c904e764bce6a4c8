"""A small schema of its own for the tests of the adapter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stretto.postgres import Database, migrate

ROLE = "stretto_tested"
FIRST = """
create schema if not exists tested;
create table tested.thing (id uuid primary key, at timestamptz, data jsonb, name text);
do $$ begin
    if not exists (select from pg_roles where rolname = 'stretto_tested') then
        create role stretto_tested nologin;
    end if;
end $$;
grant usage on schema tested to stretto_tested;
grant select, insert on tested.thing to stretto_tested;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with one migration."""
    (tmp_path / "0001_things.sql").write_text(FIRST)
    return tmp_path


@pytest.fixture
async def database(postgres_dsn: str, folder: Path) -> AsyncIterator[Database]:
    await migrate(postgres_dsn, "tested", folder, ROLE)
    database = await Database.open(postgres_dsn, ROLE)
    yield database
    await database.close()
