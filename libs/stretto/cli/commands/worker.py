"""`stretto worker`: run the workers of a module or file."""

from __future__ import annotations

import os
import sys

import click

from stretto.cli.calling import found_bus
from stretto.cli.printing import note
from stretto.client.client import DEFAULT_URL, URL_VARIABLE
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.plan import DEFAULT_DATA
from stretto.dev.ready_file import read_ready
from stretto.worker import load_workers, run_workers


@click.command("worker")
@click.argument("target", metavar="MODULE")
@click.option("--nats", envvar=URL_VARIABLE, metavar="URL", help="Where the bus is.")
def worker_command(target: str, nats: str | None) -> None:
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
    workers = load_workers(target)
    for worker in workers:
        tasks = ", ".join(worker.tasks)
        note(
            f"worker on queue {worker.queue}, {worker.slots} slots: {tasks}  ({url or DEFAULT_URL})"
        )
    sys.exit(run_workers(workers))
