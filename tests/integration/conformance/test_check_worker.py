"""`stretto check-worker` as an author uses it: our SDK, a worker in JavaScript, and bad ones."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stretto.bench.rig import environment
from stretto.cli.commands import check_worker
from stretto.client import Client
from stretto.conformance import Finding, life_trials, trials
from stretto.conformance.hosting import NATS_VARIABLES, worker_process
from stretto.dev import DevOptions, dev_stack
from stretto.runtime.errors import PermanentError

from ..running import COMMAND, COMMAND_TIMEOUT_S, EXAMPLES, commanded

JAVASCRIPT = EXAMPLES / "javascript-worker"
SOUND = (*COMMAND, "worker", "tests.integration.conformance.sound")
INSTALL_S = 120.0


def checked(*arguments: str, expect: int, **more: str) -> subprocess.CompletedProcess[str]:
    without = {k: v for k, v in os.environ.items() if k not in NATS_VARIABLES}
    done = subprocess.run(
        [*COMMAND, "check-worker", *arguments],
        env=without | more,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == expect, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.mark.parametrize(
    "place", [pytest.param(("--queue", "check"), marks=pytest.mark.long), ("--device", "sound")]
)
def test_our_own_sdk_keeps_the_protocol(place: tuple[str, str]) -> None:
    found = json.loads(checked(*place, "--json", "--", *SOUND, expect=0).stdout)
    assert found["conforms"] and found["report"]["worker"] == "sound"
    verdicts = {each["verdict"] for each in found["report"]["findings"]}
    assert verdicts <= {"kept", "not tried"}


def told(*arguments: str, code: int) -> subprocess.CompletedProcess[str]:
    """The same in this process, which costs no Python of its own."""
    done = commanded(("check-worker", *arguments), None)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def test_a_worker_that_does_nothing_is_told_so_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(life_trials, "PRESENT_S", 1.0)
    monkeypatch.setattr(trials, "ANSWER_S", 1.0)
    idle = (sys.executable, "-c", "import time; time.sleep(60)", "{nats}")
    said = told("--queue", "q", "--", *idle, code=1).stdout
    assert "✗ completes: expected a result" in said and "publish {" in said
    assert "breaks 1 of its rules" in said


def test_what_is_asked_wrongly_is_said() -> None:
    for wrong in ((), ("--queue", "a", "--device", "b"), ("--queue", "No Name")):
        assert "expected" in told(*wrong, code=2).stderr
    assert "No such file" in told("--queue", "q", "--", "no-such-program", code=2).stderr
    nowhere = ("--queue", "q", "--nats", "nats://127.0.0.1:1")
    assert "127.0.0.1:1" in told(*nowhere, code=3).stderr


def test_a_worker_that_what_comes_ends_is_told_what_was_found_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(life_trials, "PRESENT_S", 0.3)
    monkeypatch.setattr(trials, "ANSWER_S", 60.0)
    found, say = tmp_path / "found", check_worker._say

    def say_and_end(finding: Finding) -> None:
        say(finding)
        found.touch()

    monkeypatch.setattr(check_worker, "_say", say_and_end)
    until_found = f"import os, time\nwhile not os.path.exists({str(found)!r}): time.sleep(0.05)"
    brief = (sys.executable, "-c", f"{until_found}\nraise SystemExit(7)")

    said = told("--queue", "q", "--", *brief, code=1).stdout

    assert "! presence: " in said
    assert (
        "✗ lives on: expected the worker to live on while it is tried, but it ended with exit"
        in (said)
    )
    assert "the last rule that it was tried on is 'presence'" in said
    assert "the worker (queue q) breaks 1 of its rules" in said


async def test_a_worker_that_ends_while_it_is_tried_is_told_of_at_once() -> None:
    command = (sys.executable, "-c", "raise SystemExit(3)")
    with pytest.raises(PermanentError, match="but it ended with exit code 3"):
        async with worker_process(command, "x"):
            await asyncio.Event().wait()
    with pytest.raises(PermanentError, match="but it ended with exit code 3"):
        async with worker_process(command, "x") as process:
            await process.wait()


async def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stretto.conformance.hosting.END_S", 0.3)
    deaf = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    async with worker_process((sys.executable, "-c", deaf), "x") as process:
        assert process.stdout is None
    assert process.returncode is not None


# --- a worker in JavaScript, with the client from npm


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its packages; skips where Node or the packages are not to be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Node.js, which the README does not ask for")
    folder = tmp_path_factory.mktemp("javascript") / "worker"
    shutil.copytree(JAVASCRIPT, folder)
    if not (folder / "node_modules").is_dir():
        install = [npm, "install", "--no-audit", "--no-fund", "--prefer-offline"]
        try:
            done = subprocess.run(
                install, cwd=folder, capture_output=True, timeout=INSTALL_S, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip("needs the packages of the NATS client, but npm does not answer")
        if done.returncode:
            pytest.skip(f"needs the packages of the NATS client: {done.stderr[-300:]!r}")
    return folder / "worker.mjs"


def test_the_worker_in_javascript_is_short() -> None:
    lines = (JAVASCRIPT / "worker.mjs").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("//")]) < 80


@pytest.mark.parametrize(
    "place", [("--queue", "js"), pytest.param(("--device", "js-1"), marks=pytest.mark.long)]
)
def test_the_worker_in_javascript_keeps_the_protocol(
    javascript: Path, place: tuple[str, str]
) -> None:
    said = checked(*place, "--", "node", str(javascript), expect=0, NAME="js-1").stdout
    assert re.search(r"js-1 \((queue js|device js-1)\) keeps the protocol", said)
    assert "✗" not in said and "!" not in said


async def test_the_worker_in_javascript_does_the_steps_of_a_run(
    javascript: Path, data_dir: Path
) -> None:
    options = DevOptions(data=data_dir, scale={"gateway": 0}, environment=environment())
    definition = """
workflow: shout
steps:
  greet: {task: greet.shout, with: {name: "${{ input.name }}"}, timeout: {heartbeat: 2s}}
output: {text: "${{ steps.greet.output.text }}"}
"""
    async with dev_stack(options) as stack:
        url = stack.endpoints.nats
        async with (
            worker_process(("node", str(javascript)), url),
            Client.connect(url) as client,
        ):
            await client.register(definition)
            run = await client.start("shout", {"name": "ada"})
            assert await run.result(timeout=60) == {"text": "ADA!"}
