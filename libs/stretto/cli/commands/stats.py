"""`stretto stats`: counts and latencies of runs; with `--decisions`, how decisions came out."""

from __future__ import annotations

from collections.abc import Iterator

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import milliseconds, out, print_json, table
from stretto.client import Client
from stretto.contracts.answers import Stats
from stretto.contracts.decisions import DecisionCounts

MAX_OUTCOMES = 8
"""Outcomes of one step that are printed; --json has all of them."""


@click.command("stats")
@click.argument("workflow", required=False)
@click.option("--decisions", is_flag=True, help="How switches and decision tables came out.")
@click.option("--version", type=click.IntRange(min=1), help="With --decisions: of this version.")
@click.option("--step", help="With --decisions: of this step.")
@bus_command
async def stats_command(
    call: Call, *, workflow: str | None, decisions: bool, version: int | None, step: str | None
) -> None:
    """Show how many runs there are, how they stand, and how long they take."""
    if (version or step) and not decisions:
        raise click.UsageError("expected --version and --step together with --decisions")
    client: Client
    async with call.client() as client:
        if decisions:
            found = await client.decisions(workflow, version, step)
            if call.json:
                print_json(found)
            else:
                rows = [row for each in found.decisions for row in _rows(each)]
                columns = ("step", "workflow", "decisions", "p50", "p99", "outcome", "share")
                table(columns, rows, "No decisions yet.")
            return
        stats = await client.stats(workflow)
    if call.json:
        print_json(stats)
    else:
        _show(stats)


def _rows(counts: DecisionCounts) -> Iterator[tuple[str, ...]]:
    """A row an outcome; what is said of all of them stands in the first."""
    shown = list(counts.outcomes.items())[:MAX_OUTCOMES]
    for number, (outcome, n) in enumerate(shown):
        head = ("", "", "", "", "")
        if number == 0:
            head = (
                escape(counts.step),
                f"{escape(counts.workflow)} v{counts.version}",
                str(counts.count),
                milliseconds(counts.p50_ms),
                milliseconds(counts.p99_ms),
            )
        yield (*head, f"{escape(outcome)}: {n}", f"{counts.shares.get(outcome, 0.0):.1%}")
    if len(counts.outcomes) > MAX_OUTCOMES:
        yield ("", "", "", "", "", f"{len(counts.outcomes) - MAX_OUTCOMES} more", "")


def _show(stats: Stats) -> None:
    rows = [
        (
            escape(name),
            ", ".join(f"{n} {status}" for status, n in counts.items()),
            milliseconds(latency.p50_ms) if (latency := stats.run_latency.get(name)) else "",
            milliseconds(latency.p99_ms) if latency else "",
        )
        for name, counts in stats.workflows.items()
    ]
    table(("workflow", "runs", "p50", "p99"), rows, "No runs yet.")
    out().print(f"{stats.runs_per_s:g} runs/s, {stats.steps_per_s:g} steps/s", style="dim")
