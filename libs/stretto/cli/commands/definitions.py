"""`stretto validate`, `apply` and `definitions`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.control import user
from stretto.cli.exits import EXIT_OK, EXIT_USAGE
from stretto.cli.printing import local_time, note, out, print_json, table
from stretto.client import Client, DefinitionMistakes
from stretto.contracts.public import Defined
from stretto.definition import Loaded, load
from stretto.schedule import LoadedSchedule, is_schedule, load_schedule

MAX_SOURCE_BYTES = 4 * 1024 * 1024
"""Larger is no definition that a person wrote: read as little as that of a wrong file."""


def read_source(file: Path) -> str:
    """Read a definition; `-` is stdin.

    Raises:
        click.UsageError: it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.read(MAX_SOURCE_BYTES)
    try:
        with file.open(encoding="utf-8") as text:
            return text.read(MAX_SOURCE_BYTES)
    except OSError as error:
        raise click.UsageError(f"expected to read {file}, but: {error.strerror}") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"expected {file} to be text, but it is not") from None


def show_mistakes(mistakes: list[dict[str, Any]], file: Path) -> None:
    """Print mistakes as editors understand them: `file:line:column: path: reason; suggestion`."""
    for mistake in mistakes:
        place = f"{file}:{mistake.get('line', 1)}:{mistake.get('column', 1)}: "
        path = f"{mistake['path']}: " if mistake.get("path") else ""
        hint = f"; {mistake['suggestion']}" if mistake.get("suggestion") else ""
        click.echo(f"{place}{path}{mistake.get('reason', '')}{hint}")


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def validate_command(files: tuple[Path, ...], as_json: bool) -> None:
    """Find the mistakes of definitions, all at once, with their places. Needs no server."""
    loaded = [_load(read_source(file), str(file)) for file in files]
    mistakes = [mistake for one in loaded for mistake in one.mistakes]
    warnings = [warning for one in loaded for warning in one.warnings]
    if as_json:
        print_json({"mistakes": mistakes, "warnings": warnings})
    else:
        for mistake in mistakes:
            click.echo(str(mistake))
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        if not mistakes:
            note("no mistakes")
    sys.exit(EXIT_USAGE if mistakes else EXIT_OK)


def _load(source: str, file: str) -> Loaded | LoadedSchedule:
    return load_schedule(source, file) if is_schedule(source) else load(source, file)


async def register(call: Call, client: Client, file: Path, source: str) -> Defined:
    """Register a definition; with mistakes, show each with its place in the file and end."""
    try:
        return await client.register(source)
    except DefinitionMistakes as error:
        if call.json:
            print_json({"file": str(file), "mistakes": error.mistakes})
        else:
            show_mistakes(error.mistakes, file)
        sys.exit(EXIT_USAGE)


@click.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@bus_command
async def apply_command(call: Call, files: tuple[Path, ...]) -> None:
    """Register definitions and schedules. The same one again keeps the version that it has."""
    from stretto.cli.commands.schedules import apply_schedule

    sources = [(file, read_source(file)) for file in files]
    client: Client
    async with call.client() as client:
        for file, source in sources:
            if is_schedule(source):
                await apply_schedule(call, client, file, source, by=user(), reason=None)
                continue
            defined = await register(call, client, file, source)
            if call.json:
                print_json({"file": str(file), **_fields(defined)})
            else:
                kept = "" if defined.created else "  [dim]as before[/]"
                out().print(f"{escape(defined.workflow)} version {defined.version}{kept}")


def _fields(defined: Any) -> dict[str, Any]:
    return {name: getattr(defined, name) for name in defined.__struct_fields__}


@click.command("definitions")
@click.argument("name", required=False)
@click.option("--version", type=click.IntRange(min=1), help="Else the latest.")
@bus_command
async def definitions_command(call: Call, name: str | None, version: int | None) -> None:
    """List the workflows; with a NAME print that one's definition."""
    client: Client
    async with call.client() as client:
        if name is not None:
            found = await client.definition(name, version)
            if call.json:
                print_json(found)
            else:
                click.echo(found["source"], nl=not str(found["source"]).endswith("\n"))
            return
        definitions = await client.definitions()
    if call.json:
        print_json({"definitions": definitions})
        return
    rows = [
        (escape(d.workflow), str(d.version), local_time(d.created_at), escape(d.description or ""))
        for d in definitions
    ]
    table(
        ("workflow", "version", "since", ""), rows, "No workflows. `stretto apply FILE` adds one."
    )
