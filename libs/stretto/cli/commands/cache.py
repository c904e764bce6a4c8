"""`stretto cache …`: what steps with `cache` have given and is kept for equal ones."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.control import BY_VARIABLE, user
from stretto.cli.groups import CommandGroup
from stretto.cli.printing import local_time, out, print_json, table
from stretto.cli.run_ids import run_of
from stretto.client import Client
from stretto.contracts.reuse import KeptOutput, KeptPage

_PAGE = 500
_COLUMNS = ("task", "key", "from run", "step", "bytes", "kept", "until")


@click.group("cache", cls=CommandGroup)
def cache_command() -> None:
    """List and purge what steps with `cache` have given."""


def _which(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Give a command the options that say which outputs, and those of all commands."""
    command: Callable[..., None] = bus_command(function)
    for name, text in (
        ("--run", "What this run gave."),
        ("--step", "What this step gave, all of its items."),
        ("--workflow", "What runs of this workflow gave."),
        ("--key", "Under this key."),
        ("--task", "Of this task."),
    ):
        command = click.option(name, help=text)(command)
    return command


@cache_command.command("list")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N")
@_which
async def list_command(call: Call, *, run: str | None, limit: int, **which: str | None) -> None:
    """List what is kept, without the outputs: `stretto show RUN` shows these."""
    found: list[KeptOutput] = []
    page: KeptPage
    client: Client
    after: str | None = ""
    async with call.client() as client:
        run = await _run_id(client, run)
        while after is not None and len(found) < limit:
            most = min(_PAGE, limit - len(found))
            page = await client.cache.list(after=after, limit=most, run_id=run, **which)
            found += page.outputs
            after = page.next
    if call.json:
        print_json({"outputs": found, "count": page.count, "bytes": page.bytes})
        return
    table(_COLUMNS, [_row(each) for each in found], "Nothing is kept.")
    if page.count:
        out().print(f"{len(found)} of {page.count}, {page.bytes:,} bytes in all", style="dim")


async def _run_id(client: Client, run: str | None) -> str | None:
    """A whole id is not looked up: what is kept outlives its run."""
    return None if run is None else (await run_of(client, run)).id


def _row(kept: KeptOutput) -> tuple[str, ...]:
    return (
        escape(kept.task),
        escape(kept.key),
        kept.run_id,
        escape(f"{kept.workflow}.{kept.step}"),
        f"{kept.bytes:,}",
        local_time(kept.kept_at),
        local_time(kept.expires_at),
    )


@cache_command.command("purge")
@click.option("--all", "everything", is_flag=True, help="Everything of the namespace.")
@click.option(
    "--by",
    envvar=BY_VARIABLE,
    default=user,
    show_default="the user",
    metavar="NAME",
    help="Who asks: kept.",
)
@click.option("--reason", metavar="TEXT", help="Why: kept.")
@_which
async def purge_command(
    call: Call,
    *,
    everything: bool,
    by: str | None,
    reason: str | None,
    run: str | None,
    **which: str | None,
) -> None:
    """Drop what is kept, so that it is done again: where all that is said fits."""
    if everything == any((run, *which.values())):
        raise click.UsageError(
            "expected --all, or which of --task, --key, --workflow, --step, --run"
        )
    client: Client
    async with call.client() as client:
        run = await _run_id(client, run)
        count = await client.cache.purge(all=everything, run_id=run, by=by, reason=reason, **which)
    if call.json:
        print_json({"purged": count})
    else:
        out().print(f"{count} {'output' if count == 1 else 'outputs'} dropped")
