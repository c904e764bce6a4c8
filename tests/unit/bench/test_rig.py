"""The rig waits for workers and for quiet, and keeps the logs when something breaks."""

import asyncio
import itertools
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.bench import rig as module
from stretto.bench.ending import NotEnded, ended
from stretto.bench.rig import NoWorkers, Rig, keep_logs, present
from stretto.dev.process import stopped
from stretto.runtime.errors import PermanentError

IDLE = "import sys; print('up', flush=True); sys.stdin.read()"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)"
)


def rig_of(*pids: int) -> Rig:
    """A rig whose stack is these processes."""
    stack = SimpleNamespace(pids=lambda: {"service": list(pids)}, data=Path("somewhere"))
    return Rig(cast(Any, stack), cast(Any, None), [])


async def process(code: str) -> asyncio.subprocess.Process:
    pipe = subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdin=pipe, stdout=pipe
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"up\n"
    return child


async def test_an_idle_stack_is_settled_at_once() -> None:
    child = await process(IDLE)
    caught_up = await rig_of(child.pid).settled(10.0)
    await child.communicate(b"")
    assert caught_up.idle
    assert caught_up.seconds < 0.1
    assert caught_up.cpu_s < 0.1


async def test_a_stack_that_is_never_idle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    used = itertools.count(step=10.0)  # CPU seconds: more at every look
    monkeypatch.setattr(module, "cpu_seconds", lambda _parts: {"service": next(used)})
    monkeypatch.setattr(module, "_IDLE_LOOK_S", 0.01)
    caught_up = await rig_of().settled(0.05)
    assert not caught_up.idle
    assert caught_up.seconds >= 0.05
    assert caught_up.cpu_s >= 10.0


def test_the_bench_process_is_a_part_of_its_own() -> None:
    assert rig_of(7).data == Path("somewhere")
    assert rig_of(7).parts() == {"service": [7], "worker": [], "bench": [os.getpid()]}


class Devices:
    """A client that knows so many workers, one more with each time it is asked."""

    def __init__(self) -> None:
        self.known = 0

    async def devices(self) -> list[SimpleNamespace]:
        self.known += 1
        others = [SimpleNamespace(tasks=["another.task"])]
        return others + [SimpleNamespace(tasks=["bench.no_op"])] * (self.known - 1)


async def test_workers_are_waited_for_until_execution_knows_them_all(tmp_path: Path) -> None:
    client = Devices()
    running = SimpleNamespace(returncode=None)
    await present(cast(Any, client), cast(Any, [running, running]), tmp_path)
    assert client.known == 3


async def test_a_worker_that_ends_is_shown_with_its_log(tmp_path: Path) -> None:
    (tmp_path / "worker-1.log").write_text("no such module\n")
    gone = SimpleNamespace(returncode=1)
    with pytest.raises(NoWorkers, match="but one ended; the end of the log of the first:\nno such"):
        await present(cast(Any, Devices()), cast(Any, [gone]), tmp_path)


async def test_workers_that_nobody_hears_of_are_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRESENT_TIMEOUT_S", 0.0)
    (tmp_path / "worker-1.log").touch()
    running = SimpleNamespace(returncode=None)
    with pytest.raises(NoWorkers, match="0 are known after 0 s"):
        await present(cast(Any, Devices()), cast(Any, [running]), tmp_path)


async def test_a_process_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stretto.dev.process.STOP_TIMEOUT_S", 0.1)
    child = await process(STUBBORN)
    await stopped(child)
    assert child.returncode == -9
    await stopped(child)  # a second time does nothing
    child._transport.close()  # type: ignore[attr-defined]


def test_logs_are_kept_in_place_of_older_ones(tmp_path: Path) -> None:
    data, kept = tmp_path / "data", tmp_path / "kept"
    (data / "logs").mkdir(parents=True)
    (data / "logs" / "workflow.log").write_text("w")
    (data / "worker-1.log").write_text("1")
    kept.mkdir()
    (kept / "old.log").write_text("old")

    keep_logs(data, kept)

    assert {path.name for path in kept.iterdir()} == {"workflow.log", "worker-1.log"}


class OpenRun:
    """A run that does not end."""

    id = "the-run"

    def __init__(self, explanation: dict[str, Any] | None) -> None:
        self._explanation = explanation

    async def result(self, timeout: float) -> None:  # noqa: ASYNC109 - as the client has it
        raise TimeoutError

    async def explain(self) -> dict[str, Any]:
        if self._explanation is None:
            raise PermanentError("some.code", "expected an answer, but none came")
        return self._explanation


async def test_a_run_that_does_not_end_is_explained() -> None:
    run = OpenRun({"pending": [{"step": "s1", "cause": "attempt"}]})
    with pytest.raises(NotEnded, match=r'is open: \[\{"step":"s1","cause":"attempt"\}\]'):
        await ended(cast(Any, run), 1.0)


async def test_a_run_that_cannot_be_explained_is_reported_all_the_same() -> None:
    with pytest.raises(NotEnded, match="and why cannot be told: expected an answer"):
        await ended(cast(Any, OpenRun(None)), 1.0)
