"""`stretto history`: the events of a run read as its story, and what they fold to."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import out, print_json, seconds, short, status, table
from stretto.cli.run_ids import run_of
from stretto.cli.story import sentence
from stretto.client import Client, RunEvent


@click.command("history")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--after",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Only events after this one.",
)
@bus_command
async def history_command(call: Call, run_id: str, after: int) -> None:
    """Print the events of a run as a story, and the state that they fold to."""
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
        events = await run.history(after)
        state = await run.state()
    if call.json:
        print_json({"run_id": run.id, "events": events, "state": state})
        return
    _print_story(events)
    print_state(state)


def _print_story(events: list[RunEvent]) -> None:
    rows = [
        (
            f"[dim]{event.seq}[/]",
            f"[dim]+{seconds((event.at - events[0].at).total_seconds())}[/]",
            f"[cyan]{event.type}[/]",
            escape(event.step or ""),
            escape(sentence(event)),
        )
        for event in events
    ]
    table(("seq", "at", "event", "step", ""), rows, "No events.")


def print_state(state: dict[str, Any], after: str = "folds to") -> None:
    """Print what the events of a run fold to."""
    out().print(f"\n{escape(after)}  {status(str(state.get('status')))}")
    rows = [
        (
            escape(step["step"]),
            status(step["status"]),
            str(step.get("attempt") or ""),
            escape(short(step["output"])) if step.get("output") is not None else "",
        )
        for step in state.get("steps", [])
    ]
    table(("step", "status", "tries", "output"), rows, "")
    for cause in state.get("pending", []):
        step = cause.get("step")
        waits = f"waits for {cause['cause']} {step}" if step else cause.get("sentence")
        out().print(waits or f"waits for {cause['cause']}", markup=False)
    if state.get("output") is not None:
        out().print(f"output  {short(state['output'], 2_000)}", markup=False)
