"""Tables, durations and JSON, alike in all commands."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape, render
from rich.table import Table

STATUS_STYLES = {
    "completed": "green",
    "failed": "red",
    "failing": "red",
    "terminated": "red",
    "cancelled": "yellow",
    "skipped": "dim",
    "waiting": "yellow",
    "paused": "yellow",
    "queued": "yellow",
    "blocked": "red",
}
RUNNING_STYLE = "cyan"

_WHOLE = frozenset({"run", "status", "event", "at", "seq", "started", "took"})
"""Columns that are never broken."""

NARROW_COLUMNS = 110
"""A terminal of fewer shows the beginnings of run ids that tell the rows apart."""

MIN_ID_CHARS = 13
"""Of a beginning: up to its millisecond."""

_json = msgspec.json.Encoder().encode


PIPE_COLUMNS = 400
"""Not a terminal: a program reads whole rows."""


def out() -> Console:
    """Return the console for what was asked for (stdout)."""
    return Console(width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)


def aside() -> Console:
    """Return the console for what a script does not read (stderr)."""
    return Console(stderr=True, highlight=False)


def note(text: str, style: str | None = None) -> None:
    """Print a remark on stderr, as it is: no markup, no line breaks of ours."""
    aside().print(text, style=style, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as JSON: indented for a person, in one line for a program."""
    data = _json(value)
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    print_line(data)


def print_line(data: bytes) -> None:
    """Print a line at once, so that a program at the other end of a pipe sees it."""
    sys.stdout.write(data.decode() + "\n")
    sys.stdout.flush()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print rows under columns, or a sentence when there are none. Cells may hold markup."""
    cells = list(rows)
    if not cells:
        note(empty)
        return
    screen = out()
    least = _least_widths(columns, cells)
    # Long texts are folded, headings are not: but for a table that would not fit otherwise.
    fits = sum(least) + 2 * (len(columns) - 1) <= screen.width
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column, width in zip(columns, least, strict=True):
        whole = column in _WHOLE
        shown.add_column(column, overflow="fold", no_wrap=whole, min_width=width if fits else None)
    for row in cells:
        shown.add_row(*row)
    if screen.is_terminal:
        screen.print(shown)
        return
    with screen.capture() as printed:
        screen.print(shown)
    screen.out("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _least_widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """How wide columns have to be: as their headings, or their cells where these stay whole."""
    widths = [len(column) for column in columns]
    for number, column in enumerate(columns):
        if column in _WHOLE:
            cells = [cell_len(render(row[number]).plain) for row in rows if number < len(row)]
            widths[number] = max(widths[number], *cells)
    return widths


def run_ids(ids: Sequence[str]) -> list[str]:
    """Give the run ids of a table as they are shown: whole, but on a narrow terminal so much of
    them as tells them apart; every command takes the beginning of an id."""
    screen = out()
    if not screen.is_terminal or screen.width >= NARROW_COLUMNS:
        return list(ids)
    chars = MIN_ID_CHARS
    while len({each[:chars] for each in ids}) < len(set(ids)):
        chars += 1
    return [each[:chars] for each in ids]


def status(text: str) -> str:
    """Return a status with its colour."""
    return f"[{STATUS_STYLES.get(text, RUNNING_STYLE)}]{escape(text)}[/]"


def seconds(value: float | None) -> str:
    """Write a duration in seconds for a person: `12 ms`, `1.24 s`, `3 min 20 s`, `2 h 5 min`."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.0f} ms" if value >= 0.0095 else f"{value * 1000:.1f} ms"
    if value < 60:
        return f"{value:.2f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def because(reason: str) -> str:
    """Write the reason that an event gives for a person."""
    return "the run ends" if reason == "run_failing" else reason.replace("_", " ")


def left(value: float) -> str:
    """Write a time that is left: no more exactly than it can be known."""
    return "1 s" if value < 1.5 else f"{value:.0f} s" if value < 60 else seconds(value)


def milliseconds(value: float | None) -> str:
    """Write a duration in milliseconds for a person."""
    return seconds(None if value is None else value / 1000)


def local_time(text: str | None) -> str:
    """Write an instant (RFC 3339) in the time zone of this machine; the date if not today."""
    return zoned_time(text).rpartition(" ")[0]


def zoned_time(text: str | None, zone: str | None = None) -> str:
    """Write an instant (RFC 3339) with the name of its time zone: of `zone` where it is known here,
    else of this machine; the date if not today."""
    if not text:
        return ""
    try:
        place = None if zone is None else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):  # this machine does not know it
        place = None
    instant = datetime.fromisoformat(text).astimezone(place)
    today = datetime.now(UTC).astimezone(place).date()
    return instant.strftime("%H:%M:%S %Z" if instant.date() == today else "%Y-%m-%d %H:%M:%S %Z")


def short(value: Any, limit: int = 100) -> str:
    """Write a value as JSON on one line, cut where it is long."""
    text = _json(value).decode()
    return text if len(text) <= limit else text[: limit - 1] + "…"
