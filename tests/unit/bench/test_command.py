"""The command prints a table for people, JSON for programs, and where the logs are if it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner

from stretto.bench.figures import Report
from stretto.bench.run import Around, BenchOptions
from stretto.cli.commands import bench as command
from stretto.runtime.errors import PermanentError
from tests.unit.bench.reports import report
from tests.unit.bench.test_profile import MAY_LOOK

BUSY = "print('up', flush=True)\nwhile True: sum(range(1000))"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[BenchOptions]:
    """What the benchmark is asked for; in its place made-up figures come at once."""
    found: list[BenchOptions] = []

    async def bench(
        options: BenchOptions, tell: Callable[[str], None], around: Around | None
    ) -> Report:
        found.append(options)
        tell("A  3 sequential steps [not markup]")
        if around is not None:
            async with around("A", cast(Any, SimpleNamespace(parts=dict))):
                pass
        return report()

    monkeypatch.setattr(command, "bench", bench)
    monkeypatch.chdir(tmp_path)
    return found


def test_people_get_a_table_and_its_progress(asked: list[BenchOptions]) -> None:
    ended = CliRunner().invoke(command.bench_command, ["d", "A", "--both"])
    assert ended.exit_code == 0, ended.output
    assert asked[0].both
    assert asked[0].letters == ["A", "D"]
    assert "20 × 50 ms, speed-up" in ended.stdout
    assert ended.stderr == "A  3 sequential steps [not markup]\n"


def test_programs_get_json_and_a_file(asked: list[BenchOptions]) -> None:
    options = [
        "--json",
        "--out",
        "new/bench.json",
        "--scale",
        "decision=2",
        "--workers",
        "3",
        "--computed",
    ]
    ended = CliRunner().invoke(command.bench_command, options)
    assert ended.exit_code == 0, ended.output
    assert asked[0].letters == ("A", "B", "C", "D", "E")
    assert (asked[0].rig.scale, asked[0].rig.workers) == ({"decision": 2}, 3)
    assert asked[0].rig.computed and not asked[0].both
    assert json.loads(ended.stdout) == json.loads(Path("new/bench.json").read_text())


def test_a_profile_of_nothing_is_empty(asked: list[BenchOptions]) -> None:
    ended = CliRunner().invoke(command.bench_command, ["A", "--profile"])
    assert ended.exit_code == 0, ended.output
    assert "A: where the time goes (.stretto/profile/A)" in ended.stderr


def test_where_the_logs_are_is_said_when_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Report:
        raise PermanentError("bench.some", "expected this to work, but it broke")

    monkeypatch.setattr(command, "bench", broken)
    ended = CliRunner().invoke(command.bench_command, ["A"])
    assert isinstance(ended.exception, PermanentError)
    assert ended.stderr == "it failed; the logs of all processes are in .stretto/bench-logs\n"


@pytest.mark.skipif(not MAY_LOOK, reason="looking at other processes is not allowed here")
async def test_the_busiest_functions_are_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments: Any = [sys.executable, "-c", BUSY]
    busy = subprocess.Popen(arguments, stdout=subprocess.PIPE)  # noqa: ASYNC220 - a short wait
    try:
        assert busy.stdout is not None
        busy.stdout.readline()
        parts = {"service": [busy.pid], "bench": [os.getpid()]}
        async with command.profiling("B", cast(Any, SimpleNamespace(parts=lambda: parts))):
            began = os.times()
            while os.times().elapsed - began.elapsed < 0.5:
                sum(range(1000))  # this process is looked at as well
    finally:
        busy.kill()
        busy.communicate()
    said = capfd.readouterr().err
    assert "B: where the time goes (.stretto/profile/B)" in said
    assert "service: " in said
