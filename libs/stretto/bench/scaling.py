"""Does more of a service do more? `python -m stretto.bench.scaling [--seconds N] [SERVICE=N ...]`.

Workload B with one process of everything, then with more of one service at a time. What more
processes give says how much of a step cannot be shared out: by Amdahl's law, when `n` processes
give a speed-up `s`, the serial share is `(n / s - 1) / (n - 1)`. On a machine whose cores are
all busy with one process of each there is nothing to gain: there the figures say what more
processes cost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from stretto.bench.figures import FiguresB
from stretto.bench.report import number
from stretto.bench.rig import RigOptions
from stretto.bench.run import BenchOptions, bench
from stretto.bench.sizes import FULL

WORKERS = "worker"
SETUPS: tuple[dict[str, int], ...] = (
    {},
    {"workflow": 2},
    {"workflow": 4},
    {"decision": 2},
    {"decision": 4},
    {"execution": 2},
    {WORKERS: 2},
    {WORKERS: 4},
)
"""Each is run on a stack of its own; the first is what the others are compared with."""

MEASURED_S = 10.0


class Scaled(msgspec.Struct, frozen=True, kw_only=True):
    """One set-up: how many processes of what, and what B found with them.

    `to_one`: throughput as a multiple of that with one process of everything. `serial_share`: what
    of a step is not shared out, by Amdahl's law; None where more processes gave nothing.
    """

    setup: dict[str, int]
    steps_per_s: float
    cpu_ms_per_step: float
    cores: float
    lost: int
    to_one: float
    serial_share: float | None


@dataclass(frozen=True)
class Found:
    """A set-up and the figures of B with it."""

    setup: dict[str, int]
    figures: FiguresB


def serial_share(processes: int, speedup: float) -> float | None:
    """Return the share of the work that is not shared out (0 to 1), by Amdahl's law.

    None when there is nothing to tell it from: one process, or no gain at all.
    """
    if processes < 2 or speedup <= 1:
        return None
    return round(max(0.0, (processes / speedup - 1) / (processes - 1)), 3)


def scaled(found: Sequence[Found]) -> list[Scaled]:
    """Compare set-ups with the first of them."""
    one = found[0].figures.steps_per_s
    return [
        Scaled(
            setup=each.setup,
            steps_per_s=each.figures.steps_per_s,
            cpu_ms_per_step=each.figures.cpu_ms_per_step,
            cores=each.figures.cost.cores,
            lost=each.figures.lost,
            to_one=round(each.figures.steps_per_s / one, 3),
            serial_share=serial_share(
                max(each.setup.values(), default=1), each.figures.steps_per_s / one
            ),
        )
        for each in found
    ]


def table(rows: Sequence[Scaled]) -> Table:
    """Return the comparison for people."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("processes")
    for column in ("steps/s", "to one", "CPU ms/step", "cores busy", "serial share", "lost"):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(
            ", ".join(f"{count} {name}" for name, count in row.setup.items()) or "one of each",
            number(row.steps_per_s),
            f"{row.to_one:.2f}",
            f"{row.cpu_ms_per_step:.3f}",
            number(row.cores),
            "–" if row.serial_share is None else f"{row.serial_share:.0%}",
            number(row.lost),
        )
    return shown


def setups_of(wanted: Sequence[str]) -> Iterator[dict[str, int]]:
    """Read `SERVICE=N` (or `worker=N`) each; nothing wanted: all of `SETUPS`.

    Raises:
        UsageError: one is not of that form.
    """
    if not wanted:
        yield from SETUPS
        return
    yield {}
    for each in wanted:
        name, _, count = each.partition("=")
        if not name or not count.isdigit() or int(count) < 1:
            raise click.UsageError(f"expected SERVICE=N, e.g. workflow=2, but got {each!r}")
        yield {name: int(count)}


def options_of(setup: dict[str, int], seconds: float) -> BenchOptions:
    """Return the benchmark of a set-up."""
    services = {name: count for name, count in setup.items() if name != WORKERS}
    rig = RigOptions(scale=services, workers=setup.get(WORKERS, 1))
    return BenchOptions(letters=("B",), sizes=replace(FULL, seconds=seconds), rig=rig)


@click.command()
@click.argument("wanted", nargs=-1, metavar="[SERVICE=N]...")
@click.option("--seconds", type=click.FloatRange(0.5, 600), default=MEASURED_S, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON, too.")
def main(wanted: tuple[str, ...], seconds: float, out: Path | None) -> None:
    """Run workload B with more processes of one service at a time, and compare."""
    import uvloop

    aside = Console(stderr=True, highlight=False)
    found: list[Found] = []
    for setup in list(setups_of(wanted)):
        aside.print(f"B with {setup or 'one of each'}, {os.cpu_count()} cores")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(bench(options_of(setup, seconds)))
        figures = report.workloads["B"]
        assert isinstance(figures, FiguresB)
        found.append(Found(setup, figures))
    rows = scaled(found)
    Console(highlight=False).print(table(rows))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")


if __name__ == "__main__":
    main()
