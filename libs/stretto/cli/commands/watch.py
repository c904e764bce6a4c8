"""`stretto watch` and `events`: what happens, as it happens."""

from __future__ import annotations

import asyncio
import sys

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.starting import show_end
from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED
from stretto.cli.printing import note, out, print_line
from stretto.cli.progress import Progress
from stretto.cli.run_ids import run_of
from stretto.cli.story import sentence
from stretto.cli.watching import watch
from stretto.client import Client, Run, RunEvent
from stretto.contracts import subjects
from stretto.contracts.public import RunHead

WAITING_MESSAGES = 10_000
"""Kept for a slow terminal; beyond it messages are left out and counted."""


class _Message(msgspec.Struct):
    """An `EventsMessage`, with its events as a person looks at them."""

    run: RunHead
    events: list[RunEvent]


_decode = msgspec.json.Decoder(_Message).decode


@click.command("watch")
@click.argument("run_id", metavar="RUN")
@bus_command
async def watch_command(call: Call, run_id: str) -> None:
    """Watch a run until it ends; exit as it ended. With --json: an event a line."""
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
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
@click.option("--workflow", "-w", default="*", metavar="WORKFLOW", help="Only of this workflow.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after so many events.")
@bus_command
async def events_command(call: Call, workflow: str, limit: int | None) -> None:
    """Print events of all runs as they happen, until Ctrl-C. With --json: an event a line."""
    client: Client
    async with call.client() as client:
        tap = Tap()
        subject = subjects.events(client.namespace, workflow, "*")
        await client.connection.subscribe(subject, tap.heard)
        printed = 0
        while limit is None or printed < limit:
            message = _decode(await tap.next())
            for event in message.events[: None if limit is None else limit - printed]:
                _print(message.run, event, call.json)
                printed += 1


class Tap:
    """Keeps the messages that were heard and not printed yet, up to a limit."""

    def __init__(self, limit: int = WAITING_MESSAGES) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(limit)
        self._left_out = 0

    def heard(self, _subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        """Keep a message, or count it."""
        if self._waiting.full():
            self._left_out += 1
        else:
            self._waiting.put_nowait(data)

    async def next(self) -> bytes:
        """Give the next message; say how many were left out since the last."""
        if self._left_out:
            note(f"… {self._left_out} messages were left out")
            self._left_out = 0
        return await self._waiting.get()


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
