"""`stretto learned`: what the strategy `learned` knows of devices; freeze it, reset it."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.groups import CommandGroup
from stretto.cli.printing import note, out, print_json, table
from stretto.client import Client
from stretto.client.learned import Change

MAX_ROWS = 50


@click.group("learned", cls=CommandGroup)
def learned_command() -> None:
    """Show, freeze or reset what `prefer: learned` knows of devices."""


@learned_command.command("show")
@bus_command
async def show_command(call: Call) -> None:
    """Show the expected cost of each device, task and load, of one instance of the service."""
    client: Client
    async with call.client() as client:
        found = await client.learned.show()
    if call.json:
        print_json(found)
        return
    state = "frozen" if found["frozen"] else f"tries another one in {found['explore']:.0%} of cases"
    out().print(f"{found['instance']}: {state}", markup=False)
    say_arms(found["arms"])


def say_arms(arms: list[dict[str, Any]]) -> None:
    """Print what is expected of devices, the best of each task first."""
    rows = sorted(arms, key=lambda arm: (arm["task"], arm["cost_ms"]))
    table(
        ("task", "device", "load", "tries", "cost ms"),
        [
            (
                escape(arm["task"]),
                escape(arm["device"]),
                arm["load"],
                f"{arm['tries']:.1f}",
                f"{arm['cost_ms']:.1f}",
            )
            for arm in rows[:MAX_ROWS]
        ],
        "Nothing was learned yet in this namespace.",
    )
    if len(rows) > MAX_ROWS:
        note(f"{len(rows) - MAX_ROWS} more: --json shows all of them.", "dim")


async def _change(call: Call, action: Change) -> None:
    client: Client
    async with call.client() as client:
        await client.learned.change(action)
    if call.json:
        print_json({"told": action})
    else:
        out().print(f"Told to every instance: {action}.", markup=False)


@learned_command.command("freeze")
@bus_command
async def freeze_command(call: Call) -> None:
    """Go by what is known, in all namespaces: learn no more, try nothing."""
    await _change(call, "freeze")


@learned_command.command("unfreeze")
@bus_command
async def unfreeze_command(call: Call) -> None:
    """Learn again."""
    await _change(call, "unfreeze")


@learned_command.command("reset")
@bus_command
async def reset_command(call: Call) -> None:
    """Forget what was learned in this namespace."""
    await _change(call, "reset")
