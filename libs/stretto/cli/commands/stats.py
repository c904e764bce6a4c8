"""`stretto stats`: counts and latencies of runs; how decisions came out, how caches do."""

from __future__ import annotations

import click
from rich.markup import escape

from stretto.cli import cache_counts
from stretto.cli.calling import Call, bus_command
from stretto.cli.decision_counts import over_time, rows_of
from stretto.cli.printing import milliseconds, out, print_json, table
from stretto.client import Client
from stretto.contracts.answers import Stats


@click.command("stats")
@click.argument("workflow", required=False)
@click.option(
    "--decisions", is_flag=True, help="How switches, decision tables and routes came out."
)
@click.option(
    "--version", type=click.IntRange(min=1), metavar="N", help="With --decisions: of this version."
)
@click.option("--step", metavar="STEP", help="With --decisions: of this step.")
@click.option(
    "--by",
    type=click.Choice(["hour", "day"]),
    help="With --decisions: over time, the last two days by the hour or three months by the day.",
)
@click.option("--caches", is_flag=True, help="How the caches of the services do.")
@bus_command
async def stats_command(
    call: Call,
    *,
    workflow: str | None,
    decisions: bool,
    version: int | None,
    step: str | None,
    by: str | None,
    caches: bool,
) -> None:
    """Show how many runs there are, how they stand, and how long they take."""
    if (version or step or by) and not decisions:
        raise click.UsageError("expected --version, --step and --by together with --decisions")
    client: Client
    async with call.client() as client:
        if decisions:
            found = await client.decisions(workflow, version, step)
            if call.json:
                print_json(found)
            elif by is not None:
                rows = [row for each in found.decisions for row in over_time(each, by)]
                columns = ("step", "workflow", by, "decisions", "mean", "max", "outcomes")
                table(columns, rows, "No decisions yet.")
            else:
                rows = [row for each in found.decisions for row in rows_of(each)]
                columns = ("step", "workflow", "decisions", "p50", "p99", "outcome", "share")
                table(columns, rows, "No decisions yet.")
            return
        stats = await client.stats(workflow)
    if call.json:
        print_json(stats)
    elif caches:
        told = cache_counts.rows_of(stats.services)
        table(cache_counts.COLUMNS, told, "Nothing was asked of any cache yet.")
    else:
        _show(stats)


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
