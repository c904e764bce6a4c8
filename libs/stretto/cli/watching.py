"""A run as it goes: live on a terminal, else a line for everything that ends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stretto.cli.printing import aside, left, seconds, status
from stretto.cli.progress import Progress, Row, failure_text
from stretto.client import NotReachable, Rejected, Run, RunEvent

_DRAW_EVERY_S = 0.1
_ESTIMATE_EVERY_S = 1.0
_MAX_NOTE = 70
_MAX_ROWS = 40
"""Drawn at once: a terminal has no more lines; the ones that ended first are left out."""
_LINES_OF_ITEMS = 4
"""So many lines tell how far a `for_each` is."""

_MARKS = {
    "completed": "[green]✓[/]",
    "failed": "[red]✗[/]",
    "skipped": "[dim]–[/]",
    "cancelled": "[yellow]–[/]",
    "retrying": "[yellow]↻[/]",
    "waiting": "[yellow]…[/]",
}


class View(Protocol):
    """Who shows a run."""

    def changed(self, progress: Progress, event: RunEvent, row: Row | None) -> None: ...


async def watch(run: Run, console: Console | None = None) -> Progress:
    """Show a run until it has ended, on stderr unless told; return what became of it.

    Raises as `Run.events`.
    """
    console = console or aside()
    progress = Progress(run.id, run.workflow or "")
    if not console.is_terminal:
        await _follow(run, progress, Lines(console))
        return progress
    with Live(console=console, auto_refresh=False, transient=False) as live:
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(_draw(live, progress)),
                group.create_task(_estimate(run, progress)),
            ]
            try:
                await _follow(run, progress, Nothing())
            finally:
                for task in beside:
                    task.cancel()
        live.update(drawn(progress, datetime.now(UTC)), refresh=True)
    return progress


async def _follow(run: Run, progress: Progress, view: View) -> None:
    async for event in run.events():
        view.changed(progress, event, progress.take(event))


async def _draw(live: Live, progress: Progress) -> None:
    while True:
        live.update(drawn(progress, datetime.now(UTC)), refresh=True)
        await asyncio.sleep(_DRAW_EVERY_S)


async def _estimate(run: Run, progress: Progress) -> None:
    """Ask now and then how far the run is; while nobody knows, nothing is shown of it."""
    while True:
        await asyncio.sleep(_ESTIMATE_EVERY_S)
        try:
            progress.estimate = await run.progress()
            progress.estimated_at = datetime.now(UTC)
        except (NotReachable, Rejected):
            progress.estimate = None  # monitoring is away, or does not know the run yet


class Nothing:
    """Shows nothing by itself: the model is drawn from time to time."""

    def changed(self, progress: Progress, event: RunEvent, row: Row | None) -> None:
        """Do nothing."""


class Lines:
    """A line for everything that ends, and for a few stages of a `for_each`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told: dict[str, int] = {}

    def changed(self, progress: Progress, event: RunEvent, row: Row | None) -> None:
        """Print a line if there is something to say."""
        if event.type == "run.started":
            self._say(f"{progress.workflow} v{progress.version} started, run {progress.run_id}")
        elif row is not None and (row.done or row.status == "retrying" or self._is_stage(row)):
            self._say(_line(row, event.at))
        elif progress.over:
            took = seconds(progress.seconds(event.at))
            self._say(f"{progress.workflow} {status(progress.status)} in {took}")

    def _is_stage(self, row: Row) -> bool:
        if not row.total:
            return False
        stage = row.finished * _LINES_OF_ITEMS // row.total
        told = self._told.get(row.name, 0)
        self._told[row.name] = stage
        return stage > told

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _line(row: Row, now: datetime) -> str:
    count = f" {row.finished}/{row.total}" if row.total else ""
    note = f"  [dim]{escape(_cut(row.note))}[/]" if row.note else ""
    return f"{_mark(row)} {escape(row.name)}{count}  {seconds(row.seconds(now))}{note}"


def drawn(progress: Progress, now: datetime) -> RenderableType:
    """Draw a run: a line each step, a bar each `for_each`."""
    head = Text.from_markup(
        f"[bold]{escape(progress.workflow)}[/] {status(progress.status)} "
        f"{seconds(progress.seconds(now))}  [dim]{progress.run_id}[/]"
    )
    table = Table.grid(padding=(0, 2))
    rows = list(progress.rows.values())
    left_out = max(0, len(rows) - _MAX_ROWS)
    if left_out:
        table.add_row("", f"[dim]… {left_out} steps before[/]", "", "")
    for row in rows[left_out:]:
        table.add_row(
            _mark(row),
            escape(row.name),
            f"{seconds(row.seconds(now)):>9}",
            _bar(row) if row.total else f"[dim]{escape(_cut(_said(progress, row)))}[/]",
        )
    parts: list[RenderableType] = [head, table]
    if progress.estimate is not None and not progress.over:
        parts.insert(1, _whole(progress, now))
    if progress.failure is not None and progress.over:
        parts.append(Text(failure_text(progress.failure), style="red"))
    return Group(*parts)


def _whole(progress: Progress, now: datetime) -> RenderableType:
    """The bar of the whole run, and the time that is left."""
    assert progress.estimate is not None
    share = progress.estimate.progress
    text = f"{share:4.0%}"
    if (left_s := progress.left_s(now)) is not None:
        text += f"  about {left(left_s)} left"
    line = Table.grid(padding=(0, 2))
    line.add_row(ProgressBar(total=1.0, completed=share, width=40), text)
    return line


def _said(progress: Progress, row: Row) -> str:
    """What a step last said of itself, else its note."""
    if progress.estimate is not None and not row.done:
        for attempt in progress.estimate.attempts:
            if attempt.step == row.name and (attempt.progress is not None or attempt.message):
                share = "" if attempt.progress is None else f"{attempt.progress:.0%} "
                return share + (attempt.message or "")
    return row.note


def _bar(row: Row) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    failed = f" [red]{row.failed} failed[/]" if row.failed else ""
    grid.add_row(
        ProgressBar(total=row.total, completed=row.finished, width=30),
        f"{row.finished}/{row.total}{failed}",
    )
    return grid


def _mark(row: Row) -> str:
    return _MARKS.get(row.status, "[cyan]•[/]")


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_NOTE else text[: _MAX_NOTE - 1] + "…"
