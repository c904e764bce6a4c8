"""`stretto signal`, `approve`, `pause`, `retry` …: tell a run what to do, and say who and why."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Coroutine
from typing import Any

import click

from stretto.cli.calling import Call, bus_command
from stretto.cli.inputs import input_options, read_input
from stretto.cli.printing import out, print_json
from stretto.cli.run_ids import run_of
from stretto.client import Client, NotReachable, Rejected, Run
from stretto.contracts.public import Controlled

BY_VARIABLE = "STRETTO_BY"

_DONE = {
    "signal": "sent: the step that waits for the signal takes it, or the next one that does",
    "approve": "approved",
    "reject": "rejected",
    "pause": "paused: nothing new begins, what is out goes on",
    "resume": "resumed",
    "retry": "what failed runs again",
    "skip": "skipped",
    "rewind": "went back",
    "rollback": "goes back: what came of the step is undone",
    "cancel": "is being cancelled",
    "terminate": "terminated",
}


def user() -> str | None:
    """Give the name of who calls this, where the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


by_option = click.option(
    "--by",
    envvar=BY_VARIABLE,
    default=user,
    show_default="the user",
    metavar="NAME",
    help="Who asks: kept in the log.",
)
reason_option = click.option("--reason", metavar="TEXT", help="Why: kept in the log.")


def control_command(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Give a command the run it is about, who asks and why, and the options of all commands."""
    run = click.argument("run_id", metavar="RUN")
    return run(by_option(reason_option(bus_command(function))))


@click.command("signal")
@control_command
@click.argument("name")
@input_options
async def signal_command(
    call: Call, name: str, inputs: tuple[str, ...], input_json: str | None, **said: Any
) -> None:
    """Send the signal NAME: a step that waits for it takes it, or the next one that does."""
    await control(call, "signal", name=name, payload=read_input(inputs, input_json), **said)


@click.command("approve")
@control_command
@click.option("--step", metavar="STEP", help="Which step, where several wait.")
async def approve_command(call: Call, **said: Any) -> None:
    """Approve a step that waits for approval."""
    await control(call, "approve", **said)


@click.command("reject")
@control_command
@click.option("--step", metavar="STEP", help="Which step, where several wait.")
async def reject_command(call: Call, **said: Any) -> None:
    """Refuse to approve: the step fails with the type `Rejected`."""
    await control(call, "reject", **said)


@click.command("pause")
@control_command
async def pause_command(call: Call, **said: Any) -> None:
    """Begin nothing new in a run until it is resumed; what is out goes on."""
    await control(call, "pause", **said)


@click.command("resume")
@control_command
async def resume_command(call: Call, **said: Any) -> None:
    """Go on with a paused run."""
    await control(call, "resume", **said)


@click.command("retry")
@control_command
@click.argument("step", required=False)
async def retry_command(call: Call, **said: Any) -> None:
    """Run the steps that failed again, or only STEP; a failed run is open again.

    A step that waits for its next attempt is tried at once.
    """
    await control(call, "retry", **said)


@click.command("skip")
@control_command
@click.argument("step")
async def skip_command(call: Call, **said: Any) -> None:
    """Go on as if the open step STEP had been skipped; what it runs is withdrawn."""
    await control(call, "skip", **said)


@click.command("rewind")
@control_command
@click.argument("step")
async def rewind_command(call: Call, **said: Any) -> None:
    """Go back to STEP: it and all that needs it run again.

    A run that failed or was cancelled is open again.
    """
    await control(call, "rewind", **said)


@click.command("cancel")
@control_command
async def cancel_command(call: Call, **said: Any) -> None:
    """End a run in order: what is open is cancelled, what was done is undone."""
    await control(call, "cancel", **said)


@click.command("terminate")
@control_command
async def terminate_command(call: Call, **said: Any) -> None:
    """End a run at once: nothing is undone."""
    await control(call, "terminate", **said)


async def control(call: Call, command: str, *, run_id: str, **fields: Any) -> None:
    """Send a command to a run, wait until it was carried out, and say so."""
    client: Client
    async with call.client() as client:
        run = await run_of(client, run_id)
        try:
            done: Controlled = await run.control(command, **fields)
        except Rejected as error:
            await _note_what_it_takes(run, fields.get("step"), error)
            raise
    if call.json:
        print_json(done)
        return
    out().print(f"{done.run_id}: {_DONE.get(command, command)}{_said(fields)}", markup=False)


async def _note_what_it_takes(run: Run, step: str | None, error: Rejected) -> None:
    """Put beside a refusal what would not be refused now."""
    try:
        commands = await run.controls()
        of_step = [] if step is None else await run.controls(step)
    except (NotReachable, Rejected):
        return  # the refusal itself is what matters
    if commands:
        error.add_note(f"It takes now: {', '.join(commands)}.")
    if of_step:
        error.add_note(f"Step {step!r} takes now: {', '.join(of_step)}.")


def _said(fields: dict[str, Any]) -> str:
    by = f" by {fields['by']}" if fields.get("by") else ""
    why = f": {fields['reason']}" if fields.get("reason") else ""
    return f" ({by.strip()}{why})" if by else f" ({fields['reason']})" if why else ""
