"""`stretto validate`, `apply` and `definitions`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command, call_options
from stretto.cli.commands.control import user
from stretto.cli.commands.schedules import apply_schedule
from stretto.cli.exits import EXIT_OK, EXIT_USAGE
from stretto.cli.printing import local_time, note, out, print_json, table
from stretto.cli.source_files import mistakes_shown, read_source, show_warnings
from stretto.cli.template_files import Looked, SourceFile, look, ordered, sketched
from stretto.client import Client
from stretto.contracts.public import Defined, Labelled
from stretto.definition import Loaded, load
from stretto.definition.labels import LabelText, read_label
from stretto.definition.templates import LoadedTemplate
from stretto.schedule import LoadedSchedule, is_schedule, load_schedule


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@call_options
def validate_command(call: Call, files: tuple[Path, ...]) -> None:
    """Find the mistakes of definitions, templates and schedules, all at once, with their places.

    Needs no server, but for templates that are used and not among the FILES.
    """
    sources = sketched([(file, read_source(file)) for file in files])
    looked = look(sources, call)
    loaded = [_load(one, looked) for one in sources]
    mistakes = [mistake for one in loaded for mistake in one.mistakes]
    warnings = [warning for one in loaded for warning in one.warnings]
    if call.json:
        print_json({"mistakes": mistakes, "warnings": warnings})
    else:
        for mistake in mistakes:
            click.echo(str(mistake))
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        if not mistakes:
            note("no mistakes")
    sys.exit(EXIT_USAGE if mistakes else EXIT_OK)


def _load(one: SourceFile, looked: Looked) -> Loaded | LoadedSchedule | LoadedTemplate:
    file = str(one.file)
    if one.sketch.kind == "label":
        found = read_label(one.source, file)
        return Loaded(mistakes=[] if isinstance(found, LabelText) else found)
    if one.file in looked.templates:
        return looked.templates[one.file]
    if is_schedule(one.source):
        return load_schedule(one.source, file)
    return load(one.source, file, looked.library)


async def register(call: Call, client: Client, file: Path, source: str) -> Defined:
    """Register a definition; with mistakes, show each with its place in the file and end."""
    with mistakes_shown(call, file):
        return await client.register(source)


@click.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@bus_command
async def apply_command(call: Call, files: tuple[Path, ...]) -> None:
    """Register definitions, templates, labels and schedules, in an order that works.

    The same one again keeps the version that it has, and is the latest from then on.
    """
    sources = ordered(sketched([(file, read_source(file)) for file in files]))
    client: Client
    async with call.client() as client:
        for file, source, sketch in sources:
            if is_schedule(source):
                await apply_schedule(call, client, file, source, by=user(), reason=None)
            elif sketch.kind == "label":
                show_labelled(call, await client.catalogue.apply_label(source))
            else:
                show_defined(call, await register(call, client, file, source), file)


def show_defined(call: Call, defined: Defined, file: Path | None = None) -> None:
    """Say which version a definition or template has, and what is otherwise than one may think."""
    warnings = [{**w, "file": str(file)} if file else w for w in defined.warnings]
    if call.json:
        named = {} if file is None else {"file": str(file)}
        print_json({**named, **msgspec.structs.asdict(defined), "warnings": warnings})
        return
    if file is not None:
        show_warnings(warnings, file)
    kind = "template " if defined.kind == "template" else ""
    told = "" if defined.created else "  [dim]as before[/]"
    if defined.latest_before is not None:
        told = f"  [yellow]again the latest[/] [dim](until now it was {defined.latest_before})[/]"
    uses = f"  [dim]with {escape(', '.join(defined.uses))}[/]" if defined.uses else ""
    out().print(f"{kind}{escape(defined.workflow)} version {defined.version}{told}{uses}")


def show_labelled(call: Call, labelled: Labelled) -> None:
    """Say where a label points now."""
    if call.json:
        print_json(msgspec.structs.asdict(labelled))
        return
    before = f"  [dim](until now {labelled.before})[/]" if labelled.before is not None else ""
    now = "is no more" if labelled.version is None else f"is version {labelled.version}"
    out().print(f"{escape(labelled.name)}@{escape(labelled.label)} {now}{before}")


@click.command("definitions")
@click.argument("name", required=False)
@click.option("--version", metavar="VERSION|LABEL", help="Else the latest; NAME@VERSION too.")
@bus_command
async def definitions_command(call: Call, name: str | None, version: str | None) -> None:
    """List the workflows; with a NAME print that one's definition."""
    client: Client
    async with call.client() as client:
        if name is not None:
            name, _, which = name.partition("@")
            found = await client.definition(name, which or version)
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
        (
            escape(d.workflow),
            str(d.version),
            escape(labels_text(d.labels)),
            local_time(d.created_at),
            escape(d.description or ""),
        )
        for d in definitions
    ]
    table(
        ("workflow", "latest", "labels", "since", ""),
        rows,
        "No workflows. `stretto apply FILE` adds one.",
    )


def labels_text(labels: dict[str, int]) -> str:
    """Write the labels of versions: `stable 3, canary 4`."""
    return ", ".join(f"{label} {version}" for label, version in labels.items())
