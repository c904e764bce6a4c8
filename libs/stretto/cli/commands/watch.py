"""`stretto watch` and `events`: what happens, as it happens."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command, run_of
from stretto.cli.commands.starting import show_end
from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED
from stretto.cli.printing import out, print_line
from stretto.cli.progress import Progress
from stretto.cli.story import sentence
from stretto.cli.watching import watch
from stretto.client import Client, Run, RunEvent
from stretto.contracts import codec, subjects
from stretto.contracts.public import RunHead

WAITING_MESSAGES = 10_000
"""Kept for a slow terminal; beyond it messages are left out and counted."""


@click.command("watch")
@click.argument("run_id", metavar="RUN")
@bus_command
async def watch_command(call: Call, run_id: str) -> None:
    """Watch a run until it ends; exit as it ended. With --json: an event a line."""
    client: Client
    async with call.client() as client:
        run = run_of(client, run_id)
        if call.json:
            sys.exit(await _print_events(run))
        sys.exit(show_end(await watch(run)))


async def _print_events(run: Run) -> int:
    progress = Progress(run.id)
    async for event in run.events():
        progress.take(event)
        print_line(msgspec.json.encode(event))
    return EXIT_OK if progress.status == "completed" else EXIT_RUN_FAILED


@click.command("events")
@click.option("--workflow", "-w", default="*", help="Only of this workflow.")
@click.option("--limit", type=click.IntRange(min=1), help="End after so many events.")
@bus_command
async def events_command(call: Call, workflow: str, limit: int | None) -> None:
    """Print events of all runs as they happen, until Ctrl-C. With --json: an event a line."""
    client: Client
    async with call.client() as client:
        waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MESSAGES)
        left_out = 0

        def heard(_subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
            nonlocal left_out
            if waiting.full():
                left_out += 1
            else:
                waiting.put_nowait(data)

        subject = subjects.events(client.namespace, workflow, "*")
        await client.connection.subscribe(subject, heard)
        printed = 0
        while limit is None or printed < limit:
            message = codec.decode_events(await waiting.get())
            for event in message.events[: None if limit is None else limit - printed]:
                read = msgspec.convert(
                    {f: getattr(event, f) for f in ("seq", "type", "at", "step")}
                    | {"data": msgspec.json.decode(event.data)},
                    RunEvent,
                )
                _print(message.run, read, call.json)
                printed += 1
            if left_out:
                click.echo(f"… {left_out} messages were left out", err=True)
                left_out = 0


def _print(run: RunHead, event: RunEvent, as_json: bool) -> None:
    if as_json:
        print_line(
            msgspec.json.encode(
                {
                    "run_id": run.run_id,
                    "workflow": run.workflow,
                    "version": run.version,
                    "id": run.id,
                    **{name: getattr(event, name) for name in event.__struct_fields__},
                }
            )
        )
        return
    at = event.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    step = f"{event.step} " if event.step else ""
    out().print(
        f"[dim]{at} {run.run_id[-12:]}[/] {escape(run.workflow)} [cyan]{event.type}[/] "
        f"{escape(step)}[dim]{escape(sentence(event))}[/]"
    )
