"""`stretto export` and `stretto import`: runs carried from one installation to another."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import note, out, print_json
from stretto.cli.run_ids import run_of
from stretto.client import Client
from stretto.history.document import MAX_DOCUMENT_BYTES, Damaged


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.option(
    "-o",
    "--out",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it to a file; else to stdout.",
)
@bus_command
async def export_command(call: Call, run_id: str, file: Path | None) -> None:
    """Write the history of a run as a document: its events, definitions and payloads.

    `stretto import` takes it elsewhere, `stretto replay` plays it by another definition.
    """
    client: Client
    async with call.client() as client:
        document = await client.export_run((await run_of(client, run_id)).id)
    if file is None:
        click.echo(document, nl=False)
        return
    _write(file, document)


def _write(file: Path, document: bytes) -> None:
    try:
        file.write_bytes(document)
    except OSError as error:
        raise click.UsageError(f"expected to write {file}, but: {error.strerror}") from None
    note(f"{len(document)} bytes in {file}")


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@bus_command
async def import_command(call: Call, files: tuple[Path, ...]) -> None:
    """Take runs from documents that `stretto export` wrote; `-` is stdin.

    A run that had ended is history here from now on. One that was open is paused: `stretto resume`
    lets it go on here. The same document again changes nothing.
    """
    documents = [(file, read_bytes(file)) for file in files]
    client: Client
    async with call.client() as client:
        for file, document in documents:
            try:
                found = await client.import_run(document)
            except Damaged as error:
                raise click.UsageError(f"{file}: {error}") from None
            if call.json:
                print_json(found)
                continue
            what = "imported" if found.created else "was here already"
            out().print(
                f"{found.run_id}  {found.workflow} v{found.version}  {found.status}  "
                f"{found.events} events  {what}",
                markup=False,
            )


def read_bytes(file: Path) -> bytes:
    """Read a document; `-` is stdin.

    Raises:
        click.UsageError: it cannot be read, or is larger than any document.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(MAX_DOCUMENT_BYTES + 1)
        else:
            with file.open("rb") as stream:
                data = stream.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise click.UsageError(f"expected to read {file}, but: {error.strerror}") from None
    return data
