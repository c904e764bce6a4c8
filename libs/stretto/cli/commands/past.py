"""`stretto state` and `stretto diff-runs`: a run as it was, and two runs side by side."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.history import print_state
from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED
from stretto.cli.printing import note, out, print_json, seconds, short, status, table
from stretto.cli.run_ids import run_of
from stretto.client import Client, Run, RunEvent
from stretto.contracts.durations import parse_duration
from stretto.history import Difference, Fact, Passage, StepPassage, compare, passage_of
from stretto.history.comparing import in_order
from stretto.runtime.clock import instant_of

MAX_DIFFERENCES = 50
"""Differences that are written out; JSON holds them all."""


@click.command("state")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--at",
    metavar="SEQ|TIME",
    help="After event SEQ; at an instant such as 2030-01-31T09:00:00Z; +2h: so long after its "
    "start.",
)
@bus_command
async def state_command(call: Call, run_id: str, at: str | None) -> None:
    """Show what the events of a run fold to: its steps, what it waits for, its output.

    With --at: as it was then.
    """
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
        state = await (run.state() if at is None else _state_at(run, at))
    if call.json:
        print_json(state)
        return
    key = f"  id {escape(state['id'])}" if state.get("id") else ""
    out().print(
        f"[bold]{escape(state['workflow'])}[/] v{state['version']}{key}\n"
        f"[dim]{state['run_id']}  started {state['started_at']}[/]"
    )
    out().print(f"input   {short(state.get('input'), 2_000)}", markup=False)
    print_state(state, f"after event {state['seq']}")


async def _state_at(run: Run, at: str) -> dict[str, Any]:
    if at.isascii() and at.isdecimal():
        return await run.state(at_seq=int(at))
    if at.startswith("+"):
        try:
            after_s = parse_duration(at[1:])
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        started = (await run.state(at_seq=1))["started_at"]
        return await run.state(at=datetime.fromisoformat(started) + timedelta(seconds=after_s))
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise click.UsageError(
            "expected --at to be the number of an event, an instant like 2030-01-31T09:00:00Z or "
            f"+2h, but got {at!r}"
        ) from None
    # Without a zone it is meant as the tables of this command line show it: on this machine's.
    return await run.state(at=instant.astimezone(UTC))


@click.command("diff-runs")
@click.argument("left", metavar="RUN1")
@click.argument("right", metavar="RUN2")
@bus_command
async def diff_runs_command(call: Call, left: str, right: str) -> None:
    """Compare two runs: input, the way through the steps, outputs, tries and times.

    Exit code 0: they went the same way, 1: they did not.
    """
    client: Client
    async with call.client() as client:
        runs = await run_of(client, left), await run_of(client, right)
        histories = await asyncio.gather(*(run.history() for run in runs))
    ours, theirs = (
        passage_of(map(fact_of, events), run.id)
        for run, events in zip(runs, histories, strict=True)
    )
    differences = compare(ours, theirs)
    if call.json:
        print_json(
            {
                "same": not differences,
                "first": differences[0] if differences else None,
                "differences": differences,
                "runs": [_head(ours), _head(theirs)],
                "steps": _steps(ours, theirs),
            }
        )
    else:
        _print(ours, theirs, differences)
    sys.exit(EXIT_RUN_FAILED if differences else EXIT_OK)


def fact_of(event: RunEvent) -> Fact:
    """Give an event of the client as histories are read."""
    return Fact(event.seq, event.type, instant_of(event.at), event.data)


def _head(passage: Passage) -> dict[str, Any]:
    return {
        "run_id": passage.run_id,
        "workflow": passage.workflow,
        "version": passage.version,
        "status": passage.status,
        "took_s": passage.took_s,
    }


def _steps(left: Passage, right: Passage) -> list[dict[str, Any]]:
    return [
        {"step": path, "left": _facts(left.steps.get(path)), "right": _facts(right.steps.get(path))}
        for path in in_order(left, right)
    ]


def _facts(step: StepPassage | None) -> dict[str, Any] | None:
    if step is None:
        return None
    names = ("status", "attempts", "input", "output", "failure", "reason", "took_s")
    return {name: value for name in names if (value := getattr(step, name)) is not None}


def _print(left: Passage, right: Passage, differences: list[Difference]) -> None:
    for name, passage in (("1", left), ("2", right)):
        out().print(
            f"{name}  [bold]{escape(passage.workflow)}[/] v{passage.version}  "
            f"{status(passage.status)}  {seconds(passage.took_s)}  [dim]{passage.run_id}[/]"
        )
    parted = {difference.step for difference in differences}
    rows = [
        _row(path, left.steps.get(path), right.steps.get(path), path in parted)
        for path in in_order(left, right)
    ]
    out().print()
    table(("", "step", "1", "2", "tries", "took 1", "took 2"), rows, "No steps.")
    if not differences:
        note("both went the same way", "green")
        return
    out().print(f"\nfirst difference: event {differences[0].seq}, {_told(differences[0])}")
    for difference in differences[1:MAX_DIFFERENCES]:
        out().print(f"                  {_told(difference)}")
    if len(differences) > MAX_DIFFERENCES:
        note(f"… and {len(differences) - MAX_DIFFERENCES} more: --json lists all")


def _row(path: str, left: StepPassage | None, right: StepPassage | None, parted: bool) -> list[str]:
    tries = [str(step.attempts) if step is not None else "–" for step in (left, right)]
    return [
        "[red]≠[/]" if parted else "",
        escape(path),
        *(status(step.status) if step is not None else "[dim]–[/]" for step in (left, right)),
        tries[0] if tries[0] == tries[1] else "/".join(tries),
        *(seconds(step.took_s if step is not None else None) for step in (left, right)),
    ]


def _told(difference: Difference) -> str:
    where = f"step [bold]{escape(difference.step)}[/]" if difference.step else "the run"
    return (
        f"{where}, {difference.what}: {escape(short(difference.left, 300))} | "
        f"{escape(short(difference.right, 300))}"
    )
