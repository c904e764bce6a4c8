"""`stretto dev` as a person uses it; the services themselves are not needed here."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..running import COMMAND, end, wait_for

NONE = [f"--scale={s}=0" for s in ("workflow", "decision", "execution", "monitoring", "gateway")]


def begin(data: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "dev", "--data", str(data), *NONE, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "dev", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def running(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    with begin(data_dir, "--ready-file", str(data_dir / "r.json")) as process:
        wait_for(data_dir / "r.json", process)
        yield process
        if process.poll() is None:
            end(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_in_order(
    running: subprocess.Popen[str], data_dir: Path, number: signal.Signals
) -> None:
    pids = json.loads((data_dir / "r.json").read_text())["pids"]
    said = end(running, number)
    assert running.returncode == 0
    assert "up    nats" in said
    assert "up    postgres" in said
    assert "ready in" in said
    assert said.splitlines()[-2:] == ["stopping …", "stopped"]
    assert not any(Path(f"/proc/{pid}").exists() for one in pids.values() for pid in one)
    assert not (data_dir / "r.json").exists()


def test_logs_are_shown_while_it_runs(data_dir: Path) -> None:
    file = data_dir / "w.py"
    file.write_text("raise SystemExit('no worker today')")
    with begin(data_dir, "--logs", "--worker", str(file)) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("worker ") and "no worker today" in line:
                break
        end(process)
    assert process.returncode == 0


def test_a_second_signal_ends_everything_at_once(
    running: subprocess.Popen[str], data_dir: Path
) -> None:
    running.send_signal(signal.SIGINT)
    assert running.stdout is not None
    for line in running.stdout:
        if line == "stopping …\n":
            break
    running.send_signal(signal.SIGINT)
    # The servers may have ended in order before the second one was heard.
    assert running.wait(30) in (0, 130)


def test_what_ends_is_said_and_started_again(
    running: subprocess.Popen[str], data_dir: Path
) -> None:
    ready = data_dir / "r.json"
    pid = json.loads(ready.read_text())["pids"]["nats"][0]
    os.kill(pid, signal.SIGKILL)
    assert running.stdout is not None
    told = []
    for line in running.stdout:
        told.append(line)
        if "down" in line:
            assert "nats" in line
            assert "ended (SIGKILL), starting again in 100 ms" in line
        elif any("down" in before for before in told):
            assert "up    nats" in line
            break
    assert wait_for(ready, running)["pids"]["nats"][0] != pid


def test_data_that_is_in_use_is_an_error_that_says_by_whom(
    running: subprocess.Popen[str], data_dir: Path
) -> None:
    second = call("--data", str(data_dir), *NONE)
    assert second.returncode == 1
    assert "another `stretto dev` runs there" in second.stderr
    assert str(running.pid) in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--scale", "workflow"], 2, "expected --scale to be like workflow=2"),
        (["--scale", "none=1"], 2, "expected --scale to name one of"),
        (["--nats", "nats://127.0.0.1:9"], 3, "expected NATS at"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    data_dir: Path, arguments: list[str], code: int, why: str
) -> None:
    done = call("--data", str(data_dir), *NONE, *arguments)
    assert done.returncode == code
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_a_postgres_that_does_not_answer_is_named_without_its_password(
    data_dir: Path, nats_url: str
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    dsn = f"postgresql://me:secret@127.0.0.1:{port}/log"
    done = call("--data", str(data_dir), *NONE, "--nats", nats_url, "--postgres", dsn)
    assert done.returncode == 3
    assert f"postgresql://127.0.0.1:{port}/log" in done.stderr
    assert "secret" not in done.stderr
