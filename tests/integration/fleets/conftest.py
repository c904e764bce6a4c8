"""Devices as processes of their own beside the whole product."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..running import COMMAND, Dev, end

MODULE = Path(__file__).with_name("devices.py")
WITHIN_S = 40.0


class Fleet:
    """Starts devices, and ends those that are left. `done` is what they have done, in order."""

    def __init__(self, environment: Callable[[], dict[str, str]], folder: Path) -> None:
        self._environment = environment
        self._file = folder / "done.txt"
        self._file.touch()
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, **told: object) -> None:
        """Start a device."""
        told_env = {f"DEVICE_{key.upper()}": str(value) for key, value in told.items()}
        self.processes[name] = subprocess.Popen(
            [*COMMAND, "worker", str(MODULE)],
            env={
                **self._environment(),
                "DEVICE_NAME": name,
                "DEVICE_DONE": str(self._file),
                **told_env,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def done(self) -> list[str]:
        return self._file.read_text().splitlines()

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.communicate()

    def close(self) -> None:
        for process in self.processes.values():
            end(process)


def until(holds: Callable[[], Any], tell: Callable[[], Any] = str) -> None:
    """Look until it holds; `tell` says how it stands where it does not in time."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"it did not come true in time: {tell()}"
        time.sleep(0.1)


def present(dev: Dev) -> set[str]:
    found: list[dict[str, Any]] = dev.json("devices")["devices"]
    return {device["device"] for device in found}


def begin(dev: Dev, folder: Path, text: str, *given: str) -> str:
    """Register a workflow and start a run of it; its id."""
    file = folder / "workflow.yaml"
    file.write_text(text)
    dev.call("apply", str(file))
    name = text.split("workflow:")[1].split(maxsplit=1)[0]
    inputs = [part for each in given for part in ("-i", each)]
    return dev.call("start", name, *inputs).stdout.strip()


def events(dev: Dev, run: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dev.json("history", run)["events"]
    return found


def told(dev: Dev, run: str) -> str:
    """What a run waits for, in one text."""
    return " ".join(cause["sentence"] for cause in dev.json("explain", run).get("pending", []))


@pytest.fixture
def fleet(dev: Dev, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(lambda: {**os.environ, **dev.environment}, tmp_path)
    try:
        yield made
    finally:
        made.close()
