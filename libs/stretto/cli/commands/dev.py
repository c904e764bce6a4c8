"""`stretto dev`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.markup import escape

from stretto.cli.exits import EXIT_INTERRUPTED
from stretto.cli.printing import seconds
from stretto.dev import DevOptions, DevStack, dev_stack
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.log_view import LogView
from stretto.dev.plan import DEFAULT_DATA, SERVICES, USUAL_NATS_PORT, worker_plan
from stretto.dev.process import tail_of

_NAME_WIDTH = 12
MAX_LINE_CHARS = 200
"""Of the last line of a log: enough for a sentence."""

_EXIT_NAMES = {-int(number): number.name for number in signal.Signals}


class Terminal:
    """Says what happens on a console: a line for everything that came up or went down, with the
    last line of its log where it ended by itself."""

    def __init__(self, console: Console, logs: Path | None = None) -> None:
        self._console = console
        self._logs = logs

    def up(self, name: str, seconds_: float, where: str | None = None) -> None:
        """Say that a process is up."""
        shown = f"  [dim]{escape(where)}[/]" if where else ""
        self._console.print(
            f"  [green]up[/]    {name:<{_NAME_WIDTH}} {seconds(seconds_):>8}{shown}",
            highlight=False,
        )

    def down(self, name: str, exit_code: int | None, pause_s: float) -> None:
        """Say that a process ended, and when it is started again."""
        why = "did not start" if exit_code is None else f"ended ({_exit_name(exit_code)})"
        self._console.print(
            f"  [red]down[/]  {name:<{_NAME_WIDTH}} {why}, starting again in {seconds(pause_s)}",
            highlight=False,
        )
        last = _last_line(self._logs / f"{name}.log") if self._logs and (exit_code or 0) > 0 else ""
        if last:
            self._console.print(f"        {'':<{_NAME_WIDTH}} [dim]{escape(last)}[/]")

    def note(self, sentence: str) -> None:
        """Say something that is about no process."""
        self._console.print(f"  [yellow]note[/]  {escape(sentence)}", highlight=False)

    def log(self, name: str, line: str) -> None:
        """Show a line of a log."""
        self._console.print(f"[dim]{name:<{_NAME_WIDTH}}[/] {escape(line)}", highlight=False)


def _exit_name(code: int) -> str:
    return _EXIT_NAMES.get(code, f"exit code {code}")


def _last_line(log: Path) -> str:
    """Give the last line of a log, cut where it is long; empty where there is none."""
    last = tail_of(log, 1) if log.exists() else ""
    return last if len(last) <= MAX_LINE_CHARS else last[: MAX_LINE_CHARS - 1] + "…"


def scale_of(values: tuple[str, ...]) -> dict[str, int]:
    """Read `SERVICE=N` options; exits with 2 where one is not like that."""
    counts: dict[str, int] = {}
    for value in values:
        name, separator, count = value.partition("=")
        if not separator or not count.isdecimal():
            raise click.UsageError(f"expected --scale to be like workflow=2, but got {value!r}")
        counts[name] = int(count)
    return counts


@click.command("dev")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_DATA,
    show_default=True,
    help="Where state is kept between starts.",
)
@click.option(
    "--ready-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where everything is (JSON): there while all of it is up, and only then.",
)
@click.option("--scale", multiple=True, metavar="SERVICE=N", help="More processes of a service.")
@click.option("--nats", metavar="URL", help="Use this NATS server in place of an embedded one.")
@click.option("--postgres", metavar="DSN", help="Use this Postgres in place of an embedded one.")
@click.option("--worker", "workers", multiple=True, metavar="MODULE", help="Run a worker as well.")
@click.option("--logs", is_flag=True, help="Show the logs of the services.")
def dev_command(
    *,
    data: Path,
    ready_file: Path | None,
    scale: tuple[str, ...],
    nats: str | None,
    postgres: str | None,
    workers: tuple[str, ...],
    logs: bool,
) -> None:
    """Run everything on this machine: NATS, Postgres, all services.

    What ends is started again. Ctrl-C ends all of it in order; a second one at once. State is kept
    in --data. With OTEL_EXPORTER_OTLP_ENDPOINT spans go there, else `stretto trace` shows them.
    """
    try:
        options = DevOptions(
            data=data,
            ready_file=ready_file,
            scale=scale_of(scale),
            nats=nats,
            postgres=postgres,
            services=[*SERVICES, *(worker_plan(w, n) for n, w in enumerate(workers, 1))],
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    asyncio.run(_dev(options, logs))


async def _dev(options: DevOptions, logs: bool) -> None:
    console = Console(soft_wrap=True)
    terminal = Terminal(console, options.data / "logs")
    began = time.monotonic()
    view = LogView(options.data / "logs")
    _Signals(console)
    try:
        async with dev_stack(options, terminal) as stack:
            _tell(console, stack, time.monotonic() - began)
            if logs:
                await view.follow(terminal.log)
            await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("stopped", highlight=False)


class _Signals:
    """The first SIGINT or SIGTERM cancels the current task, the second ends the process at once.

    The processes that were made die with it: `stretto.dev`, invariant 1.
    """

    def __init__(self, console: Console) -> None:
        self.heard = False
        self._console = console
        self._task = asyncio.current_task()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._hear)

    def _hear(self) -> None:
        if self.heard or self._task is None:
            os._exit(EXIT_INTERRUPTED)
        self.heard = True
        self._console.print("stopping …", highlight=False)
        self._task.cancel()


def _tell(console: Console, stack: DevStack, took_s: float) -> None:
    """Say where everything is."""
    where = stack.endpoints
    rows = [
        ("bus", where.nats),
        ("page", where.http),
        ("logs", str(stack.log_dir)),
        ("traces", str(stack.trace_dir) if where.otlp else os.environ.get(OTLP_ENDPOINT)),
    ]
    console.print(f"[bold]ready[/] in {seconds(took_s)}", highlight=False)
    for name, value in rows:
        if value:
            console.print(f"  {name:<7} {escape(value)}", highlight=False)
    if urlsplit(where.nats).port != USUAL_NATS_PORT:
        # Without this the commands of another terminal would find whoever has the usual port.
        console.print(f"  in other terminals: export STRETTO_NATS_URL={escape(where.nats)}")
    console.print("Ctrl-C ends it.", style="dim", highlight=False)
