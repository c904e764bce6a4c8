"""Servers whose ports, sockets and answers are not as usual; processes that do not end."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.conformance import hosting
from stretto.dev.process import ServiceProcess
from stretto.dev.servers import Nats
from stretto.testkit import postgres_server
from stretto.testkit.nats_server import NatsServer
from stretto.testkit.postgres_server import PostgresServer


def test_a_monitoring_port_that_was_given_is_kept_when_others_are_chosen_anew(
    tmp_path: Path,
) -> None:
    server = NatsServer(tmp_path, monitoring_port=4711)

    server._forget_ports()

    assert server.monitoring_url == "http://127.0.0.1:4711"


def test_a_socket_that_has_to_be_elsewhere_is_made_there_once(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / ("x" * 120), 5432)

    server._make_socket_dir(None)
    first = server._socket_dir
    server._make_socket_dir(None)

    assert first is not None and server._socket_dir == first
    shutil.rmtree(first)


async def test_a_server_that_does_not_answer_at_once_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_server, "POLL_S", 0.0)
    server = PostgresServer(tmp_path, 5432)
    server._child = cast(Any, SimpleNamespace(pid=1))
    answers = [False, True]

    async def asked() -> bool:
        return answers.pop(0)

    server._answers = asked  # type: ignore[method-assign]

    assert await server._became_ready() is True
    assert answers == []


async def test_an_embedded_server_is_killed_and_one_of_others_is_not(tmp_path: Path) -> None:
    killed: list[str] = []

    async def kill() -> None:
        killed.append("killed")

    nats = Nats.__new__(Nats)
    nats._server = None
    await nats.kill()
    assert killed == []
    nats._server = cast(Any, SimpleNamespace(kill=kill))
    await nats.kill()

    assert killed == ["killed"]


async def test_a_worker_that_does_not_end_when_it_is_asked_to_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hosting, "END_S", 0.05)
    stubborn = await asyncio.create_subprocess_exec(
        "sh", "-c", "trap '' TERM; echo ready; exec sleep 60", stdout=asyncio.subprocess.PIPE
    )
    assert stubborn.stdout is not None
    assert await stubborn.stdout.readline() == b"ready\n"

    await hosting._end(stubborn)

    assert stubborn.returncode == -9


async def test_a_process_that_was_never_started_is_stopped_already() -> None:
    process = ServiceProcess.__new__(ServiceProcess)
    process._process = None

    await process.stop()
    await process.kill()

    assert process._process is None


@pytest.mark.parametrize(("account", "mode"), [(None, 0o700), ("another", 0o711)])
async def test_a_folder_is_opened_for_the_account_that_the_cluster_needs_and_else_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, account: str | None, mode: int
) -> None:
    class Stop(Exception):
        pass

    async def stop(*_: object) -> None:
        raise Stop

    monkeypatch.setattr(postgres_server, "account_for", lambda *_: account)
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path)
    server._make_cluster = stop  # type: ignore[method-assign]

    with pytest.raises(Stop):
        await server._start_on_a_port()

    assert tmp_path.stat().st_mode & 0o777 == mode
