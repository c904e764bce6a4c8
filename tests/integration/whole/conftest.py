"""Real workers beside the real services."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..running import Dev, end

WORKERS = Path(__file__).with_name("workers.py")
WITHIN_S = 60.0


class Whole:
    """The product as a person uses it: definitions in files, the command line, workers."""

    def __init__(self, dev: Dev, folder: Path) -> None:
        self.dev = dev
        self._folder = folder

    def apply(self, source: str) -> str:
        """Register a definition; its name."""
        file = self._folder / "w.yaml"
        file.write_text(source)
        return str(self.dev.json("apply", str(file))["workflow"])

    def start(self, source: str, **given: Any) -> str:
        """Register a definition and start a run of it; its id."""
        name = self.apply(source)
        inputs = [part for key, value in given.items() for part in ("-i", f"{key}={value}")]
        return self.dev.call("start", name, *inputs).stdout.strip()

    def state(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.dev.json("explain", run_id)
        return found

    def waits(self, run_id: str, *causes: str) -> list[dict[str, Any]]:
        """Wait until a run waits for just this; the causes, by step."""
        wanted = sorted(causes)
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = self.state(run_id)
            pending: list[dict[str, Any]] = sorted(found["pending"], key=lambda c: c["step"])
            if sorted(c["cause"] for c in pending) == wanted:
                return pending
            assert found["status"] not in ("completed", "failed"), found
            assert time.monotonic() < deadline, found
            time.sleep(0.1)

    def ended(self, run_id: str, expect: int = 0) -> list[dict[str, Any]]:
        """Wait until a run has ended; its events."""
        self.dev.call("watch", run_id, expect=expect)
        found: list[dict[str, Any]] = self.dev.json("history", run_id)["events"]
        return found


@contextmanager
def working(dev: Dev) -> Iterator[subprocess.Popen[str]]:
    """Run the workers until the block ends; they are there when it begins."""
    process = dev.begin("worker", str(WORKERS))
    try:
        dev.eventually("devices", until="whole.echo")
        yield process
    finally:
        if process.poll() is None:
            end(process)


@pytest.fixture(scope="module")
def workers(dev: Dev) -> Iterator[None]:
    with working(dev):
        yield


@pytest.fixture
def whole(dev: Dev, workers: None, tmp_path: Path) -> Whole:
    return Whole(dev, tmp_path)
