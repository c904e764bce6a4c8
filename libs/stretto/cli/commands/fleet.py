"""`stretto queues` and `devices`: who works, and what waits."""

from __future__ import annotations

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import local_time, note, print_json, seconds, table
from stretto.client import Client, NotReachable, Rejected
from stretto.contracts.answers import LineView, QueueView, RateView, UnknownTask
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence

MAX_FACTS = 6
"""Attributes and labels of a device in the table; `--json` has all of them."""


@click.command("queues")
@bus_command
async def queues_command(call: Call) -> None:
    """List the queues: what waits, who serves them; the keys that are waited for."""
    client: Client
    async with call.client() as client:
        page = await client.queue_page()
        lines = await _lines(client)
    if call.json:
        print_json({**msgspec.structs.asdict(page), "lines": lines})
        return
    table(
        ("queue", "waiting", "in flight", "workers", "wanted", "slots"),
        [
            (
                escape(q.queue),
                *map(str, (*waiting_and_at_work(q), q.workers, q.wanted, q.slots)),
            )
            for q in page.queues
            if q.namespace == call.namespace
        ],
        "No queues. `stretto worker FILE` serves one.",
    )
    for each in page.resources:
        waiting = f"; {each.waiting} wait" if each.waiting else ""
        note(f"{each.name}: {each.used} of {each.capacity} taken{waiting}")
    for rate in page.rates:
        if rate.namespace == call.namespace:
            note(_rate(rate))
    if lines is None:
        note("The workflow service does not answer: keys of `concurrency` are not known.", "yellow")
    for line in lines or ():
        note(_line(line))
    for task in page.unknown_tasks:
        if task.namespace == call.namespace:
            note(_unknown(task), "yellow")


def waiting_and_at_work(queue: QueueView) -> tuple[int, int]:
    """How many attempts of a queue wait, and how many are with its workers: what was sent beyond
    their slots lies in the queue's stream, and waits like what was not sent yet."""
    at_work = min(queue.in_flight, queue.slots)
    return queue.waiting + queue.in_flight - at_work, at_work


async def _lines(client: Client) -> list[LineView] | None:
    """The keys of `concurrency` that are waited for; None: who knows does not answer."""
    try:
        return await client.lines()
    except (NotReachable, Rejected):
        return None


def _rate(rate: RateView) -> str:
    place = f" of queue {rate.queue}" if rate.queue else ""
    if rate.next_s is None:
        then = "those that have their turn wait for a slot"
    else:
        then = f"the next goes in {seconds(rate.next_s)}" if rate.next_s else "the next goes now"
    return f"rate of {rate.key!r}{place}: {rate.limit}, {_many(rate.waiting)}; {then}"


def _line(line: LineView) -> str:
    return (
        f"concurrency of {line.key!r}, {line.of} of {line.workflow}: {line.taken} of {line.limit} "
        f"taken, {_many(line.waiting)}, since {local_time(line.since)}"
    )


def _many(count: int) -> str:
    return "1 waits" if count == 1 else f"{count} wait"


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
    for device in devices:
        if device.twice:
            note(
                f"Two processes say that they are {device.device!r}: each does its attempts. Give "
                "each a name of its own."
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
