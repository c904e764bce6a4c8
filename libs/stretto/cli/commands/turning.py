"""`stretto rollback`, `fork` and `migrate`: a run goes back, begins anew, or by another version."""

from __future__ import annotations

import sys
from typing import Any

import click

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.control import by_option, control, control_command, reason_option
from stretto.cli.exits import EXIT_RUN_FAILED
from stretto.cli.inputs import input_options, read_input
from stretto.cli.printing import out, print_json, table
from stretto.cli.run_ids import run_of
from stretto.client import Client, Rejected
from stretto.client.migrations import MigrationReport
from stretto.contracts.ids import parse_run_id
from stretto.contracts.migration import MigrationFinding

MAX_RUNS_TOLD = 20
"""Runs that a batch could not migrate: more are only counted."""


@click.command("rollback")
@control_command
@click.argument("to", metavar="STEP")
@click.option("--pause", is_flag=True, help="Stay paused there.")
async def rollback_command(call: Call, **said: Any) -> None:
    """Go back to the end of STEP: all that came of it is undone, and runs again.

    A run that failed or was cancelled, and was not undone, is open again.
    """
    await control(call, "rollback", **said)


@click.command("fork")
@click.argument("run_id", metavar="RUN")
@click.option("--at", "at_seq", type=click.IntRange(1), metavar="SEQ", help="After this event.")
@click.option("--step", metavar="STEP", help="Run this step again, and all that needs it.")
@click.option(
    "--version", metavar="VERSION", help="Another version of the workflow: a number or a label."
)
@click.option("--id", "key", metavar="KEY", help="Your own key of the new run.")
@input_options
@by_option
@reason_option
@bus_command
async def fork_command(
    call: Call,
    *,
    run_id: str,
    key: str | None,
    inputs: tuple[str, ...],
    input_json: str | None,
    **said: Any,
) -> None:
    """Start a run that begins where RUN stands, or stood: what had completed is not run again.

    Its input is that of RUN, with each -i put over it; --input-json stands for all of it.
    """
    client: Client
    async with call.client() as client:
        source = await run_of(client, run_id)
        over = (await source.state())["input"] if inputs and input_json is None else None
        value = read_input(inputs, input_json, over)
        run = await client.fork(source.id, input=value, id=key, **said)
    if call.json:
        print_json({"run_id": run.id, "workflow": run.workflow, "from_run": source.id})
        return
    out().print(run.id, markup=False)


@click.command("migrate")
@click.argument("what", metavar="RUN|WORKFLOW")
@click.option("--to", "to_version", metavar="VERSION", help="A number or a label [the latest].")
@click.option("--from", "from_version", metavar="VERSION", help="Only runs of this version.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Migrate at most so many runs.")
@by_option
@reason_option
@bus_command
async def migrate_command(
    call: Call,
    *,
    what: str,
    to_version: str | None,
    from_version: str | None,
    dry_run: bool,
    limit: int | None,
    **said: Any,
) -> None:
    """Let a run, or all open runs of a workflow, follow another version.

    What is the name of a workflow and the key of a run is the workflow.

    A run can when every step that it has begun is there too, of the same kind. Exits with 1 when
    something keeps a run.
    """
    client: Client
    to, source = _version(to_version), _version(from_version)
    async with call.client() as client:
        if _is_run(what):
            await _one(call, client, what, to, dry_run=dry_run, **said)
            return
        try:
            report = await client.migrations.migrate_all(
                what, from_version=source, to_version=to, limit=limit, dry_run=dry_run, **said
            )
        except Rejected as refused:
            if refused.code != "workflow_unknown" or source is not None or limit is not None:
                raise
            run_id = await _shortly(client, what, refused)
            await _one(call, client, run_id, to, dry_run=dry_run, **said)
            return
    _tell(call, report, dry_run=dry_run)


async def _shortly(client: Client, what: str, no_workflow: Rejected) -> str:
    """The id of the run that is meant by what is no workflow: its beginning, or a key."""
    try:
        return (await run_of(client, what)).id
    except Rejected as refused:
        if refused.code in ("run_unknown", "run_id_invalid"):
            raise no_workflow from refused
        raise


async def _one(
    call: Call,
    client: Client,
    run_id: str,
    version: int | str | None,
    *,
    dry_run: bool,
    **said: Any,
) -> None:
    run = client.get(run_id)
    if not dry_run:
        await run.migrate(version, **said)
        found = await client.migrations.look(run.id, version)
        if call.json:
            print_json({"run_id": run.id, "version": found.from_version})
        else:
            out().print(f"{run.id}: follows version {found.from_version} now", markup=False)
        return
    found = await client.migrations.look(run.id, version)
    if call.json:
        print_json(found)
    else:
        word = "can follow" if found.possible else "cannot follow"
        text = f"{run.id}: {word} version {found.to_version} (it follows {found.from_version})"
        out().print(text, markup=False)
        _findings(found.problems or found.changes)
    if not found.possible:
        sys.exit(EXIT_RUN_FAILED)


def _findings(found: list[MigrationFinding]) -> None:
    for each in found:
        out().print(f"  {each.message}  [{each.code}]", markup=False)


def _tell(call: Call, report: MigrationReport, *, dry_run: bool) -> None:
    if call.json:
        told = {
            "to_version": report.to_version,
            "dry_run": dry_run,
            "migrated": report.migrated,
            "kept": dict(report.kept),
            "refused": report.refused,
        }
        print_json(told)
    else:
        one = report.migrated == 1
        can = "can follow" if dry_run else "follows" if one else "follow"
        runs = "1 run" if one else f"{report.migrated} runs"
        out().print(f"{runs} {can} version {report.to_version}", markup=False)
        if report.refused:
            rows = [(code, str(count)) for code, count in report.kept.most_common()]
            table(("kept by", "runs"), rows, "")
            for run_id, why in list(report.refused.items())[:MAX_RUNS_TOLD]:
                out().print(f"  {run_id}  {why}", markup=False)
            more = len(report.refused) - MAX_RUNS_TOLD
            if more > 0:
                out().print(f"  and {more} more", markup=False)
    if report.refused:
        sys.exit(EXIT_RUN_FAILED)


def _version(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _is_run(text: str) -> bool:
    try:
        parse_run_id(text)
    except ValueError:
        return False
    return True
