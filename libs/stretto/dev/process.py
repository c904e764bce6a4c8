"""One service process: started, watched until it answers, stopped, never left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from stretto.runtime.errors import PermanentError
from stretto.testkit.ports import LOOPBACK, free_port
from stretto.testkit.process import launched

STOP_TIMEOUT_S = 15.0
"""Longer than a service's own time for its end (`STRETTO_SHUTDOWN_TIMEOUT_S`, 10 s)."""

LOG_TAIL_LINES = 15
LOG_MAX_BYTES = 20 * 1024 * 1024
"""A log is for looking at the last trouble. A larger one is kept as `<name>.log.1`, once."""

_PROBE_EVERY_S = 0.05
_PROBE_TIMEOUT_S = 2.0


class NotStarted(PermanentError):
    """A process ended, or did not answer in time, before it was ready for the first time."""


class ServiceProcess:
    """A process that says on `/readyz` whether it can work.

    Args:
        name: for logs and people.
        command: the program; gets `STRETTO_HEALTH_PORT` beside `environment`.
        log_path: gets its output, at the end of what is there.
        environment: all its variables.
        answers: False for a program that does not know `/readyz`: it is up once it runs.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log_path: Path,
        environment: Mapping[str, str],
        *,
        answers: bool = True,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = tuple(command)
        self._environment = environment
        self._answers = answers
        self._process: asyncio.subprocess.Process | None = None
        self._port = 0

    @property
    def pid(self) -> int | None:
        """The pid of the running process, None when it is not running."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, timeout_s: float) -> None:
        """Start the process and return when it is ready.

        Raises:
            NotStarted: it ended first, or was not ready within `timeout_s` (then it is killed).
        """
        self._port = free_port()
        keep_small(self.log_path)
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                # SIGKILL: whoever made it is gone, and with it the servers that a tidy end needs.
                *launched(self._command, run_as=None, death_signal=signal.SIGKILL),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**self._environment, "STRETTO_HEALTH_PORT": str(self._port)},
                start_new_session=True,  # Ctrl-C in a terminal is for us, who end it in order
            )
        if not self._answers:
            return
        deadline = time.monotonic() + timeout_s
        try:
            while self.pid is not None and time.monotonic() < deadline:
                if await _is_ready(self._port):
                    return
                await asyncio.sleep(_PROBE_EVERY_S)
            raise self._not_started(timeout_s)
        except BaseException:
            await self.kill()
            raise

    async def ended(self) -> int:
        """Wait until the process has ended; return its exit code (negative: by that signal)."""
        if self._process is None:
            raise AssertionError(f"{self.name} was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to end and wait; end it by force when it takes too long."""
        if self._process is not None:
            await stopped(self._process)

    async def kill(self) -> None:
        """End the process by force and wait until it is gone."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def _not_started(self, timeout_s: float) -> NotStarted:
        process = self._process
        if process is not None and process.returncode is not None:
            why = f"it ended with exit code {process.returncode}"
        else:
            why = f"it was not ready after {timeout_s:g} s"
        return NotStarted(
            "dev.not_started",
            f"expected {self.name} to start, but {why}; the end of {self.log_path}:\n"
            + tail_of(self.log_path),
            {"process": self.name},
        )


async def stopped(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end and wait; end it by force when it takes too long. Twice is fine."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def tail_of(path: Path, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a log."""
    with path.open(errors="replace") as log:
        return "".join(deque(log, maxlen=lines)).rstrip()


def keep_small(path: Path) -> None:
    """Put the content of a log that became too large aside; what was aside before is dropped.

    Also while a process writes to it: it appends, so it goes on at the new beginning. What it
    writes between the copy and the cut is lost.
    """
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        shutil.copyfile(path, path.with_name(path.name + ".1"))
        os.truncate(path, 0)


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(_PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
