"""`stretto decisions export`: the choices of routes as a table, to learn from them."""

from __future__ import annotations

import csv
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO, Any, get_args, get_type_hints

import click
import msgspec

from stretto.cli.calling import Call, bus_command
from stretto.cli.groups import CommandGroup
from stretto.cli.printing import note
from stretto.client import Client
from stretto.client.choices import MAX_RUNS, Choice
from stretto.contracts.durations import parse_duration

BATCH = 5_000
"""Rows that are written together in Parquet."""

COLUMNS = Choice.__struct_fields__


@click.group("decisions", cls=CommandGroup)
def decisions_command() -> None:
    """Export the choices of routes."""


@decisions_command.command("export")
@click.option("--format", "kind", type=click.Choice(["csv", "parquet"]), default="csv",
              show_default=True, help="Parquet needs the extra stretto[ml].")  # fmt: skip
@click.option("--out", "-o", "file", type=click.Path(dir_okay=False, path_type=Path),
              help="Where to write it. Default for CSV: standard output.")  # fmt: skip
@click.option("--workflow", "-w", metavar="WORKFLOW", help="Only of this workflow.")
@click.option("--step", metavar="STEP", help="Only of this step.")
@click.option("--task", help="Only of this task.")
@click.option(
    "--since", metavar="DURATION", help="Only of runs that started in the last 30m, 1h, 7d."
)
@click.option("--limit", type=click.IntRange(1, MAX_RUNS), default=MAX_RUNS,
              metavar="N", help="Of the latest so many runs.")  # fmt: skip
@bus_command
async def export_command(
    call: Call,
    *,
    kind: str,
    file: Path | None,
    workflow: str | None,
    step: str | None,
    task: str | None,
    since: str | None,
    limit: int,
) -> None:
    """Export the choices of routes, a row an attempt that was given to a device: what was known
    of the device, that it was chosen, what came of it. Read from the log of the runs."""
    since_s = None if since is None else _seconds(since)
    if kind == "parquet" and file is None:
        raise click.UsageError("expected --out FILE for Parquet, but there is none")
    client: Client
    async with call.client() as client:
        rows = client.choices(workflow=workflow, step=step, task=task, since_s=since_s, limit=limit)
        if kind == "parquet":
            assert file is not None
            count = await write_parquet(rows, file)
        elif file is None:
            count = await write_csv(rows, sys.stdout)
        else:
            with file.open("w", encoding="utf-8", newline="") as out:
                count = await write_csv(rows, out)
    if file is not None:
        note(f"{count} choices in {file}", "dim")


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--since: {error}") from None


async def write_csv(rows: AsyncIterator[Choice], out: IO[str]) -> int:
    """Write rows with a line of names before them; what is not known is empty. Returns how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    async for row in rows:
        count += 1
        writer.writerow(["" if value is None else value for value in msgspec.structs.astuple(row)])
    return count


async def write_parquet(rows: AsyncIterator[Choice], file: Path) -> int:
    """Write rows as Parquet; returns how many.

    Raises:
        click.UsageError: the extra is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise click.UsageError(
            f"expected the extra `ml` to be installed (pip install 'stretto[ml]'), but {error}"
        ) from None
    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    types[bool] = pyarrow.bool_()
    schema = pyarrow.schema([(name, types[kind]) for name, kind in column_types()])
    count = 0
    with parquet.ParquetWriter(file, schema) as writer:
        batch: list[Choice] = []

        def flush() -> None:
            table = pyarrow.Table.from_pylist(
                [msgspec.structs.asdict(row) for row in batch], schema
            )
            writer.write_table(table)
            batch.clear()

        async for row in rows:
            count += 1
            batch.append(row)
            if len(batch) >= BATCH:
                flush()
        flush()
    return count


def column_types() -> Sequence[tuple[str, Any]]:
    """The columns with what is in them, leaving out that some may be empty."""
    hints = get_type_hints(Choice)
    return [
        (name, next((k for k in get_args(hints[name]) if k is not type(None)), hints[name]))
        for name in COLUMNS
    ]
