"""docs/python.md tells the truth: its worker, its client and its tests run as they stand."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..running import Dev, end

PAGE = Path(__file__).resolve().parents[3] / "docs" / "python.md"
WITHIN_S = 60.0

SAID = [
    "{'receipt': 'r-12.5', 'by': 'Ada'}",
    "CardDeclined no 1.0 from this card",
    "input_invalid",
    "1 run.started None",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    blocks = re.findall(r"```python (\S+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert [name for name, _ in blocks] == ["worker.py", "test_worker.py", "client.py"]
    for name, content in blocks:
        (tmp_path / name).write_text(content)
    return tmp_path


def ran(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def test_the_client_gets_what_the_worker_does(dev: Dev, folder: Path) -> None:
    worker = dev.begin("worker", str(folder / "worker.py"))
    try:
        done = ran(folder, "client.py", STRETTO_NATS_URL=dev.ready["nats"])
    finally:
        end(worker, signal.SIGTERM)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[: len(SAID)] == SAID
    assert lines[-1].endswith("run.completed None")


def test_the_handlers_are_tested_without_a_bus(folder: Path) -> None:
    done = ran(folder, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ".", "test_worker.py")
    assert "2 passed" in done.stdout, done.stdout + done.stderr
