"""`stretto worker`: run the workers of a module or file."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from stretto.bus.connection import connect
from stretto.bus.credentials import credentials_of_environment
from stretto.cli.calling import found_bus
from stretto.cli.printing import note
from stretto.client.client import DEFAULT_URL, URL_VARIABLE
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.plan import DEFAULT_DATA
from stretto.dev.ready_file import read_ready
from stretto.testkit.process import launched
from stretto.worker import Worker, load_workers, run_workers
from stretto.worker.imported import tell_imported
from stretto.worker.reloading import Watched, folder_of, keep_reloaded
from stretto.worker.scaling import Crew, parse_range
from stretto.worker.scaling import scale as keep_scaled


@click.command("worker")
@click.argument("target", metavar="MODULE")
@click.option("--nats", envvar=URL_VARIABLE, metavar="URL", help="Where the bus is.")
@click.option("--scale", metavar="1..8", help="So many processes, as many as the queue wants.")
@click.option("--reload", "reloads", is_flag=True, help="Begin again when what it imports changes.")
@click.option("--number", type=int, hidden=True, help="Which of several processes this is.")
@click.option("--imports", type=Path, hidden=True, help="Where to tell what it imports.")
def worker_command(
    target: str,
    *,
    nats: str | None,
    scale: str | None,
    reloads: bool,
    number: int | None,
    imports: Path | None,
) -> None:
    """Run the workers of MODULE: `package.module`, `path/to/file.py`, either with `:name`.

    Ctrl-C lets the attempts that run end first; a second one does not.
    """
    url = found_bus(nats)
    if url is not None:
        os.environ[URL_VARIABLE] = url
    ready = read_ready(DEFAULT_DATA)
    if ready is not None and ready.nats == url and ready.otlp is not None:
        # The worker's spans belong with those of the services.
        os.environ.setdefault(OTLP_ENDPOINT, ready.otlp)
    if reloads:
        if scale is not None:
            raise click.UsageError("expected --scale or --reload, but got both")
        sys.exit(reloaded(target, url or DEFAULT_URL))
    workers = load_workers(target)
    if imports is not None:
        tell_imported(imports)
    if scale is not None:
        sys.exit(scaled(target, workers, scale, url or DEFAULT_URL))
    for worker in workers if number is not None else ():
        worker.name = f"{worker.name}-{number}"  # names are unique, also of those that are given
    for worker in workers:
        tasks = ", ".join(worker.tasks)
        note(
            f"worker on queue {worker.queue}, {worker.slots} slots: {tasks}  ({url or DEFAULT_URL})"
        )
    sys.exit(run_workers(workers))


def scaled(target: str, workers: Sequence[Worker], text: str, url: str) -> int:
    """Run as many processes of a module as its queues want, until Ctrl-C; the exit code."""
    try:
        range_ = parse_range(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    def command(number: int) -> list[str]:
        return _command(target, url, "--number", str(number))

    async def run() -> None:
        stopping = _told_to_stop()
        places = [(worker.namespace, worker.queue) for worker in workers]
        crew = Crew(command, lambda n: note(f"{n} worker {'process' if n == 1 else 'processes'}"))
        async with await connect(
            url, "stretto-scale", credentials=credentials_of_environment(url)
        ) as connection:
            await keep_scaled(connection, places, range_, crew, stopping)

    asyncio.run(run())
    return 0


def reloaded(target: str, url: str) -> int:
    """Run the workers of a module, anew whenever its code changes, until Ctrl-C; the exit code."""
    folder = folder_of(target)
    note(f"looking at the files in {folder}")

    async def run(imports: Path) -> None:
        command = _command(target, url, "--imports", str(imports))
        await keep_reloaded(command, Watched(folder, imports), _told_to_stop(), note)

    with tempfile.TemporaryDirectory(prefix="stretto-reload-") as place:
        asyncio.run(run(Path(place) / "imports"))
    return 0


def _command(target: str, url: str, *more: str) -> list[str]:
    """The command of one worker process, which ends with this one."""
    started = [sys.executable, "-m", "stretto.cli.main", "worker", target, "--nats", url, *more]
    return launched(started, run_as=None, death_signal=signal.SIGTERM)


def _told_to_stop() -> asyncio.Event:
    """Return an event that Ctrl-C or SIGTERM sets."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_, stopping.set)
    return stopping
