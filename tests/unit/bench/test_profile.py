"""Profiles tell the functions that take the time, process by process."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.bench import profile as module
from stretto.bench.profile import (
    NoProfiler,
    Profile,
    Spent,
    described,
    processes,
    profiled,
    py_spy,
    read_profiles,
    spent,
)

BUSY = """
def hot():
    return sum(range(10_000))
print("up", flush=True)
while True:
    hot()
"""

STACKS = ["main;work;hot 6", "main;work 3", "main 1", "main;work;hot;work 10"]

_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
MAY_LOOK = os.geteuid() == 0 or not _SCOPE.exists() or _SCOPE.read_text().strip() == "0"


def test_own_and_total_time_are_summed_up_over_stacks() -> None:
    samples, functions = spent(STACKS)
    assert samples == 20
    assert functions == [
        Spent("work", 0.65, 0.95),
        Spent("hot", 0.3, 0.8),
        Spent("main", 0.05, 1.0),
    ]


def test_no_samples_are_no_functions() -> None:
    assert spent([]) == (0, [])


def test_python_processes_have_a_name_each() -> None:
    parts = {"workflow": [1, 2], "decision": [3], "nats": [4], "postgres": [5], "worker": []}
    assert processes(parts) == [("workflow", 1), ("workflow-2", 2), ("decision", 3)]


def test_profiles_are_read_busiest_first_and_described(tmp_path: Path) -> None:
    (tmp_path / "decision.raw").write_text("main;ask 2\n")
    (tmp_path / "workflow.raw").write_text("\n".join(STACKS))

    found = read_profiles(tmp_path)

    assert [profile.process for profile in found] == ["workflow", "decision"]
    assert found[1] == Profile("decision", 2, [Spent("ask", 1.0, 1.0), Spent("main", 0.0, 1.0)])
    text = described(found)
    assert text.startswith("workflow: 20 samples\n")
    assert "  65.0%  95.0%  work\n" in text


@pytest.mark.skipif(not MAY_LOOK, reason="looking at other processes is not allowed here")
async def test_a_running_process_is_profiled(tmp_path: Path) -> None:
    (tmp_path / "old.raw").write_text("left from before 1\n")
    busy = await asyncio.create_subprocess_exec(sys.executable, "-c", BUSY, stdout=subprocess.PIPE)
    try:
        assert busy.stdout is not None
        assert await busy.stdout.readline() == b"up\n"
        async with profiled({"service": [busy.pid], "nats": [1]}, tmp_path, rate_hz=200):
            await asyncio.sleep(1.0)  # what is sampled is time
    finally:
        busy.kill()
        await busy.communicate()
    [profile] = read_profiles(tmp_path)
    assert profile.process == "service"
    assert any("hot" in function.function for function in profile.functions)


async def test_a_process_that_cannot_be_looked_at_is_an_error(tmp_path: Path) -> None:
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    with pytest.raises(NoProfiler, match="expected py-spy to look at the processes, but"):
        async with profiled({"service": [gone.pid]}, tmp_path):
            pass


def test_a_missing_profiler_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(NoProfiler, match="pip install py-spy"):
        py_spy()


STUBBORN = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("up", flush=True)
sys.stdin.read()
"""


async def test_a_profiler_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ENDS_WITHIN_S", 0.1)
    spy = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", STUBBORN, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert spy.stdout is not None
    assert await spy.stdout.readline() == b"up\n"
    assert await module._end(spy) == "it did not end within 0.1 s"
    assert spy.returncode == -9
    spy._transport.close()  # type: ignore[attr-defined]


async def test_what_a_profiler_said_before_it_ended_is_told() -> None:
    spy = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", "raise SystemExit('no such process')", stderr=subprocess.PIPE
    )
    await spy.wait()
    assert await module._end(spy) == "no such process"
