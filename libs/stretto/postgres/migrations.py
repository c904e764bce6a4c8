"""Numbered SQL files, applied in order, once, by whoever comes first."""

import re
import zlib
from pathlib import Path

import asyncpg

from stretto.postgres.errors import DRIVER_ERRORS, translate
from stretto.runtime.errors import PermanentError

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_LOCK_CLASS = 0x57A7
"""First key of the advisory lock that keeps two services from migrating at once."""


def migration_files(folder: Path) -> list[tuple[int, Path]]:
    """The migrations of a folder in order; raises PermanentError when the numbers have gaps."""
    found = sorted((int(m[1]), p) for p in folder.iterdir() if (m := _FILE.fullmatch(p.name)))
    if [n for n, _ in found] != list(range(1, len(found) + 1)):
        raise PermanentError(
            "postgres.migrations",
            f"expected migrations 1, 2, 3 … in {folder}, but found {[n for n, _ in found]}",
        )
    return found


async def migrate(dsn: str, schema: str, folder: Path, role: str) -> int:
    """Bring `schema` up to date and make `role` usable by the login of `dsn`; give the version.

    Needs a login that may create roles and schemas; with a lesser one it checks that the schema is
    up
    to date and raises PermanentError, naming the command to run, when it is not.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
        try:
            return await _migrate(connection, schema, migration_files(folder), role)
        finally:
            await connection.close()
    except DRIVER_ERRORS as error:
        raise (translate(error) or error) from error


async def _migrate(
    connection: "asyncpg.Connection[asyncpg.Record]",
    schema: str,
    files: list[tuple[int, Path]],
    role: str,
) -> int:
    key = zlib.crc32(schema.encode()) & 0x7FFFFFFF
    await connection.execute("select pg_advisory_lock($1, $2)", _LOCK_CLASS, key)
    applied = await _applied(connection, schema)
    if applied == len(files):
        return applied
    if applied > len(files):
        raise PermanentError(
            "postgres.schema_newer",
            f"expected schema {schema} at version {len(files)} or older, but it is at {applied}: "
            "this build is older than the database",
        )
    if not await connection.fetchval(
        "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
    ):
        raise PermanentError(
            "postgres.schema_older",
            f"expected schema {schema} at version {len(files)}, but it is at {applied} and this "
            f"login may not migrate it: run `python -m services.{schema} migrate` with an owner's "
            "DSN",
        )
    for number, path in files[applied:]:
        async with connection.transaction():
            await connection.execute(path.read_text(encoding="utf-8"))
            await connection.execute(
                f'create table if not exists "{schema}".migration '
                "(number int primary key, at timestamptz not null default now())"
            )
            await connection.execute(f'grant select on "{schema}".migration to "{role}"')
            await connection.execute(f'insert into "{schema}".migration values ($1)', number)
    await connection.execute(f'grant "{role}" to current_user')
    return len(files)


async def _applied(connection: "asyncpg.Connection[asyncpg.Record]", schema: str) -> int:
    table = await connection.fetchval("select to_regclass($1)", f"{schema}.migration")
    if table is None:
        return 0
    return int(
        await connection.fetchval(f'select coalesce(max(number), 0) from "{schema}".migration')
    )
