"""`stretto list`, `show` and `explain`."""

from __future__ import annotations

from typing import Any

import click
from rich.markup import escape

from stretto.cli.calling import Call, bus_command, run_of
from stretto.cli.printing import (
    local_time,
    milliseconds,
    note,
    out,
    print_json,
    short,
    status,
    table,
)
from stretto.client import Client
from stretto.contracts.answers import DEFAULT_PAGE, MAX_PAGE, RunSummary, RunView, StepView
from stretto.contracts.failures import Failure


@click.command("list")
@click.argument("workflow", required=False)
@click.option("--status", "wanted", help="running, completed, failed, …; several with commas.")
@click.option("--id", "key", help="Your own key of the run.")
@click.option("--search", help="The beginning of a run's id or key.")
@click.option("--limit", type=click.IntRange(1, MAX_PAGE), default=DEFAULT_PAGE, show_default=True)
@click.option("--before", help="The `next` of the page before.")
@bus_command
async def list_command(
    call: Call,
    *,
    workflow: str | None,
    wanted: str | None,
    key: str | None,
    search: str | None,
    limit: int,
    before: str | None,
) -> None:
    """List runs, the latest first."""
    client: Client
    async with call.client() as client:
        page = await client.runs(
            workflow=workflow, status=wanted, id=key, search=search, limit=limit, before=before
        )
    if call.json:
        print_json(page)
        return
    keyed = any(run.id for run in page.runs)
    columns = ["run", "status", "started", "took", "steps", "workflow", *(["id"] if keyed else [])]
    table(columns, map(_row, page.runs), "No runs. `stretto start NAME` starts one.")
    if page.next:
        note(f"more: --before {page.next}")


def _row(run: RunSummary) -> list[str]:
    ended = run.steps.get("completed", 0)
    cells = [
        run.run_id,
        status(run.status),
        local_time(run.started_at),
        milliseconds(run.duration_ms),
        f"{ended}/{sum(run.steps.values())}",
        f"{escape(run.workflow)} v{run.version}",
    ]
    return [*cells, escape(run.id)] if run.id else cells


@click.command("show")
@click.argument("run_id", metavar="RUN")
@bus_command
async def show_command(call: Call, run_id: str) -> None:
    """Show a run: its steps, attempts, output."""
    client: Client
    async with call.client() as client:
        found = await client.show(run_of(client, run_id).id)
    if call.json:
        print_json(found)
        return
    _show_head(found)
    rows = [_step_row(step) for step in found.steps]
    table(("step", "status", "took", "tries", "worker", ""), rows, "No steps yet.")
    if found.run.status == "completed":
        out().print(f"\noutput  {short(found.output, 2_000)}", markup=False)


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
        out().print(f"{_failure(run.failure)}\n", style="red", markup=False)


def _failure(failure: Failure | None) -> str:
    if failure is None:
        return ""
    return f"{failure.type}: {failure.message}" if failure.message else failure.type


def _step_row(step: StepView) -> tuple[str, ...]:
    last = step.attempts[-1] if step.attempts else None
    failure = _failure(last.failure) if last else ""
    return (
        escape(step.step),
        status(step.status),
        milliseconds(step.duration_ms),
        str(len(step.attempts)) if step.attempts else "",
        escape((last.worker if last else None) or ""),
        escape(failure or (step.reason or "").replace("_", " ")),
    )


@click.command("explain")
@click.argument("run_id", metavar="RUN")
@bus_command
async def explain_command(call: Call, run_id: str) -> None:
    """Say why a run is still open: what it waits for, since when, until when."""
    client: Client
    async with call.client() as client:
        found: dict[str, Any] = await run_of(client, run_id).explain()
    if call.json:
        print_json(found)
        return
    pending = found.get("pending", [])
    if not pending:
        out().print(f"The run is {status(found['status'])}: it waits for nothing.")
    for cause in pending:
        where = f"{cause['step']}: " if cause.get("step") else ""
        out().print(where + str(cause.get("sentence") or cause.get("cause")), markup=False)
