"""A process that stands still, as if its machine did."""

import os
import signal
import time

import psutil

STOPPED_WITHIN_S = 30.0


def freeze(pid: int) -> None:
    """Stop a process, and return when all of it has stopped: its threads go on for a moment on a
    busy machine, and would answer."""
    os.kill(pid, signal.SIGSTOP)
    process = psutil.Process(pid)
    deadline = time.monotonic() + STOPPED_WITHIN_S
    while process.status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline, "expected the process to stop, but it goes on"
        time.sleep(0.001)


def thaw(pid: int) -> None:
    """Let it go on."""
    os.kill(pid, signal.SIGCONT)
