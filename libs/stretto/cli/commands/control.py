"""`stretto cancel` and `terminate`."""

from __future__ import annotations

import click

from stretto.cli.calling import Call, bus_command, run_of
from stretto.cli.printing import out, print_json
from stretto.client import Client


@click.command("cancel")
@click.argument("run_id", metavar="RUN")
@click.option("--reason", help="Kept in the log.")
@bus_command
async def cancel_command(call: Call, run_id: str, reason: str | None) -> None:
    """End a run in order: what is open is cancelled, what was done is undone."""
    await _control(call, run_id, "cancel", reason)


@click.command("terminate")
@click.argument("run_id", metavar="RUN")
@click.option("--reason", help="Kept in the log.")
@bus_command
async def terminate_command(call: Call, run_id: str, reason: str | None) -> None:
    """End a run at once: nothing is undone."""
    await _control(call, run_id, "terminate", reason)


async def _control(call: Call, run_id: str, command: str, reason: str | None) -> None:
    client: Client
    async with call.client() as client:
        fields = {"reason": reason} if reason is not None else {}
        done = await run_of(client, run_id).control(command, **fields)
    if call.json:
        print_json(done)
    else:
        out().print(f"{done.command} carried out", markup=False)
