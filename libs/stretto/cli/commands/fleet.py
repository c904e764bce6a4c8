"""`stretto queues` and `devices`: who works, and what waits."""

from __future__ import annotations

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import local_time, note, print_json, table
from stretto.client import Client
from stretto.contracts.answers import UnknownTask
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence

MAX_FACTS = 6
"""Attributes and labels of a device in the table; `--json` has all of them."""


@click.command("queues")
@bus_command
async def queues_command(call: Call) -> None:
    """List the queues: what waits, who serves them."""
    client: Client
    async with call.client() as client:
        page = await client.queue_page()
    if call.json:
        print_json(page)
        return
    table(
        ("queue", "waiting", "in flight", "workers", "wanted", "slots"),
        [
            (
                escape(q.queue),
                *map(str, (q.waiting, q.in_flight, q.workers, q.wanted, q.slots)),
            )
            for q in page.queues
            if q.namespace == call.namespace
        ],
        "No queues. `stretto worker FILE` serves one.",
    )
    for each in page.resources:
        waiting = f"; {each.waiting} wait" if each.waiting else ""
        note(f"{each.name}: {each.used} of {each.capacity} taken{waiting}")
    for task in page.unknown_tasks:
        if task.namespace == call.namespace:
            note(_unknown(task), "yellow")


def _unknown(task: UnknownTask) -> str:
    where = f" on queue {task.queue!r}" if task.queue else ""
    others = ""
    if task.queue:
        others = f" ({task.workers} present do other tasks)" if task.workers else " (none is there)"
    many = "1 attempt waits" if task.attempts == 1 else f"{task.attempts} attempts wait"
    return (
        f"Nobody does {task.task!r}{where}{others}: {many}, since {local_time(task.since)}. "
        "`stretto worker FILE` starts a worker."
    )


@click.command("devices")
@bus_command
async def devices_command(call: Call) -> None:
    """List the workers and devices that are present, and what they say of themselves."""
    client: Client
    async with call.client() as client:
        devices = await client.devices()
    if call.json:
        print_json({"devices": devices})
        return
    table(
        ("device", "queue", "busy", "slots", "tasks", "can", "is"),
        [
            (
                escape(d.device),
                escape(d.queue or ""),
                str(d.busy),
                str(d.slots),
                escape(", ".join(d.tasks)),
                escape(", ".join(d.capabilities)),
                escape(_facts(d)),
            )
            for d in devices
        ],
        "Nobody is present. `stretto worker FILE` starts a worker.",
    )


def _facts(device: Presence) -> str:
    """Attributes and labels, as many as fit."""
    facts = [
        f"{name}={value if isinstance(value, str) else json_encode(value).decode()}"
        for name, value in device.attributes.items()
    ]
    facts += [f"{name}={value}" for name, value in device.labels.items()]
    left_out = len(facts) - MAX_FACTS
    more = [f"{left_out} more"] if left_out > 0 else []
    return ", ".join([*facts[:MAX_FACTS], *more])
