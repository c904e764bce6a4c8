"""Devices as processes of their own beside the whole product."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..running import COMMAND, Dev, end

MODULE = Path(__file__).with_name("devices.py")
WITHIN_S = 30.0

Start = Callable[..., subprocess.Popen[str]]


class Fleet:
    """Starts devices, and ends those that are left."""

    def __init__(self, dev: Dev) -> None:
        self.dev = dev
        self.processes: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, **told: object) -> None:
        """Start a device and wait until it is known."""
        told_env = {f"DEVICE_{key.upper()}": str(value) for key, value in told.items()}
        self.processes[name] = subprocess.Popen(
            [*COMMAND, "worker", str(MODULE)],
            env={**os.environ, **self.dev.environment, "DEVICE_NAME": name, **told_env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.until(lambda: name in self.present())

    def present(self) -> set[str]:
        found: list[dict[str, Any]] = self.dev.json("devices")["devices"]
        return {device["device"] for device in found}

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.communicate()

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WITHIN_S
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def close(self) -> None:
        for process in self.processes.values():
            end(process)


def kill_service(dev: Dev, name: str) -> None:
    """Kill a service; `stretto dev` starts it again, and says so in its ready file."""
    ready = json.loads((dev.data.parent / "ready.json").read_text())
    for pid in ready["pids"][name]:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def fleet(dev: Dev) -> Iterator[Fleet]:
    made = Fleet(dev)
    try:
        yield made
    finally:
        made.close()
