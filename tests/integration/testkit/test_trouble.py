"""What can go wrong with servers is said clearly, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from stretto.runtime.errors import TransientError
from stretto.testkit import account, nats_server, ports, postgres_server, process, single_process
from stretto.testkit.nats_server import find_nats_server
from stretto.testkit.postgres_server import find_postgres
from stretto.testkit.process import ChildProcess, launched, until
from stretto.testkit.servers import NatsServer, PostgresServer, ServerFailed

LIBS = Path(__file__).parents[3] / "libs"


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody else listens on."""
    port = ports.free_port()
    with socket.create_server((ports.LOOPBACK, port)):
        yield port


def test_a_port_in_use_is_not_free(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not ports.is_free(taken)
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(TransientError):
        ports.free_port()


async def test_a_given_port_in_use_is_an_error_with_the_servers_own_words(
    data_dir: Path, postgres_dir: Path, taken: int
) -> None:
    with pytest.raises(ServerFailed, match="address already in use"):
        await NatsServer(data_dir / "n", taken).start()
    with pytest.raises(ServerFailed, match="could not bind"):
        await PostgresServer(postgres_dir, taken).start()


async def test_a_free_port_that_was_lost_to_another_is_replaced(
    data_dir: Path, postgres_dir: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = [taken, ports.free_port(), ports.free_port(), ports.free_port()]
    for module in (single_process, nats_server):
        monkeypatch.setattr(module, "free_port", lambda: choices.pop(0))
    server = NatsServer(data_dir / "n", monitoring_port=0)
    await server.start()
    assert server.port != taken
    assert server.monitoring_url is not None
    async with httpx.AsyncClient() as client:
        answer = await client.get(server.monitoring_url + "/healthz")
    assert answer.json() == {"status": "ok"}
    await server.stop()

    choices = [taken, ports.free_port()]
    monkeypatch.setattr(postgres_server, "free_port", lambda: choices.pop(0))
    postgres = PostgresServer(postgres_dir)
    await postgres.start()
    assert postgres.port != taken
    await postgres.stop()


def test_before_the_first_start_nothing_is_known(data_dir: Path) -> None:
    for server in (NatsServer(data_dir), PostgresServer(data_dir)):
        assert server.pid is None
        with pytest.raises(AssertionError):
            _ = server.port
    nats = NatsServer(data_dir, 4222, user="a b", password="c/d")
    assert nats.url == "nats://a%20b:c%2Fd@127.0.0.1:4222"
    assert nats.url_for(None) == "nats://127.0.0.1:4222"
    assert nats.monitoring_url is None
    assert nats.log_path == data_dir / "nats-server.log"
    assert PostgresServer(data_dir).log_path == data_dir / "postgres.log"


async def test_starting_and_stopping_twice_is_fine(data_dir: Path, postgres_dir: Path) -> None:
    for server in (NatsServer(data_dir / "n"), PostgresServer(postgres_dir)):
        await server.stop()
        await server.start()
        pid = server.pid
        await server.start()
        assert server.pid == pid
        await server.stop()
        await server.stop()
        await server.kill()


async def test_a_server_that_ends_by_itself_is_noticed(data_dir: Path, postgres_dir: Path) -> None:
    for server in (NatsServer(data_dir / "n"), PostgresServer(postgres_dir)):
        with pytest.raises(AssertionError):
            await server.wait()
        await server.start()
        waiting = asyncio.ensure_future(server.wait())
        assert server.pid is not None
        os.kill(server.pid, signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await waiting in {0, 1}
        assert server.pid is None
        await server.start()
        await server.stop()


async def test_postgres_starts_again_at_once_when_only_the_postmaster_was_killed(
    postgres_dir: Path,
) -> None:
    server = PostgresServer(postgres_dir)
    await server.start()
    connections = [await asyncpg.connect(server.dsn) for _ in range(3)]
    busy = [
        asyncio.ensure_future(c.execute("select count(*) from generate_series(1, 100000000)"))
        for c in connections
    ]
    await asyncio.sleep(0)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await server.wait()
    await server.start()
    connection = await asyncpg.connect(server.dsn)
    assert await connection.fetchval("select 1") == 1
    await connection.close()
    results = await asyncio.gather(*busy, return_exceptions=True)
    assert all(isinstance(result, Exception) for result in results)
    await server.stop()


async def test_a_server_left_behind_is_stopped_before_the_next_start(
    data_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = NatsServer(data_dir)
    await first.start()
    await first.stop()
    orphan = subprocess.Popen(  # noqa: ASYNC220
        [find_nats_server(), "--config", data_dir / "nats.conf"]
    )
    (data_dir / "nats-server.pid").write_text(f"{orphan.pid}\n")
    second = NatsServer(data_dir)
    await second.start()
    assert orphan.wait(timeout=10) is not None
    assert "left behind" in caplog.text
    await second.stop()


async def test_one_that_ignores_the_signal_is_killed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "print('ready', flush=True); time.sleep(60)"
    )
    orphan = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", stubborn, str(data_dir)], stdout=subprocess.PIPE
    )
    assert orphan.stdout is not None
    orphan.stdout.readline()
    (data_dir / "x.pid").write_text(f"{orphan.pid}\n")
    child = ChildProcess("x", data_dir, death_signal=signal.SIGINT)
    await child.end_left_behind(0.2)
    assert orphan.wait(timeout=10) == -signal.SIGKILL
    orphan.stdout.close()
    # A pid that now belongs to somebody else is left alone.
    (data_dir / "x.pid").write_text(f"{os.getpid()}\n")
    await child.end_left_behind(0.2)


async def test_a_server_that_does_not_listen_to_stop_is_killed(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(single_process, "STOP_TIMEOUT_S", 0.3)
    server = NatsServer(data_dir)
    await server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    await server.stop()
    assert server.pid is None
    assert "did not stop in time" in caplog.text


async def test_what_cannot_be_stopped_is_an_error(data_dir: Path) -> None:
    child = ChildProcess("sleeper", data_dir, death_signal=signal.SIGKILL)
    child.acquire()
    child.acquire()
    child.spawn(["/bin/sleep", "60"])
    with pytest.raises(AssertionError):
        child.spawn(["/bin/sleep", "60"])
    with pytest.raises(ServerFailed, match="still runs"):
        await child.stop([(signal.SIGCONT, 0.05)])
    await child.kill(5)
    assert child.exit_code == -signal.SIGKILL
    child.release()
    child.release()


async def test_one_that_never_answers_is_given_up(
    data_dir: Path, postgres_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, server in (
        (single_process, NatsServer(data_dir / "n")),
        (postgres_server, PostgresServer(postgres_dir)),
    ):
        monkeypatch.setattr(module, "START_TIMEOUT_S", 0.0)
        with pytest.raises(ServerFailed, match="did not answer"):
            await server.start()
        assert server.pid is None


async def test_who_answers_at_the_port_must_be_the_server_we_started(taken: int) -> None:
    assert await nats_server._greeting(ports.free_port()) == {}

    async def stranger(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        await writer.drain()
        writer.close()

    port = ports.free_port()
    async with await asyncio.start_server(stranger, ports.LOOPBACK, port):
        assert await nats_server._greeting(port) == {}


def test_servers_are_started_from_the_main_thread() -> None:
    caught: list[Exception] = []

    def start() -> None:
        try:
            launched(["/bin/true"], run_as=None, death_signal=signal.SIGINT)
        except ServerFailed as error:
            caught.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


async def test_a_log_that_became_too_large_is_put_aside(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "LOG_MAX_BYTES", 10)
    child = ChildProcess("x", data_dir, death_signal=signal.SIGINT)
    assert child.log_tail() == ""
    child.log_path.write_text("old and long\n")
    child.spawn(["/bin/echo", "new"])
    assert await child.wait() == 0
    assert child.log_tail() == "new"
    assert (data_dir / "x.log.1").read_text() == "old and long\n"
    await child.stop([])


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher as `launched` does."""
    launcher = Path(process.__file__).with_name("launch.py")
    return subprocess.run(
        [sys.executable, "-I", "-S", launcher, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_launcher_does_not_start_what_has_no_parent_or_does_not_exist() -> None:
    assert launch("1", "9", "-1", "-1", "0", "--", "/bin/true").returncode == 120
    failed = launch(str(os.getpid()), "9", "-1", "-1", "0", "--", "/no/such/program")
    assert failed.returncode == 121
    assert "/no/such/program" in failed.stderr


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nats_server.sysconfig, "get_path", lambda _: "/nowhere")
    assert find_nats_server(lambda _: "/usr/bin/nats-server") == Path("/usr/bin/nats-server")
    with pytest.raises(ServerFailed, match="install stretto"):
        find_nats_server(lambda _: None)
    monkeypatch.setattr(postgres_server.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ServerFailed, match="install stretto"):
        find_postgres()


async def test_an_initdb_that_fails_says_why_and_leaves_no_cluster(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_server, "SUPERUSER", "pg_reserved")
    server = PostgresServer(data_dir)
    with pytest.raises(ServerFailed, match="pg_reserved"):
        await server.start()
    assert not (data_dir / "pgdata").exists()


async def test_a_long_path_gets_its_socket_elsewhere(postgres_dir: Path) -> None:
    server = PostgresServer(postgres_dir.rename(postgres_dir.with_name("long-" * 16)))
    await server.start()
    connection = await asyncpg.connect(server.socket_dsn())
    assert await connection.fetchval("select 1") == 1
    await connection.close()
    await server.stop()
    assert server._socket_dir is None


async def test_an_ordinary_user_of_tcp_needs_the_password(postgres_dir: Path) -> None:
    server = PostgresServer(postgres_dir)
    await server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.dsn_for(password="wrong"))
    await server.stop()
    assert (postgres_dir / "password").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
async def test_it_runs_as_an_ordinary_user_too(data_dir: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    data_dir.chmod(0o777)
    script = (
        "import asyncio, os, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from stretto.testkit.servers import NatsServer, PostgresServer\n"
        "async def main():\n"
        "    for server in (NatsServer(sys.argv[2] + '/n'), PostgresServer(sys.argv[2] + '/p')):\n"
        "        await server.start()\n"
        "        await server.restart()\n"
        "        await server.stop()\n"
        "    print(os.geteuid())\n"
        "asyncio.run(main())\n"
    )
    command = launched(
        [sys.executable, "-c", script, str(LIBS), str(data_dir)],
        # The interpreter itself may lie where only root may go.
        run_as=process.RunAs(nobody.pw_uid, nobody.pw_gid, True),
        death_signal=signal.SIGKILL,
    )
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.strip() == str(nobody.pw_uid), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="root has to become somebody else")
async def test_root_finds_an_account_for_postgres(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = data_dir / "pgdata"
    nobody = pwd.getpwnam("nobody")
    first = account.account_for(cluster, [])
    assert first is not None
    assert first.uid != 0
    assert first.override, "the directory of a test is closed to others"
    data_dir.chmod(0o755)
    assert account.account_for(cluster, []) == first._replace(override=False)
    cluster.mkdir()
    shutil.chown(cluster, nobody.pw_uid)
    existing = account.account_for(cluster, [])
    assert existing is not None
    assert existing.uid == nobody.pw_uid

    def nobody_is_known(_: object) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(account.pwd, "getpwnam", nobody_is_known)
    monkeypatch.setattr(account.pwd, "getpwuid", nobody_is_known)
    with pytest.raises(ServerFailed, match="refuses root"):
        account.account_for(cluster, [])
    monkeypatch.setattr(account.os, "geteuid", lambda: 1000)
    assert account.account_for(cluster, []) is None
    account.give(cluster, None)


async def test_waiting_ends_at_its_deadline() -> None:
    assert not await until(lambda: False, 0.03)
    assert await until(lambda: True, 0)
