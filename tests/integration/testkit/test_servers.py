"""Servers start, answer, keep their data, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import asyncpg
import nats
import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from stretto.testkit.isolation import Databases, NatsAccounts
from stretto.testkit.redis_server import find_redis_server
from stretto.testkit.servers import NatsServer, PostgresServer, RedisServer, ServerFailed


async def test_nats_keeps_its_streams_when_killed_and_started_again(data_dir: Path) -> None:
    server = NatsServer(data_dir)
    await server.start()
    try:
        url = server.url
        connection = await nats.connect(url)
        js = connection.jetstream()
        await js.add_stream(name="kept", subjects=["kept"])
        await js.publish("kept", b"1")
        await connection.close()

        await server.kill()
        assert server.pid is None
        await server.start()

        assert server.url == url
        connection = await nats.connect(url)
        info = await connection.jetstream().stream_info("kept")
        assert info.state.messages == 1
        await connection.close()

        await server.wipe_store()
        connection = await nats.connect(url)
        reply = await connection.request("$JS.API.STREAM.NAMES")
        assert not json.loads(reply.data)["streams"]
        await connection.close()
    finally:
        await server.stop()
    assert server.pid is None


async def test_postgres_keeps_its_rows_when_killed_and_started_again(postgres_dir: Path) -> None:
    server = PostgresServer(postgres_dir)
    await server.start()
    try:
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("show fsync") == "on"
        await connection.execute("create table kept as select 1 as n")
        await connection.close()
        family = psutil.Process(server.pid).children()
        assert family

        await server.kill()
        assert not any(_lives(member.pid) for member in family)
        await server.start()

        connection = await asyncpg.connect(server.socket_dsn())
        assert await connection.fetchval("select n from kept") == 1
        await connection.close()
        await server.restart()
        connection = await asyncpg.connect(server.dsn)
        assert await connection.fetchval("select n from kept") == 1
        await connection.close()
    finally:
        await server.stop()
    assert server.pid is None


async def test_a_wrong_configuration_is_reported_with_the_end_of_the_log(
    data_dir: Path, postgres_dir: Path
) -> None:
    with pytest.raises(ServerFailed, match="Parse error"):
        await NatsServer(data_dir / "n", config="broken {").start()
    with pytest.raises(ServerFailed, match="no_such_setting"):
        await PostgresServer(postgres_dir, settings={"no_such_setting": "1"}).start()


async def test_a_directory_in_use_is_refused(data_dir: Path) -> None:
    server = NatsServer(data_dir)
    await server.start()
    try:
        with pytest.raises(ServerFailed, match=f"process {os.getpid()} is using") as caught:
            await NatsServer(data_dir).start()
        assert caught.value.code == "testkit.data_dir_in_use"
    finally:
        await server.stop()


PARENT = textwrap.dedent(
    """
    import asyncio, os, signal, sys
    from pathlib import Path
    from stretto.testkit.servers import NatsServer, PostgresServer

    async def main():
        nats, postgres = NatsServer(sys.argv[1]), PostgresServer(sys.argv[2])
        await nats.start()
        await postgres.start()
        print(nats.pid, postgres.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
    """
)


def test_servers_end_with_a_parent_that_is_killed(data_dir: Path, postgres_dir: Path) -> None:
    parent = psutil.Popen(
        [sys.executable, "-c", PARENT, str(data_dir / "n"), str(postgres_dir)],
        stdout=-1,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "libs")},
    )
    output, _ = parent.communicate(timeout=60)
    assert parent.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 20
    for pid in map(int, output.split()):
        while _lives(pid):
            assert time.monotonic() < deadline, f"{pid} is left behind"
            time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_each_test_has_its_own_account(nats_accounts: NatsAccounts) -> None:
    async with nats_accounts.fresh() as one, nats_accounts.fresh() as two:
        first, second = await nats.connect(one), await nats.connect(two)
        await first.jetstream().add_stream(name="same", subjects=["same"])
        await second.jetstream().add_stream(name="same", subjects=["same"])
        await first.jetstream().publish("same", b"1")
        assert (await second.jetstream().stream_info("same")).state.messages == 0
        await first.close()
        await second.close()


async def test_each_test_has_its_own_database(postgres_dsn: str, databases: Databases) -> None:
    connection = await asyncpg.connect(postgres_dsn)
    assert (await connection.fetchval("select current_database()")).startswith("test_")
    await connection.close()

    calls = []

    async def prepare(dsn: str) -> None:
        calls.append(dsn)
        connection = await asyncpg.connect(dsn)
        await connection.execute("create table prepared (n int)")
        await connection.close()

    for _ in range(2):
        template = await databases.template("a schema", prepare)
        async with databases.fresh(template) as dsn:
            connection = await asyncpg.connect(dsn)
            assert await connection.fetchval("select count(*) from prepared") == 0
            await connection.close()
    assert len(calls) == 1


@pytest.mark.usefixtures("redis_program")
async def test_redis_is_the_same_after_it_was_killed_and_asks_for_its_password(
    data_dir: Path,
) -> None:
    server = RedisServer(data_dir, password='a "pass" word')
    await server.start()
    await server.start()  # twice is fine
    try:
        url = server.url
        await server.kill()
        assert server.pid is None
        await server.start()
        assert server.url == url
        async with Redis.from_url(url) as client:
            await client.ping()
        async with Redis(port=server.port) as client:
            with pytest.raises(AuthenticationError):
                await client.ping()
        with pytest.raises(ServerFailed, match="nonsense"):
            await RedisServer(data_dir / "other", config="nonsense 1").start()
    finally:
        await server.stop()


def test_the_redis_of_the_path_will_do_where_none_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    found = find_redis_server(lambda name: f"/bin/{name}" if "valkey" in name else None)
    assert found == Path("/bin/valkey-server")
    with pytest.raises(ServerFailed) as caught:
        find_redis_server(lambda _: None)
    assert caught.value.code == "testkit.not_installed"
    (tmp_path / "redis-server").touch()
    assert find_redis_server() == tmp_path / "redis-server"


async def test_the_server_collects_garbage_sooner_than_usual_unless_told_otherwise(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    for wished in (None, "200"):
        monkeypatch.delenv("GOGC", raising=False)
        if wished is not None:
            monkeypatch.setenv("GOGC", wished)
        server = NatsServer(data_dir)
        await server.start()
        seen.append(psutil.Process(server.pid).environ()["GOGC"])
        await server.stop()

    assert seen == ["50", "200"]
