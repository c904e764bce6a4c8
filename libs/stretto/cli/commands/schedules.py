"""`stretto schedules` and `stretto schedule …`: what starts runs by the clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.markup import escape

from stretto.cli.calling import Call, bus_command
from stretto.cli.commands.control import BY_VARIABLE, user
from stretto.cli.exits import EXIT_USAGE
from stretto.cli.groups import CommandGroup
from stretto.cli.printing import note, out, print_json, status, table, zoned_time
from stretto.cli.source_files import mistakes_shown, read_source, show_mistakes
from stretto.client import Client
from stretto.contracts.schedules import (
    OVERLAPS,
    Firing,
    Scheduled,
    ScheduleRequest,
    ScheduleSummary,
    ScheduleView,
)

_DONE = {
    "pause": "paused: nothing starts by itself until it is resumed",
    "resume": "resumed",
    "remove": "removed; its history is kept",
}
_MANY = 500


@click.command("schedules")
@bus_command
async def schedules_command(call: Call) -> None:
    """List the schedules: what they start, when next, what came last."""
    found: list[ScheduleSummary] = []
    client: Client
    async with call.client() as client:
        after: str | None = ""
        while after is not None:
            page = await client.schedules.list(after, _MANY)
            found += page.schedules
            after = page.next
    if call.json:
        print_json({"schedules": found})
        return
    rows = [
        (
            escape(s.schedule),
            escape(s.workflow),
            status(s.status),
            escape(s.timing) + ("" if s.timezone == "UTC" else f" [dim]{escape(s.timezone)}[/]"),
            zoned_time(s.next, s.timezone),
            _last(s.last, s.timezone),
        )
        for s in found
    ]
    columns = ("schedule", "workflow", "status", "when", "next", "last")
    table(columns, rows, "No schedules. `stretto schedule apply FILE` adds one.")


def _last(firing: Firing | None, zone: str) -> str:
    return "" if firing is None else f"{zoned_time(firing.instant, zone)} {_became(firing)}"


def _became(firing: Firing) -> str:
    if firing.status == "missed" and firing.count > 1:
        return f"missed {firing.count}"
    return status(firing.outcome or firing.status)


@click.group("schedule", cls=CommandGroup)
def schedule_command() -> None:
    """Apply, look at, pause and run schedules."""


def _said(function: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Give a command who asks and why, and the options of all commands."""
    by = click.option(
        "--by",
        envvar=BY_VARIABLE,
        default=user,
        show_default="the user",
        metavar="NAME",
        help="Who asks: kept in the history.",
    )
    reason = click.option("--reason", metavar="TEXT", help="Why: kept in the history.")
    return by(reason(bus_command(function)))


_overlap = click.option(
    "--overlap",
    type=click.Choice(OVERLAPS),
    help="What happens when a run of the schedule is open still.",
)


@schedule_command.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@_said
async def apply_command(
    call: Call, files: tuple[Path, ...], by: str | None, reason: str | None
) -> None:
    """Make schedules, or change them, from documents."""
    sources = [(file, read_source(file)) for file in files]
    client: Client
    async with call.client() as client:
        for file, source in sources:
            await apply_schedule(call, client, file, source, by=by, reason=reason)


async def apply_schedule(
    call: Call, client: Client, file: Path, source: str, *, by: str | None, reason: str | None
) -> None:
    """Apply a document; with mistakes, show each with its place in the file and end."""
    with mistakes_shown(call, file):
        done = await client.schedules.apply(source, by=by, reason=reason)
    if call.json:
        print_json({"file": str(file), **msgspec.structs.asdict(done)})
        return
    for warning in done.warnings:
        told = "; ".join(filter(None, (warning["reason"], warning.get("suggestion"))))
        note(f"warning: {file}:{warning['line']}:{warning['column']}: {told}")
    kept = "" if done.changed else "  [dim]as before[/]"
    following = f"  next {zoned_time(done.next)}" if done.next else "  no instant to come"
    out().print(f"schedule {escape(done.schedule)}{following}{kept}")


@schedule_command.command("show")
@click.argument("name")
@click.option("--firings", type=click.IntRange(0, 500), default=10, show_default=True, metavar="N")
@bus_command
async def show_command(call: Call, name: str, firings: int) -> None:
    """Show a schedule: what comes, what came, who changed it."""
    client: Client
    async with call.client() as client:
        view = await client.schedules.show(name, firings)
    if call.json:
        print_json(view)
    else:
        _print_view(view)


def _document(what: str) -> str | None:
    """Read a document when that is meant, and not the name of a schedule."""
    path = Path(what)
    return read_source(path) if what == "-" or path.is_file() else None


def _print_view(view: ScheduleView) -> None:
    told = view.schedule
    at = partial(zoned_time, zone=told.timezone)
    screen = out()
    screen.print(f"[bold]{escape(told.schedule)}[/]  starts {escape(told.workflow)}")
    if told.description:
        screen.print(escape(told.description))
    screen.print(f"status   {status(told.status)}" + _paused(told))
    screen.print(f"when     {escape(told.timing)}  [dim]{escape(told.timezone)}[/]")
    screen.print(f"overlap  {told.overlap}")
    for number, instant in enumerate(view.upcoming):
        screen.print(f"{'next' if number == 0 else '':<9}{at(instant)}")
    if view.firings:
        screen.print()
        rows = [
            (
                at(f.instant),
                f.cause,
                _became(f),
                f.run_id or escape(f.reason or ""),
            )
            for f in view.firings
        ]
        table(("at", "cause", "status", "run"), rows, "")
    if view.changes:
        screen.print()
        changes = [
            (at(c.at), c.command, escape(c.by or ""), escape(c.reason or "")) for c in view.changes
        ]
        table(("at", "change", "by", "reason"), changes, "")


def _paused(told: ScheduleSummary) -> str:
    if told.status != "paused":
        return ""
    by = f" by {told.paused_by}" if told.paused_by else ""
    why = f": {told.paused_reason}" if told.paused_reason else ""
    return escape(by + why)


@schedule_command.command("preview")
@click.argument("what", metavar="NAME|FILE")
@click.option("--count", type=click.IntRange(1, 1_000), default=10, show_default=True, metavar="N")
@click.option("--after", metavar="INSTANT", help="RFC 3339; else from now on.")
@bus_command
async def preview_command(call: Call, what: str, count: int, after: str | None) -> None:
    """Print the instants to come of a schedule, or of a document that need not be applied."""
    source = _document(what)
    client: Client
    async with call.client() as client:
        name = what if source is None else None
        found = await client.schedules.preview(name, source=source, count=count, after=after)
    if call.json:
        print_json(found)
    elif found.mistakes:
        show_mistakes(found.mistakes, Path(what))
    else:
        for each in found.instants:
            late = "" if each.starts_at == each.instant else f"  starts {each.starts_at}"
            click.echo(f"{each.local}{late}")
        if len(found.instants) < count:
            note("no more instants to come")
    if found.mistakes:
        sys.exit(EXIT_USAGE)


@schedule_command.command("pause")
@click.argument("name")
@_said
async def pause_command(call: Call, **said: Any) -> None:
    """Let nothing start by itself until it is resumed; what runs goes on."""
    await _request(call, ScheduleRequest(command="pause", **said))


@schedule_command.command("resume")
@click.argument("name")
@_said
async def resume_command(call: Call, **said: Any) -> None:
    """Go on from now; `backfill` makes up for what came meanwhile."""
    await _request(call, ScheduleRequest(command="resume", **said))


@schedule_command.command("run")
@click.argument("name")
@_overlap
@_said
async def run_command(call: Call, **said: Any) -> None:
    """Fire now, beside the clock; also while it is paused."""
    await _request(call, ScheduleRequest(command="trigger", **said))


@schedule_command.command("backfill")
@click.argument("name")
@click.option("--start", "--from", required=True, metavar="INSTANT", help="RFC 3339.")
@click.option("--end", "--to", required=True, metavar="INSTANT", help="RFC 3339, included.")
@click.option("--again", is_flag=True, help="Also for instants that had a run.")
@_overlap
@_said
async def backfill_command(call: Call, **said: Any) -> None:
    """Fire for the instants of a past range that came to no run, one after the other."""
    await _request(call, ScheduleRequest(command="backfill", **said))


@schedule_command.command("remove")
@click.argument("name")
@_said
async def remove_command(call: Call, **said: Any) -> None:
    """Let it fire no more; what runs goes on, its history is kept."""
    await _request(call, ScheduleRequest(command="remove", **said))


async def _request(call: Call, request: ScheduleRequest) -> None:
    client: Client
    async with call.client() as client:
        done = await client.schedules.request(request)
    if call.json:
        print_json(msgspec.structs.asdict(done))
    else:
        out().print(_sentence(done), markup=False)


def _sentence(done: Scheduled) -> str:
    if done.command == "trigger":
        return f"{done.status}" + (f"  run {done.run_id}" if done.run_id else "")
    if done.command == "backfill":
        skipped = f", {done.skipped} left out" if done.skipped else ""
        instants = "1 instant" if done.firings == 1 else f"{done.firings} instants"
        return f"{instants} to make up for{skipped}"
    following = f"; next {zoned_time(done.next)}" if done.command == "resume" and done.next else ""
    return _DONE[done.command] + following
