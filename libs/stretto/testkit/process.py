"""A child process that is a server: started, watched, stopped, never left behind.

What it owns: the process, its log file, its pid file and the lock on its data directory.

1. One owner for a data directory: a second one is refused while the first lives (``flock``).
2. The child dies with this process, however this process dies (see ``launch.py``).
3. A server that was left behind all the same (by an older owner that died between two system
   calls) is found by its pid file and stopped before a new one starts.

POSIX only. The parent-death signal belongs to the *thread* that started the child, so servers are
started from the main thread.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import psutil

from stretto.runtime.errors import PermanentError
from stretto.telemetry.names import LOG_PID, LOG_SERVER, LOG_SIGNAL

logger = logging.getLogger(__name__)

LOG_TAIL_LINES = 25
# The log of a local server is for looking at its last trouble, not an archive.
LOG_MAX_BYTES = 20 * 1024 * 1024
# How often a process is looked at while something is waited for: small against the 50 ms that the
# fastest of them needs to start.
POLL_S = 0.01
# How often a supervisor looks at a server that should just run.
WATCH_S = 0.1
_LAUNCHER = Path(__file__).with_name("launch.py")


class ServerFailed(PermanentError):
    """A server did not start or did not stop; the message ends with the tail of its log."""


class RunAs(NamedTuple):
    """The account a child runs as, when it must not be root."""

    uid: int
    gid: int
    override: bool  # keep CAP_DAC_OVERRIDE: files lie where only root may go


class ChildProcess:
    """One server process and its files in ``data_dir``: ``<name>.log``, ``.pid``, ``.lock``."""

    def __init__(self, name: str, data_dir: Path, *, death_signal: signal.Signals) -> None:
        self.name = name
        self.data_dir = data_dir
        self.log_path = data_dir / f"{name}.log"
        self._pid_path = data_dir / f"{name}.pid"
        self._lock_path = data_dir / f"{name}.lock"
        self._death_signal = death_signal
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """The pid of the running server, None when it is not running."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How the last process ended (negative: by that signal); None while it runs."""
        return None if self._process is None else self._process.poll()

    def acquire(self) -> None:
        """Take the data directory for this process; made when it is not there.

        Raises:
            ServerFailed: another process has it.
        """
        if self._lock is not None:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(lock, 32).decode().strip() or "unknown"
            os.close(lock)
            raise ServerFailed(
                "testkit.data_dir_in_use",
                f"expected to start {self.name} in {self.data_dir}, but process {owner} is using "
                "that directory",
            ) from error
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        self._lock = lock

    def release(self) -> None:
        """Give the data directory back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def end_left_behind(self, patience_s: float) -> None:
        """Stop a server of an earlier owner that still runs on this directory; we hold the lock."""
        old = self._left_behind()
        if old is None:
            return
        logger.warning("server left behind by an earlier process", extra={LOG_PID: old.pid})
        for number, wait_s in ((self._death_signal, patience_s), (signal.SIGKILL, patience_s)):
            try:
                old.send_signal(number)
            except psutil.NoSuchProcess:
                return
            if await until(lambda: not runs(old), wait_s):
                return
        raise ServerFailed(
            "testkit.left_behind",
            f"expected to stop the {self.name} that was left behind, but {old.pid} still runs",
        )

    def _left_behind(self) -> psutil.Process | None:
        try:
            old = psutil.Process(int(self._pid_path.read_text()))
            mine = any(str(self.data_dir) in part for part in old.cmdline())
        except (FileNotFoundError, ValueError, psutil.Error):
            return None
        # A pid is used again after a while: the command line must speak of this directory.
        return old if mine and runs(old) else None

    def spawn(
        self,
        command: Sequence[str],
        *,
        run_as: RunAs | None = None,
        usual: Mapping[str, str] | None = None,
    ) -> None:
        """Start the server; its output goes to the end of the log file.

        `usual`: variables for it that our own environment overrides.
        """
        if self.pid is not None:
            raise AssertionError(f"{self.name} runs already, pid {self.pid}")
        with _log_at_end(self.log_path) as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                launched(command, run_as=run_as, death_signal=self._death_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir,
                env={**(usual or {}), **os.environ},
                start_new_session=True,  # Ctrl-C in a terminal is for us, not for our servers
            )
        self._pid_path.write_text(f"{self._process.pid}\n")

    async def stop(self, steps: Sequence[tuple[signal.Signals, float]]) -> None:
        """Send each signal and wait its seconds, until the process has ended.

        Raises:
            ServerFailed: it runs after the last step.
        """
        process = self._process
        if process is None:
            return
        for number, wait_s in steps:
            if process.poll() is not None:
                break
            process.send_signal(number)
            if await until(lambda: process.poll() is not None, wait_s):
                break
            logger.warning(
                "server did not stop in time",
                extra={LOG_SERVER: self.name, LOG_SIGNAL: number.name},
            )
        if process.poll() is None:
            raise self.failure("stop", f"it still runs as process {process.pid}")
        self._pid_path.unlink(missing_ok=True)

    async def kill(self, patience_s: float) -> None:
        """Kill the process and every process it made, at once, and wait until they are gone."""
        pid = self.pid
        if pid is None:
            return
        family = [psutil.Process(pid)]
        family += family[0].children(recursive=True)
        for member in family:
            try:
                member.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        await self.stop([(signal.SIGKILL, patience_s)])
        if not await until(lambda: not any(runs(member) for member in family), patience_s):
            raise self.failure("kill", "some of its processes still run")

    async def wait(self) -> int:
        """Wait until the process has ended and return its exit code; a supervisor's view."""
        process = self._process
        if process is None:
            raise AssertionError(f"{self.name} was never started")
        await until(lambda: process.poll() is not None, math.inf, every_s=WATCH_S)
        return int(process.returncode)

    def failure(self, verb: str, reason: str) -> ServerFailed:
        """Return the error to raise: what was expected, why not, and the tail of the log."""
        return ServerFailed(
            f"testkit.{verb}_failed",
            f"expected {self.name} to {verb}, but {reason}; the end of {self.log_path}:\n"
            + self.log_tail(),
            {"server": self.name, "exit_code": self.exit_code},
        )

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines that the last started process has written."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(self._log_start)
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def launched(
    command: Sequence[str], *, run_as: RunAs | None, death_signal: signal.Signals
) -> list[str]:
    """Return the command that runs ``command`` as a child that dies with this process.

    Raises:
        ServerFailed: not called from the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ServerFailed(
            "testkit.not_main_thread",
            f"expected to start {command[0]} from the main thread, but it was another: the server "
            "would end with that thread",
        )
    account = run_as or RunAs(-1, -1, False)
    return [
        *(sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), str(int(death_signal))),
        *(str(account.uid), str(account.gid), str(int(account.override)), "--", *command),
    ]


async def until(done: Callable[[], bool], seconds: float, *, every_s: float = POLL_S) -> bool:
    """Ask until the answer is yes (True) or the seconds are over (False)."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(every_s)
    return True


def runs(process: psutil.Process) -> bool:
    """Return whether the process is there and not only waiting to be collected."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _log_at_end(path: Path) -> BinaryIO:
    """Open the log for appending; one that became too large is kept as ``<name>.log.1``."""
    if path.exists() and path.stat().st_size > LOG_MAX_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")
