"""`stretto queues` and `devices`: who works, and what waits."""

from __future__ import annotations

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import print_json, table
from stretto.client import Client


@click.command("queues")
@bus_command
async def queues_command(call: Call) -> None:
    """List the queues: what waits, who serves them."""
    client: Client
    async with call.client() as client:
        queues = await client.queues()
    if call.json:
        print_json({"queues": queues})
        return
    table(
        ("queue", "waiting", "in flight", "workers", "slots"),
        [
            (escape(q.queue), str(q.waiting), str(q.in_flight), str(q.workers), str(q.slots))
            for q in queues
            if q.namespace == call.namespace
        ],
        "No queues. `stretto worker FILE` serves one.",
    )


@click.command("devices")
@bus_command
async def devices_command(call: Call) -> None:
    """List the workers and devices that are present."""
    client: Client
    async with call.client() as client:
        devices = await client.devices()
    if call.json:
        print_json({"devices": devices})
        return
    table(
        ("device", "queue", "busy", "slots", "tasks"),
        [
            (
                escape(d.device),
                escape(d.queue or ""),
                str(d.busy),
                str(d.slots),
                escape(", ".join(d.tasks)),
            )
            for d in devices
        ],
        "Nobody is present. `stretto worker FILE` starts a worker.",
    )
