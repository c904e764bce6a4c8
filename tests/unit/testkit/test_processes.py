"""Processes that end while they are looked at, and those that do not end at all."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from stretto.testkit import ports
from stretto.testkit import process as module
from stretto.testkit.postgres_server import PostgresServer
from stretto.testkit.process import ChildProcess, ServerFailed, runs
from stretto.testkit.traces import SpanTap


class Process:
    """A process of which the test says how it takes signals: `gone` already, or never ending."""

    pid = 4711
    info = {"name": "postgres", "cwd": ""}  # noqa: RUF012 - as psutil has it

    def __init__(self, *, gone: bool) -> None:
        self._gone = gone
        self.heard: list[int] = []

    def send_signal(self, number: int) -> None:
        self.heard.append(number)
        if self._gone:
            raise psutil.NoSuchProcess(self.pid)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def is_running(self) -> bool:
        return True

    def status(self) -> str:
        if self._gone:
            raise psutil.NoSuchProcess(self.pid)
        return psutil.STATUS_RUNNING


def child(folder: Path) -> ChildProcess:
    return ChildProcess("server", folder, death_signal=signal.SIGTERM)


def test_a_process_that_ends_meanwhile_does_not_run() -> None:
    assert not runs(cast(Any, Process(gone=True)))
    assert runs(cast(Any, Process(gone=False)))
    assert runs(psutil.Process(os.getpid()))


async def test_what_was_left_behind_and_ends_by_itself_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, left = child(tmp_path), Process(gone=True)
    monkeypatch.setattr(one, "_left_behind", lambda: left)

    await one.end_left_behind(0.0)

    assert left.heard == [signal.SIGTERM]


async def test_what_was_left_behind_and_does_not_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, left = child(tmp_path), Process(gone=False)
    monkeypatch.setattr(one, "_left_behind", lambda: left)

    with pytest.raises(ServerFailed, match="but 4711 still runs"):
        await one.end_left_behind(0.0)

    assert left.heard == [signal.SIGTERM, signal.SIGKILL]


@pytest.mark.parametrize("gone", [True, False])
async def test_a_family_of_processes_is_killed_as_far_as_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    class Parent(Process):
        def children(self, **_: object) -> list[Process]:
            return [member]

    async def stopped(_steps: object) -> None:
        return None

    one, member = child(tmp_path), Process(gone=gone)
    monkeypatch.setattr(ChildProcess, "pid", 4711)
    monkeypatch.setattr(module.psutil, "Process", lambda _pid: Parent(gone=True))
    monkeypatch.setattr(one, "stop", stopped)
    monkeypatch.setattr(one, "log_tail", lambda: "")

    if gone:
        await one.kill(0.0)
    else:
        with pytest.raises(ServerFailed, match="some of its processes still run"):
            await one.kill(0.0)
    assert member.heard == [signal.SIGKILL]


@pytest.mark.parametrize("gone", [True, False])
async def test_backends_that_were_left_behind_are_killed_as_far_as_they_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    server = PostgresServer(tmp_path)
    left = Process(gone=gone)
    left.info = {"name": "postgres", "cwd": str(server._cluster)}
    monkeypatch.setattr("stretto.testkit.postgres_server.STOP_TIMEOUT_S", 0.0)
    monkeypatch.setattr(psutil, "process_iter", lambda _attributes: [left])
    monkeypatch.setattr(server._child, "log_tail", lambda: "")

    if gone:
        await server._end_backends()
    else:
        with pytest.raises(ServerFailed, match="backends of an earlier one still run"):
            await server._end_backends()
    assert left.heard == [signal.SIGKILL]


async def test_another_server_on_our_port_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncpg

    async def refused(_dsn: str) -> None:
        raise asyncpg.InvalidPasswordError("no")

    server = PostgresServer(tmp_path, port=1)
    server._password = "p"
    monkeypatch.setattr(asyncpg, "connect", refused)

    assert not await server._answers()


def test_ports_are_given_again_when_very_many_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_given", set())
    monkeypatch.setattr(ports, "_REMEMBERED", 2)

    given = [ports.free_port() for _ in range(3)]

    assert len({*given[:2]}) == 2
    assert ports._given == {given[2]}


async def test_spans_that_come_later_are_waited_for() -> None:
    class Span:
        name = "step a"

    tap = SpanTap("http://here")
    waiting = asyncio.create_task(tap.named("step a", 2))
    await asyncio.sleep(0)

    async def later() -> Any:
        yield Span()
        yield Span()

    await tap.collect(later())

    assert len(await asyncio.wait_for(waiting, 10)) == 2
