"""The benchmark runs: every run completes, every figure is there. How fast it is, is not asked."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stretto.bench.figures import FiguresC, FiguresD
from stretto.bench.rig import RigOptions, rig
from stretto.bench.sizes import SHORT
from stretto.bench.workloads.burst import burst
from stretto.bench.workloads.fan_out import fan_out

pytestmark = pytest.mark.slow


def test_short_workloads_complete(tmp_path: Path) -> None:
    out = tmp_path / "figures" / "bench.json"
    command = [sys.executable, "-m", "stretto.cli.main", "bench", "A", "B", "--short", "--json"]
    ended = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=False, timeout=180
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)

    a, b = report["workloads"]["A"], report["workloads"]["B"]
    assert a["lost"] == b["lost"] == 0
    assert a["runs"] == SHORT.single_runs
    assert 0 < a["p50_ms"] <= a["p95_ms"] <= a["p99_ms"] <= a["max_ms"]
    for name in ("runs_per_s", "steps_per_s", "p50_ms", "p99_ms", "cpu_ms_per_step", "runs"):
        assert b[name] > 0, name
    parts = {"workflow", "decision", "execution", "monitoring", "gateway", "nats", "postgres"}
    assert set(b["cost"]["cpu_ms_per_step_by_part"]) == parts | {"worker", "bench"}
    assert json.loads(out.read_text()) == report
    assert "B  10 sequential steps, 50 runs in flight, 4 s" in ended.stderr


async def test_fan_and_burst_complete_and_what_is_not_there_yet_is_counted(tmp_path: Path) -> None:
    options = RigOptions(workers=2, logs=tmp_path / "logs")
    with pytest.raises(ExceptionGroup) as broken:
        async with rig(options) as running:
            fanned = await fan_out(running, SHORT)
            burst_of = await burst(running, SHORT)
            # Nobody waits for these, and nobody works: they are missing in the log.
            for worker in running.parts()["worker"]:
                psutil.Process(worker).suspend()
            hurried = await burst(running, replace(SHORT, burst_runs=30, give_up_s=0.0))
            for worker in running.parts()["worker"]:
                psutil.Process(worker).resume()
            raise LookupError("on purpose")

    assert "on purpose" in str(broken.value.exceptions)
    assert isinstance(fanned, FiguresC)
    assert fanned.lost == 0
    assert fanned.p50_ms > 0
    assert fanned.speedup > 1
    assert isinstance(burst_of, FiguresD)
    assert (burst_of.lost, burst_of.doubled, burst_of.runs) == (0, 0, SHORT.burst_runs)
    assert burst_of.seconds > burst_of.stored_s > 0
    assert hurried.lost == 30
    assert (tmp_path / "logs" / "worker-2.log").exists()
