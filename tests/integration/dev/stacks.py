"""Stacks of stand-in services for the tests of this folder."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stretto.dev import DevOptions, ServicePlan

STAND_IN = Path(__file__).with_name("stand_in.py")


def stand_in(name: str, behaviour: str = "ok", *, alone: bool = False) -> ServicePlan:
    """A service that behaves as told, see `stand_in.py`."""
    return ServicePlan(name, (sys.executable, str(STAND_IN), behaviour), alone)


def options(data: Path, *services: ServicePlan, **more: Any) -> DevOptions:
    return DevOptions(data=data, services=services or (stand_in("one"),), **more)


def lives(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def eventually(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    """Look until it holds; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
