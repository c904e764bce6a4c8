"""Show that Stretto in containers survives what containers go through (`make compose-check`).

Builds and starts `docker-compose.yml` as a project of its own, runs the backup example from this
machine, and then again and again while one container is killed, or removed and made anew. Each run
must complete, and its log must hold every step's completion once. Needs Docker with Compose v2.

    python scripts/compose_check.py [--keep] [--no-build]
"""

import argparse
import asyncio
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from stretto.client import Client, Run
from stretto.runtime.errors import StrettoError
from stretto.testkit.ports import free_port, is_free

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = "docs/examples/backup/workflow.yaml"
PROJECT = "stretto-check"

FILES = 1_500
FILE_BYTES = 4_096
"""Enough work for a run to be in the middle of it when something is done to a container."""

MIDDLE = FILES // 5
"""Events of a run after which it is in the middle: there will be about seven for each file."""

UP_TIMEOUT_S = 300
RUN_TIMEOUT_S = 180.0
USUAL_PORTS = {"STRETTO_NATS_PORT": 4222, "STRETTO_HTTP_PORT": 8080}
KILLED = (
    "workflow",
    "decision",
    "execution",
    "monitoring",
    "worker",
    "gateway",
    "nats",
    "postgres",
)
REMOVED = ("workflow", "execution", "nats")


def docker(*arguments: str, timeout_s: float = UP_TIMEOUT_S) -> str:
    """Run `docker` to its end and return what it said.

    Raises:
        SystemExit: it failed; what it said is shown.
    """
    done = subprocess.run(
        ["docker", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout + done.stderr)
        sys.exit(f"expected `docker {' '.join(arguments)}` to work, but it did not")
    return done.stdout


def compose(*arguments: str, timeout_s: float = UP_TIMEOUT_S) -> str:
    """Run `docker compose` for this project."""
    return docker("compose", "--project-name", PROJECT, *arguments, timeout_s=timeout_s)


def say(text: str) -> None:
    """Tell the person what happens."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def nats_url() -> str:
    """Return the URL of the bus for a client on this machine, as Compose has resolved it."""
    nats = json.loads(compose("config", "--format", "json"))["services"]["nats"]
    password = nats["environment"]["STRETTO_NATS_PASSWORD_CLIENT"]
    return f"nats://client:{password}@127.0.0.1:{nats['ports'][0]['published']}"


def make_source(folder: Path) -> None:
    """Fill a folder with files that the worker's user may read."""
    folder.chmod(0o755)
    for number in range(FILES):
        path = folder / f"{number % 20:02}" / f"{number:05}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{number} " * (FILE_BYTES // (len(str(number)) + 1)))


def run_from_the_command_line(url: str) -> None:
    """Run the example as a person would.

    Raises:
        SystemExit: it did not complete.
    """
    command = [sys.executable, "-m", "stretto.cli.main", "run", EXAMPLE, "--json"]
    inputs = ["-i", "source=/data/source", "-i", "target=/data/backups"]
    done = subprocess.run(
        [*command, *inputs],
        cwd=ROOT,
        env=os.environ | {"STRETTO_NATS_URL": url},
        capture_output=True,
        text=True,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(
            f"expected the example to complete, but: {done.stdout[-500:]}{done.stderr[-2000:]}"
        )


async def in_the_middle(run: Run) -> None:
    """Wait until some steps of a run have ended and most have not.

    Raises:
        TimeoutError: the run does not get so far.
    """
    seen = 0
    async with asyncio.timeout(RUN_TIMEOUT_S), aclosing(run.events()) as events:
        async for _ in events:
            seen += 1
            if seen >= MIDDLE:
                return


async def survives(url: str, what: str, act: Callable[[], None]) -> None:
    """Do something to the containers in the middle of a run; the run must complete, each step once.

    Raises:
        SystemExit: it did not.
    """
    async with Client.connect(url) as client:
        paths = {"source": "/data/source", "target": "/data/backups"}
        run = await client.start("backup", paths, wait_accepted=True)
        await in_the_middle(run)
        began = time.monotonic()
        await asyncio.to_thread(act)
        acted_s = time.monotonic() - began
        try:
            output = await run.result(timeout=RUN_TIMEOUT_S)
            history = await run.history()
        except (StrettoError, TimeoutError) as error:
            sys.exit(f"expected the run to complete when {what}, but: {error}")
    took_s = time.monotonic() - began
    if output["files"] != FILES:
        sys.exit(f"expected {FILES} files when {what}, but got {output}")
    completed = Counter(event.step for event in history if event.type == "step.completed")
    if twice := [step for step, count in completed.items() if count != 1]:
        sys.exit(f"expected each step to complete once when {what}, but not {twice[:5]}")
    say(
        f"  {what:<24} completed {took_s:.1f} s after, {len(history)} events "
        f"(containers: {acted_s:.1f} s)"
    )


def kill(service: str) -> Callable[[], None]:
    """Kill a container and start it again."""

    def act() -> None:
        compose("kill", "--signal", "SIGKILL", service)
        compose("up", "--detach", "--no-build", "--no-deps", service)

    return act


def remove(service: str) -> Callable[[], None]:
    """Remove a container and make another."""

    def act() -> None:
        compose("rm", "--stop", "--force", service)
        compose("up", "--detach", "--no-build", service)

    return act


async def check(url: str) -> None:
    """Run the example, then once for everything that may happen to a container."""
    run_from_the_command_line(url)
    say("  the example              completed, from the command line")
    for service in KILLED:
        await survives(url, f"{service} is killed", kill(service))
    for service in REMOVED:
        await survives(url, f"{service} is removed", remove(service))


def refusals() -> list[str]:
    """Return what the bus has refused: nothing, when each user may do all that it does."""
    return [
        line
        for line in compose("logs", "--no-log-prefix", "nats").splitlines()
        if "Violation" in line
    ]


def main() -> None:
    """Build, start, check, take away."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    parser.add_argument("--no-build", action="store_true", help="use the images that are there")
    wanted = parser.parse_args()
    # What the bus does while its container is away is meant.
    logging.getLogger("stretto").addHandler(logging.NullHandler())
    for name, usual in USUAL_PORTS.items():
        if name not in os.environ and not is_free(usual):
            os.environ[name] = str(free_port())
    with tempfile.TemporaryDirectory(prefix="stretto-source-") as source:
        make_source(Path(source))
        os.environ["BACKUP_SOURCE"] = source
        began = time.monotonic()
        try:
            if not wanted.no_build:
                compose("build", timeout_s=3_600)
                say(f"built in {time.monotonic() - began:.0f} s")
            began = time.monotonic()
            compose("up", "--detach", "--wait", "--no-build")
            say(f"up and ready in {time.monotonic() - began:.0f} s")
            asyncio.run(check(nats_url()))
            if refused := refusals():
                sys.exit("expected the bus to refuse nothing, but:\n" + "\n".join(refused[:10]))
            say("nothing was refused; everything completed")
        finally:
            if not wanted.keep:
                compose("down", "--volumes")


if __name__ == "__main__":
    main()
