"""A running `stretto dev`, and the command line against it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from stretto.cli.main import main

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
START_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 60.0
COMMAND = (sys.executable, "-m", "stretto.cli.main")


@dataclass
class Dev:
    """A running `stretto dev`.

    Attributes:
        data: its `--data`.
        ready: what its ready file says.
    """

    data: Path
    ready: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STRETTO_NATS_URL": self.ready["nats"]}

    def call(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, in this process; it must end with that code.

        In a thread: a test that awaits may call it too.
        """
        with ThreadPoolExecutor(1) as thread:
            done = thread.submit(commanded, arguments, self.ready["nats"]).result()
        assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def eventually(self, *arguments: str, until: str) -> str:
        """Call a command until what it says holds a text: projections are a moment behind the log,
        and workers take a moment to come."""
        deadline = time.monotonic() + COMMAND_TIMEOUT_S
        while True:
            done = self.call(*arguments)
            if until in (said := done.stdout + done.stderr):
                return said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)

    def json(self, *arguments: str, expect: int = 0) -> Any:
        """Run a command with --json and read its answer."""
        return json.loads(self.call(*arguments, "--json", expect=expect).stdout)

    def runs(self, source: Path, workflow: str, *inputs: Mapping[str, object]) -> list[Any]:
        """Apply a definition and start it with each of the inputs; give the completed runs."""
        self.call("apply", str(source))
        runs = []
        for given in inputs:
            options = [part for key, value in given.items() for part in ("-i", f"{key}={value}")]
            run = self.json("start", workflow, *options, "--wait")
            assert run["status"] == "completed"
            runs.append(run)
        return runs

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def commanded(arguments: tuple[str, ...], url: str | None) -> subprocess.CompletedProcess[str]:
    """What the command `stretto` does with these arguments, from its entry on; None: no URL is told
    by the environment."""
    with (
        CliRunner().isolation(env={"STRETTO_NATS_URL": url}) as (output, errors, _),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["stretto", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        sys.stderr.flush()
        said = [stream.getvalue().decode() for stream in (output, errors)]
    code = ended.value.code
    assert isinstance(code, int), code
    return subprocess.CompletedProcess(arguments, code, *said)


def wait_for(path: Path, process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a ready file."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> str:
    """Interrupt a process and return what it said."""
    process.send_signal(number)
    said, _ = process.communicate(timeout=COMMAND_TIMEOUT_S)
    return said


def lives(text: str) -> list[str]:
    """Return the command lines of running processes that hold a text."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if text in line:
            found.append(line)
    return found
