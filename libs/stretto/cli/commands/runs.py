"""`stretto list`, `show` and `explain`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from rich.markup import escape

from stretto.cli.alike import alike
from stretto.cli.calling import Call, bus_command
from stretto.cli.decision_story import decision_lines, place_lines
from stretto.cli.labels import labels_of
from stretto.cli.printing import (
    because,
    left,
    local_time,
    milliseconds,
    note,
    out,
    print_json,
    run_ids,
    seconds,
    short,
    status,
    table,
)
from stretto.cli.run_ids import run_of
from stretto.cli.shortened import Shown, shortened
from stretto.cli.step_story import failure_line
from stretto.client import Client, NotReachable, Rejected, Run
from stretto.contracts.answers import (
    DEFAULT_PAGE,
    MAX_PAGE,
    RunProgress,
    RunSummary,
    RunView,
    StepView,
)

MAX_CAUSES = 20
"""Causes that are printed: a run of many parallel steps has one for each."""

STANDS_STILL = ("pending", "completed", "failed", "skipped", "cancelled")
"""Steps that wait for nothing: they have not begun, or have ended."""

CLOCKS_APART_S = 1.0
"""What began so much later than now was written by another clock; less is usual between two."""


@click.command("list")
@click.argument("workflow", required=False)
@click.option(
    "--status",
    "wanted",
    metavar="STATUS",
    help="running, completed, failed, …; several with commas.",
)
@click.option("--id", "key", metavar="KEY", help="Your own key of the run.")
@click.option("--search", metavar="TEXT", help="The beginning of a run's id or key.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="Runs that have it.")
@click.option(
    "--step-label", "step_labels", multiple=True, metavar="KEY=VALUE", help="Runs with such a step."
)
@click.option(
    "--limit",
    type=click.IntRange(1, MAX_PAGE),
    default=DEFAULT_PAGE,
    show_default=True,
    metavar="N",
)
@click.option("--before", metavar="NEXT", help="The `next` of the page before.")
@bus_command
async def list_command(
    call: Call,
    *,
    workflow: str | None,
    wanted: str | None,
    key: str | None,
    search: str | None,
    labels: tuple[str, ...],
    step_labels: tuple[str, ...],
    limit: int,
    before: str | None,
) -> None:
    """List runs, the latest first."""
    client: Client
    async with call.client() as client:
        page = await client.runs(
            workflow=workflow,
            status=wanted,
            id=key,
            search=search,
            limit=limit,
            before=before,
            labels=labels_of(labels),
            step_labels=labels_of(step_labels, "--step-label"),
        )
    if call.json:
        print_json(page)
        return
    keyed = any(run.id for run in page.runs)
    columns = ["run", "status", "started", "took", "steps", "workflow", *(["id"] if keyed else [])]
    shown = run_ids([run.run_id for run in page.runs])
    chosen = (workflow, wanted, key, search, before, *labels, *step_labels)
    none = "No run is like that." if any(chosen) else "No runs. `stretto start NAME` starts one."
    table(columns, map(_row, page.runs, shown), none)
    if page.next:
        note(f"more: --before {page.next}")


def _row(run: RunSummary, shown: str) -> list[str]:
    cells = [
        shown,
        status(run.status),
        local_time(run.started_at),
        milliseconds(run.duration_ms),
        ", ".join(f"{n} {_COUNTED.get(each, each)}" for each, n in _in_turn(run.steps)),
        f"{escape(run.workflow)} v{run.version}",
    ]
    return [*cells, escape(run.id)] if run.id else cells


_COUNTED = {"completed": "done"}


def _in_turn(steps: Mapping[str, int]) -> list[tuple[str, int]]:
    """How many steps stand how, of those that have begun: what is done first, what is open last."""
    return sorted(steps.items(), key=lambda each: (each[0] == "open", each[0] != "completed"))


@click.command("show")
@click.argument("run_id", metavar="RUN")
@bus_command
async def show_command(call: Call, run_id: str) -> None:
    """Show a run: its steps, attempts, output."""
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
        found = await client.show(run.id)
        far = None if call.json or found.run.closed_at else await _progress(run)
    if call.json:
        print_json(found)
        return
    _show_head(found)
    if far is not None:
        out().print(_far(far), markup=False)
    shown = shortened(found.steps)
    rows = [_step_row(each.step) if each.step else _left_row(each) for each in shown]
    table(("step", "status", "took", "tries", "worker", ""), rows, "No steps yet.")
    if len(shown) < len(found.steps):
        note("--json has all of them.")
    if found.run.status == "completed":
        out().print(f"\noutput  {short(found.output, 2_000)}", markup=False)


async def _progress(run: Run) -> RunProgress | None:
    try:
        return await run.progress()
    except (NotReachable, Rejected):
        return None  # the run is shown without it


def _far(far: RunProgress) -> str:
    """How far an open run is, with what its attempts say."""
    text = f"{int(far.progress * 100)}% done"
    if far.left_ms is not None:
        runs = "1 past run" if far.past_runs == 1 else f"{far.past_runs} past runs"
        text += f", about {left(far.left_ms / 1000)} left (by {runs})"
    for attempt in far.attempts[:MAX_CAUSES]:
        if attempt.progress is not None or attempt.message:
            share = "" if attempt.progress is None else f" {attempt.progress:.0%}"
            text += f"\n  {attempt.step}{share} {attempt.message or ''}"
    return text + "\n"


def _show_head(found: RunView) -> None:
    run = found.run
    key = f"  id {escape(run.id)}" if run.id else ""
    out().print(
        f"[bold]{escape(run.workflow)}[/] v{run.version}  {status(run.status)}  "
        f"{milliseconds(run.duration_ms)}{key}\n"
        f"[dim]{run.run_id}  started {local_time(run.started_at)}[/]"
    )
    out().print(f"input   {short(found.input, 2_000)}\n", markup=False)
    if run.failure is not None:
        out().print(f"{failure_line(run.failure)}\n", style="red", markup=False)


def _step_row(step: StepView) -> tuple[str, ...]:
    last = step.attempts[-1] if step.attempts else None
    failure = failure_line(last.failure) if last else ""
    return (
        escape(step.step),
        status(step.status),
        milliseconds(step.duration_ms),
        str(len(step.attempts)) if step.attempts else "",
        escape((last.worker if last else None) or ""),
        escape(failure or _remark(step)),
    )


def _remark(step: StepView) -> str:
    """Who ended a step and why, or why it did not run, in a few words."""
    if step.reused_run:
        return f"reused from {step.reused_run}"
    reason = because(step.reason or "")
    if not step.by:
        return reason
    if step.status == "skipped":
        return f"{reason} of {step.by}"
    told = "approved" if step.status == "completed" else "rejected"
    return f"{told} by {step.by}" + (f": {step.reason}" if step.reason else "")


def _left_row(left_out: Shown) -> tuple[str, ...]:
    return (escape(f"… {left_out.more} more {left_out.like}"), status(left_out.status), *[""] * 4)


@click.command("explain")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--step",
    metavar="STEP",
    help="Say instead how this step stands, and why its last decision was so.",
)
@bus_command
async def explain_command(call: Call, run_id: str, step: str | None) -> None:
    """Say why a run is still open: what it waits for, since when, until when; or why it failed.

    With --step: how a step stands (its items, whose output it reused); its last decision (a switch,
    a decision table, what is worked out for a task; `output`: the run's), worked out once more from
    the log; and on which devices it ran, and why.
    """
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
        if step is not None:
            decision = await run.decision(step)
            if call.json:
                print_json(decision._asdict())
            else:
                for line in decision_lines(decision):
                    out().print(line, markup=False)
                for line in await place_lines(client, decision):
                    out().print(line, markup=False)
                if decision.told is not None and decision.told.status not in STANDS_STILL:
                    _say_cause_of(step, await run.explain())
            return
        found: dict[str, Any] = await run.explain()
    if call.json:
        print_json(found)
        return
    say_pending(found)


def say_pending(found: Mapping[str, Any]) -> None:
    """Print why a run is open: a sentence a cause, then since when, until when, what to do."""
    pending = found.get("pending", [])
    out().print(f"[bold]{escape(str(found.get('workflow', '')))}[/] {status(found['status'])}")
    if found.get("sentence"):
        bad = found["status"] != "completed"
        out().print(found["sentence"], style="red" if bad else None, markup=False)
    elif not pending:
        out().print("The run has ended: it waits for nothing.", markup=False)
    told = alike(pending)
    for each in told[:MAX_CAUSES]:
        _say_cause(each.cause, found, each.more)
    if len(told) > MAX_CAUSES:
        out().print(f"… and {len(told) - MAX_CAUSES} more; --json has all of them", style="dim")
    if found.get("remedy"):
        out().print(_of_run(found["remedy"], found), style="dim", markup=False)
    if found.get("controls"):
        out().print(
            f"The run as a whole takes now: {', '.join(found['controls'])}.",
            style="dim",
            markup=False,
        )


def _say_cause(cause: Mapping[str, Any], found: Mapping[str, Any], more: str | None = None) -> None:
    fault = "red" if cause.get("cause") == "fault" else None
    out().print(f"• {cause.get('sentence') or cause.get('cause')}", style=fault, markup=False)
    out().print(f"  {_times(cause)}", style="dim", markup=False)
    if more:
        out().print(f"  {more}", style="dim", markup=False)
    if cause.get("remedy"):
        out().print(f"  {_of_run(cause['remedy'], found)}", style="dim", markup=False)


def _say_cause_of(step: str, found: Mapping[str, Any]) -> None:
    """Print what an open step waits for, as without `--step`."""
    for cause in found.get("pending", []):
        if cause.get("step") == step:
            _say_cause(cause, found)


def _of_run(remedy: str, found: Mapping[str, Any]) -> str:
    """A remedy with the id of the run in its commands."""
    return re.sub(r"\bRUN\b", str(found.get("run_id", "RUN")), remedy)


def _times(cause: Mapping[str, Any]) -> str:
    """Since when a cause is there, and when something will wake it at the latest."""
    now = datetime.now(UTC)
    ago_s = (now - datetime.fromisoformat(cause["since"])).total_seconds()
    told = seconds(max(0.0, ago_s))
    if ago_s < -CLOCKS_APART_S:
        told = f"{seconds(-ago_s)} ahead of this machine's clock: two clocks differ, or one was set"
    text = f"since {local_time(cause['since'])} ({told})"
    if cause.get("until"):
        ahead = (datetime.fromisoformat(cause["until"]) - now).total_seconds()
        return f"{text}, until {local_time(cause['until'])} ({seconds(max(0.0, ahead))} to go)"
    return f"{text}, without a limit"
