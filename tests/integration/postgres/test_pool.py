"""The pool: types as the log wants them, errors as ours, connections that come back."""

import asyncio

import asyncpg
import pytest

from stretto.postgres import Database
from stretto.postgres.errors import BadValue, Conflict, is_unsure, lacks_room
from stretto.runtime.errors import NotReachable, PermanentError, StrettoError, TransientError
from stretto.testkit.ports import free_port
from tests.integration.postgres.conftest import ROLE

ID = bytes(range(16))
AT_US = 1_700_000_000_123_456
INSERT = "insert into tested.thing values ($1, $2, $3, $4)"


async def test_ids_json_and_instants_are_bytes_and_microseconds(database: Database) -> None:
    await database.execute(INSERT, ID, AT_US, b'{"a": 1}', "x")
    await database.commit(INSERT, bytes(16), 0, b"[]", "y")

    rows = await database.fetch("select id, at, data, name from tested.thing order by name")

    assert [tuple(r) for r in rows] == [
        (ID, AT_US, b'{"a": 1}', "x"),
        (bytes(16), 0, b"[]", "y"),
    ]


async def test_a_second_writer_conflicts(database: Database) -> None:
    await database.commit(INSERT, ID, 0, b"1", "x")

    with pytest.raises(Conflict) as caught:
        await database.commit(INSERT, ID, 0, b"2", "x")

    assert caught.value.detail["constraint"] == "thing_pkey"
    assert not is_unsure(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": "\\u0000"}',
        b'{"a": "\xff"}',
        b'{"a": 1e400000}',
        b"{",
        b"[" * 20_000 + b"]" * 20_000,
    ],
)
async def test_a_value_that_cannot_be_stored_is_a_bad_value(
    database: Database, data: bytes
) -> None:
    for write in (database.execute, database.commit):
        with pytest.raises(BadValue):
            await write(INSERT, ID, 0, data, "x")

    await database.commit(INSERT, ID, 0, b"1", "x")


async def test_an_argument_that_does_not_fit_its_type_is_a_bad_value(database: Database) -> None:
    with pytest.raises(BadValue):
        await database.fetch("select $1::int", 2**40)


async def test_what_the_role_may_not_do_is_refused_for_good(database: Database) -> None:
    with pytest.raises(PermanentError) as caught:
        await database.execute("delete from tested.thing")

    assert caught.value.detail == {"sqlstate": "42501"}


async def test_a_connection_that_was_cut_comes_back(database: Database, postgres_dsn: str) -> None:
    keeper = await asyncpg.connect(postgres_dsn)
    await database.commit(INSERT, ID, 0, b"1", "x")

    for write in (database.commit, database.execute):
        await keeper.execute("select pg_terminate_backend(pid) from pg_stat_activity "
                             "where application_name = $1", ROLE)  # fmt: skip
        failures: list[StrettoError] = []
        for number in range(20):
            try:
                await write(INSERT, bytes([number]) * 16, 0, b"1", "x")
            except TransientError as error:
                failures.append(error)
                continue
            break
        assert len(failures) < 6
        assert all(is_unsure(f) for f in failures)
        await keeper.execute("delete from tested.thing")
    await keeper.close()


async def test_a_statement_that_was_cancelled_does_not_spoil_the_connection(
    database: Database, postgres_dsn: str
) -> None:
    keeper = await asyncpg.connect(postgres_dsn)
    await keeper.execute("begin; lock table tested.thing in share mode")
    waiting = asyncio.ensure_future(database.commit(INSERT, ID, 0, b"1", "x"))
    await asyncio.wait([waiting], timeout=0.1)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await keeper.execute("rollback")
    await keeper.close()

    await database.commit(INSERT, ID, 0, b"1", "x")


async def test_who_cannot_be_reached_or_may_not_is_told_apart(postgres_dsn: str) -> None:
    with pytest.raises(NotReachable):
        await Database.open(f"postgresql://a:b@127.0.0.1:{free_port()}/x", ROLE)
    with pytest.raises(PermanentError):
        await Database.open(postgres_dsn.replace("postgres:", "nobody:", 1), ROLE)
    with pytest.raises(PermanentError):
        await Database.open(postgres_dsn, "no_such_role")


async def test_a_login_without_connections_left_is_told_so(
    database: Database, postgres_dsn: str
) -> None:
    keeper = await asyncpg.connect(postgres_dsn)
    await keeper.execute("create role crowded login password 'x' connection limit 0")
    try:
        with pytest.raises(TransientError) as caught:
            await Database.open(f"postgresql://crowded:x@{postgres_dsn.partition('@')[2]}", ROLE)
    finally:
        await keeper.execute("drop role crowded")
        await keeper.close()

    assert lacks_room(caught.value)
    assert not is_unsure(caught.value)
