"""`stretto versions`, `label` and `diff`: which versions a workflow has, and what they are for."""

from __future__ import annotations

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.definitions import show_labelled
from stretto.cli.printing import local_time, note, out, print_json, table
from stretto.client import Client
from stretto.contracts.versions import LATEST
from stretto.definition.difference import Change, difference, document_of, told

_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


@click.command("versions")
@click.argument("workflow")
@bus_command
async def versions_command(call: Call, workflow: str) -> None:
    """List the versions of WORKFLOW, the highest first, with their labels."""
    client: Client
    async with call.client() as client:
        versions = await client.catalogue.versions(workflow)
    if call.json:
        print_json({"workflow": workflow, "versions": msgspec.to_builtins(versions)})
        return
    rows = [
        (
            str(v.version),
            escape(", ".join([*([LATEST] if v.latest else []), *v.labels])),
            local_time(v.created_at),
            escape(", ".join(v.uses)),
            escape(v.description or ""),
        )
        for v in versions
    ]
    table(("version", "labels", "since", "with", ""), rows, "No versions.")


@click.command("label")
@click.argument("workflow")
@click.argument("version", type=click.IntRange(min=1), required=False)
@click.argument("label", required=False)
@click.option("--remove", metavar="LABEL", help="Take this label away.")
@click.option("--template", is_flag=True, help="WORKFLOW is a template.")
@bus_command
async def label_command(
    call: Call,
    workflow: str,
    version: int | None,
    label: str | None,
    remove: str | None,
    *,
    template: bool,
) -> None:
    """Let LABEL point to VERSION of WORKFLOW: starts may say WORKFLOW@LABEL from then on."""
    if (remove is None) == (label is None) or (remove is not None and version is not None):
        raise click.UsageError("expected WORKFLOW VERSION LABEL, or WORKFLOW --remove LABEL")
    client: Client
    async with call.client() as client:
        said = await client.catalogue.label(
            workflow, version, remove or label or "", template=template
        )
    show_labelled(call, said)


@click.command("diff")
@click.argument("workflow")
@click.argument("first", metavar="VERSION")
@click.argument("second", metavar="VERSION", default=LATEST)
@bus_command
async def diff_command(call: Call, workflow: str, first: str, second: str) -> None:
    """Say what changed in WORKFLOW between two versions (numbers or labels), field by field."""
    client: Client
    async with call.client() as client:
        before = await client.definition(workflow, first)
        after = await client.definition(workflow, second)
    changes = difference(document_of(before), document_of(after))
    if call.json:
        print_json(
            {
                "workflow": workflow,
                "from": before["version"],
                "to": after["version"],
                "changes": msgspec.to_builtins(changes),
            }
        )
        return
    for change in changes:
        out().print(_line(change), soft_wrap=True)
    versions = f"version {before['version']} and version {after['version']}"
    if not changes:
        note(f"{versions} say the same")


def _line(change: Change) -> str:
    return f"[{_STYLES[change.what]}]{escape(told(change))}[/]"
