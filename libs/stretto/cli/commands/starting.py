"""`stretto start` and `stretto run`: begin a run, and watch it if that is wished."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import click

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.definitions import register
from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED
from stretto.cli.inputs import input_options, read_input
from stretto.cli.labels import labels_of
from stretto.cli.printing import note, print_json
from stretto.cli.progress import Progress, failure_text
from stretto.cli.source_files import read_source
from stretto.cli.watching import watch
from stretto.client import Client, Run, RunEnded


async def follow(call: Call, run: Run) -> None:
    """Watch a run to its end, print its output, and exit as it ended."""
    if call.json:
        sys.exit(await _report(run))
    try:
        progress = await watch(run)
    except asyncio.CancelledError:
        note(f"The run goes on. `stretto watch {run.id}` shows it again.")
        raise
    sys.exit(show_end(progress))


def show_end(progress: Progress) -> int:
    """Print the output of a run that has ended, or why it has none; return the exit code."""
    if progress.status == "completed":
        print_json(progress.output)
        return EXIT_OK
    note(f"{progress.status}: {failure_text(progress.failure)}", "red")
    note(f"`stretto history {progress.run_id}` tells what happened.")
    return EXIT_RUN_FAILED


async def _report(run: Run) -> int:
    """Wait for a run without showing it and print one JSON object about its end."""
    said: dict[str, Any] = {"run_id": run.id, "workflow": run.workflow, "id": run.key}
    try:
        output = await run.result()
    except RunEnded as ended:
        print_json({**said, "status": ended.status, "failure": ended.failure})
        return EXIT_RUN_FAILED
    print_json({**said, "status": "completed", "output": output})
    return EXIT_OK


_key_option = click.option(
    "--id",
    "key",
    metavar="KEY",
    help="Your own key: while a run with it is open, this is that run.",
)


@click.command("start")
@click.argument("name")
@input_options
@_key_option
@click.option(
    "--version", metavar="VERSION|LABEL", help="Of the workflow, else the latest; NAME@VERSION too."
)
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="To find it by.")
@click.option("--wait", is_flag=True, help="Watch it until it ends; exit as it ended.")
@bus_command
async def start_command(
    call: Call,
    *,
    name: str,
    inputs: tuple[str, ...],
    input_json: str | None,
    key: str | None,
    version: str | None,
    labels: tuple[str, ...],
    wait: bool,
) -> None:
    """Start a run of the workflow NAME and print its id."""
    if name.endswith((".yaml", ".yml", ".json")):
        raise click.UsageError(
            f"expected the name of a workflow, but got a file; `stretto run {name}` registers it "
            "and starts it"
        )
    value = read_input(inputs, input_json)
    async with call.client() as client:
        run = await client.start(
            name,
            value,
            key,
            version=version,
            labels=labels_of(labels),
            wait_accepted=True,
        )
        if wait:
            await follow(call, run)
        elif call.json:
            print_json(
                {"run_id": run.id, "workflow": run.workflow, "id": key, "existing": run.existing}
            )
        else:
            click.echo(run.id)
            if run.existing:
                note(f"A run with the id {key} was open already: this is it.")


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@input_options
@_key_option
@bus_command
async def run_command(
    call: Call, file: Path, inputs: tuple[str, ...], input_json: str | None, key: str | None
) -> None:
    """Register the definition in FILE, start a run of it, watch it until it ends.

    The output goes to stdout as JSON. Exit code 0: completed, 1: not.
    """
    _expect_file(file)
    source = read_source(file)
    value = read_input(inputs, input_json)
    client: Client
    async with call.client() as client:
        defined = await register(call, client, file, source)
        run = await client.start(
            defined.workflow, value, key, version=defined.version, wait_accepted=True
        )
        await follow(call, run)


def _expect_file(file: Path) -> None:
    """Raise UsageError with a way out for what looks like the name of a workflow."""
    if file.name == str(file) and not file.suffix and file.name != "-" and not file.exists():
        raise click.UsageError(
            f"expected the file of a definition, but there is no {file}; "
            f"`stretto start {file} --wait` starts the workflow of that name"
        )
