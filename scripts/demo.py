"""`make demo`: a real workflow over all processes, from nothing to its output, in a few seconds.

Starts NATS, Postgres and the services, a worker, registers the backup example, and starts it as
anybody could: by publishing one message on the bus. Then it shows the run, its output, its trace.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import runpy
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nats
from rich.console import Console
from rich.markup import escape

from stretto import Client
from stretto.cli.commands.dev import Terminal
from stretto.cli.exits import end_with
from stretto.cli.printing import seconds
from stretto.cli.progress import Progress, failure_text
from stretto.cli.watching import watch
from stretto.client import Rejected, Run
from stretto.dev import DevOptions, DevStack, dev_stack
from stretto.dev.plan import SERVICES, worker_plan
from stretto.dev.traces import TraceStore
from stretto.runtime.errors import PermanentError

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "backup"
KEPT = Path(".stretto")
RUN_TIMEOUT_S = 120.0
MAX_FILES = 2_000
MAX_BYTES = 256 * 1024 * 1024
"""Of the folder: more would be no demonstration, but a wait."""

POLL_S = 0.01
KEPT_BACKUPS = 3

console = Console(highlight=False)


def say(text: str) -> None:
    console.print(text, soft_wrap=True)


async def demo(source: Path, keep: bool) -> int:
    """Run the demonstration; return the exit code."""
    say("[bold]Starting everything on this machine[/]")
    began = time.monotonic()
    services = [*SERVICES, worker_plan(str(EXAMPLE / "worker.py"))]
    with state() as data:
        async with dev_stack(DevOptions(data=data, services=services), Terminal(console)) as stack:
            say(f"ready in {seconds(time.monotonic() - began)}\n")
            async with Client.connect(stack.endpoints.nats) as client:
                progress = await backup(stack, client, source)
            tell(stack, progress)
            if keep:
                say("\nEverything goes on running; Ctrl-C ends it. To look at it:")
                say(f"  export STRETTO_NATS_URL={stack.endpoints.nats}; .venv/bin/stretto list")
                await until_interrupted()
        keep_trace(stack.trace_dir, progress.run_id)
    return 0 if progress.status == "completed" else 1


def checked(folder: Path) -> Path:
    """Give the folder to back up, as an absolute path; nothing is started for one that is none.

    Raises:
        PermanentError: it is no folder, cannot be read, holds no file, or too much.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise _wrong(f"expected {folder} to be a folder, but it is {_what(folder)}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise _wrong(f"expected to read {folder}, but that is not allowed")
    folder = folder.resolve()
    worker = runpy.run_path(str(EXAMPLE / "worker.py"))
    try:
        found = worker["list_files"](str(folder), str(_target()), MAX_FILES, MAX_BYTES)
    except worker["TooMuch"] as error:
        raise _wrong(str(error)) from None
    if not found["files"]:
        raise _wrong(
            f"expected a file to back up in {folder}, but there is none (links, caches and what "
            "cannot be read are left out)"
        )
    return folder


def _what(path: Path) -> str:
    return "not there" if not os.path.lexists(path) else "a file" if path.is_file() else "none"


def _wrong(sentence: str) -> PermanentError:
    error = PermanentError("demo.folder", sentence)
    error.add_note("Say which: make demo DIR=/some/folder")
    return error


def _target() -> Path:
    return (KEPT / "backups").resolve()


@contextmanager
def state() -> Iterator[Path]:
    """Give a directory for what the servers keep: gone afterwards, but left where it failed."""
    data = Path(tempfile.mkdtemp(prefix="stretto-demo-"))
    try:
        yield data
    except BaseException:
        say(f"the logs are in {data / 'logs'}")
        raise
    shutil.rmtree(data, ignore_errors=True)


def keep_trace(found: Path, run_id: str) -> None:
    """Put the trace of the run where `stretto trace` of this folder looks."""
    spans = TraceStore.read_from(found, run_id.replace("-", ""))
    TraceStore(KEPT / "traces").add(spans)
    say(f"trace     {len(spans)} spans: .venv/bin/stretto trace {run_id}")


async def backup(stack: DevStack, client: Client, source: Path) -> Progress:
    """Register the workflow, publish a start event with plain NATS, watch the run."""
    target = _target()
    forget_old(target)
    defined = await client.register((EXAMPLE / "workflow.yaml").read_text())
    say(f"registered {defined.workflow} version {defined.version}")
    run_id = str(uuid.uuid4())
    given = {"source": str(source), "target": str(target)}
    start = {"run_id": run_id, "input": given}
    await publish(stack.endpoints.nats, "stretto.start.default.backup", start)
    say(f"published on stretto.start.default.backup: [dim]{escape(json.dumps(start))}[/]\n")
    run = client.get(run_id, "backup")
    try:
        async with asyncio.timeout(RUN_TIMEOUT_S):
            await taken(run)
            return await watch(run, console)
    except TimeoutError:
        raise TimeoutError(
            f"expected run {run_id} to end within {RUN_TIMEOUT_S:g} s, but it did not"
        ) from None


async def taken(run: Run) -> None:
    """Wait until the start was taken: publishing says nothing about that."""
    while True:
        try:
            await run.status()
            return
        except Rejected:
            await asyncio.sleep(POLL_S)


async def publish(url: str, subject: str, message: dict[str, Any]) -> None:
    """Publish one message, as any NATS client in any language would."""
    connection = await nats.connect(url)
    await connection.publish(subject, json.dumps(message).encode())
    await connection.drain()


def forget_old(target: Path) -> None:
    """Keep the latest backups only: a demonstration must not fill the disk."""
    folders = sorted(target.glob("*/"), key=lambda folder: folder.stat().st_mtime)
    for folder in folders[: -(KEPT_BACKUPS - 1)]:
        shutil.rmtree(folder, ignore_errors=True)


def tell(stack: DevStack, progress: Progress) -> None:
    """Say what came out, and where to look."""
    if progress.status != "completed":
        say(f"\n[red]{progress.status}: {escape(failure_text(progress.failure))}[/]")
        return
    out = progress.output
    took = progress.seconds(progress.ended) if progress.ended else 0.0
    say(f"\n[bold green]{out['files']} files backed up and verified[/] in {seconds(took)}")
    say(f"bytes     {out['bytes']:,} → {out['stored_bytes']:,} ({out['ratio']:.0%})")
    say(f"manifest  {escape(out['manifest'])}")
    say(f"page      {stack.endpoints.http}  (while it runs: make demo KEEP=1)")


async def until_interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder to back up")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    given = parser.parse_args()
    try:
        code = asyncio.run(demo(checked(given.folder), given.keep))
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - said and turned into a code
        end_with(error)
    sys.exit(code)


if __name__ == "__main__":
    main()
