"""A run is paused, everything is stopped for a while, started again, resumed: it is finished."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..running import COMMAND, Dev, end, wait_for
from .conftest import Whole, working

SOURCE = """
workflow: whole-paused
steps:
  first: {task: whole.echo, queue: whole, with: {v: 1}}
  told: {needs: first, signal: go}
  wait: {needs: first, wait: {for: 15s}}
  last:
    needs: [told, wait]
    task: whole.echo
    queue: whole
    with: {x: "${{ steps.told.output.x }}"}
output: ${{ steps.last.output.x }}
"""


@pytest.fixture
def data() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="stretto-whole-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def started(data: Path) -> Iterator[Dev]:
    """All services on the same data, until the block ends: then all is stopped."""
    ready = data / "ready.json"
    ready.unlink(missing_ok=True)
    process = subprocess.Popen(
        [*COMMAND, "dev", "--data", str(data / "state"), "--ready-file", str(ready)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Dev(data / "state", wait_for(ready, process))
    finally:
        if process.poll() is None:
            end(process)


def test_a_paused_run_outlives_everything_and_is_finished(data: Path, tmp_path: Path) -> None:
    with started(data) as dev, working(dev):
        whole = Whole(dev, tmp_path)
        run = whole.start(SOURCE)
        whole.waits(run, "signal", "timer")
        dev.call("pause", run, "--by", "ada", "--reason", "the building moves")

    with started(data) as dev, working(dev):
        whole = Whole(dev, tmp_path)
        pending = whole.waits(run, "paused", "signal", "timer")
        assert "ada: the building moves" in pending[0]["sentence"]
        dev.call("signal", run, "go", "-i", "x=5")
        dev.call("resume", run, "--by", "bob", "--reason", "moved")
        events = whole.ended(run)

    said = {e["type"]: e["data"] for e in events}
    assert (said["run.paused"]["by"], said["run.resumed"]["by"]) == ("ada", "bob")
    assert said["run.completed"]["output"] == 5
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
