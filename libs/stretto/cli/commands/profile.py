"""`stretto profile`: where the time of runs goes, and what would make them faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.printing import milliseconds, note, out, print_json, status, table
from stretto.cli.run_ids import run_of
from stretto.client import Client
from stretto.client.profiles import DEFAULT_RUNS, MAX_RUNS
from stretto.contracts.durations import parse_duration
from stretto.profiling import Profile, RunProfile, StepTimes, Times
from stretto.profiling.report import PARTS, Advice

MAX_ROWS = 40
"""Rows of a table for a person; --json has all of them."""


@click.command("profile")
@click.argument("run_id", metavar="[RUN]", required=False)
@click.option("--workflow", "-w", metavar="WORKFLOW", help="Over many runs: of this workflow.")
@click.option("--since", metavar="DURATION", help="With --workflow: runs of the last 30m, 1h, 7d.")
@click.option(
    "--status",
    "statuses",
    default="completed",
    show_default=True,
    metavar="STATUS",
    help="With --workflow: runs that ended so; several with commas between.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_RUNS),
    default=DEFAULT_RUNS,
    show_default=True,
    metavar="N",
    help="With --workflow: the latest so many.",
)
@bus_command
async def profile_command(
    call: Call,
    *,
    run_id: str | None,
    workflow: str | None,
    since: str | None,
    statuses: str,
    limit: int,
) -> None:
    """Show where the time of RUN went: the critical path, and what would make it faster.

    With --workflow instead of RUN: of all its latest runs together.
    """
    if (run_id is None) == (workflow is None):
        raise click.UsageError("expected either a RUN or --workflow NAME")
    since_s = None if since is None else _seconds(since)
    client: Client
    async with call.client() as client:
        if run_id is not None:
            found = await (await run_of(client, run_id)).profile()
            print_json(found) if call.json else show_run(found)
            return
        assert workflow is not None
        many = await client.profile(workflow, since_s=since_s, status=statuses, limit=limit)
    if many is None:
        raise click.UsageError(f"expected {statuses} runs of {workflow!r}, but there are none")
    print_json(many) if call.json else show_many(many)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def show_run(profile: RunProfile) -> None:
    """Print the profile of a run."""
    out().print(
        f"{escape(profile.workflow)} v{profile.version}  {status(profile.status)}  "
        f"{milliseconds(profile.took_ms)}, handlers ran {milliseconds(profile.work_ms)} "
        f"({profile.parallelism:g} at a time)"
    )
    _advice(profile.advice)
    out().print("\ncritical path", style="bold")
    shown = _used(piece.parts for piece in profile.critical_path)
    rows = [
        (
            f"+{milliseconds(piece.at_ms)}",
            escape(piece.step or "(the run)"),
            escape(piece.task or ""),
            escape(piece.worker or ""),
            milliseconds(piece.took_ms),
            *(milliseconds(piece.parts.get(part)) for part in shown),
        )
        for piece in profile.critical_path
    ]
    columns = ("at", "step", "task", "worker", "took", *shown)
    _table(columns, rows)
    _spread(profile.steps, profile.tasks, profile.workers)


def show_many(profile: Profile) -> None:
    """Print the profile of many runs."""
    took = profile.took
    which = "the latest " if profile.more else ""
    runs = "1 run" if profile.runs == 1 else f"{profile.runs} runs"
    out().print(
        f"{escape(profile.workflow)}  {which}{runs}: p50 {milliseconds(took.p50_ms)}, "
        f"p95 {milliseconds(took.p95_ms)}, max {milliseconds(took.max_ms)}; handlers ran "
        f"{milliseconds(profile.work_ms)} a run ({profile.parallelism:g} at a time)"
    )
    _advice(profile.advice)
    out().print("\ncritical path, mean of a run", style="bold")
    _table(
        ("part", "took", "share"),
        [
            (part, milliseconds(took_ms), f"{took_ms / max(took.mean_ms, 1e-9):.0%}")
            for part, took_ms in profile.parts.items()
        ],
    )
    _spread(profile.steps, profile.tasks, profile.workers)
    out().print(f"\nslowest: {', '.join(profile.slowest)}", style="dim")


def _advice(advice: Sequence[Advice]) -> None:
    for each in advice:
        sentence = each.sentence[0].upper() + each.sentence[1:]
        out().print(f"→ {sentence}", style="yellow", markup=False, soft_wrap=True)


def _used(many: Iterable[Mapping[str, object]]) -> list[str]:
    parts = {part for each in many for part in each}
    return [part for part in PARTS if part in parts]


def _spread(
    steps: Sequence[StepTimes], tasks: Mapping[str, Times], workers: Mapping[str, Times]
) -> None:
    out().print("\nsteps", style="bold")
    shown = _used(step.parts for step in steps)
    _table(
        ("step", "times", "tries", "on path", "p50", "p95", "max", *shown),
        [
            (
                escape(step.step),
                str(step.took.count),
                str(step.attempts or ""),
                milliseconds(step.critical_ms),
                *_quantiles(step.took),
                *(milliseconds(step.parts[p].mean_ms if p in step.parts else None) for p in shown),
            )
            for step in steps
        ],
    )
    for title, found in (("task", tasks), ("worker", workers)):
        if found:
            out().print(f"\nrun by {title}", style="bold")
            rows = [
                (escape(name), str(t.count), milliseconds(t.total_ms), *_quantiles(t))
                for name, t in found.items()
            ]
            _table((title, "runs", "total", "p50", "p95", "max"), rows)


def _quantiles(times: Times) -> tuple[str, str, str]:
    return (
        milliseconds(times.p50_ms),
        milliseconds(times.p95_ms),
        milliseconds(times.max_ms),
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table(columns, rows[:MAX_ROWS], "Nothing.")
    if len(rows) > MAX_ROWS:
        note(f"{len(rows) - MAX_ROWS} more; --json has all of them.")
