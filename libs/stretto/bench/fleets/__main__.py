"""`python -m stretto.bench.fleets [CASE ...] [--small] [--trace FILE] [--out FILE]`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from stretto.bench.fleets import mosaic, recorded
from stretto.bench.fleets.backlog import backlog
from stretto.bench.fleets.branches import branches
from stretto.bench.fleets.figure import SMALL, Figure, Size
from stretto.bench.fleets.losing import losing
from stretto.bench.fleets.presence import presence
from stretto.bench.fleets.waiting import waiting
from stretto.bench.measured import keep, measured
from stretto.bench.report import number
from stretto.bench.rig import Rig, RigOptions, rig

Case = Callable[[Rig, Size], Awaitable[list[Figure]]]

CASES: dict[str, Case] = {
    "branches": branches,
    "presence": presence,
    "lost": losing,
    "waiting": waiting,
    "mosaic": mosaic.longest_chain,
    "scale": backlog,
    "recorded": recorded.longest_chain,
}
NEEDS_A_FILE = "recorded"


def table(figures: Sequence[Figure]) -> Table:
    """Return what was found, for people."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("case", "what"):
        shown.add_column(column)
    shown.add_column("found", justify="right")
    for column in ("unit", "promised", ""):
        shown.add_column(column)
    for each in figures:
        mark = "✓" if each.kept else "✗"
        bound = f"{mark} {each.kind} {each.bound:g}"
        shown.add_row(each.case, each.what, number(each.value), each.unit, bound, each.note)
    return shown


async def _measure(case: str, size: Size) -> list[Figure]:
    async with rig(RigOptions()) as running:
        return await CASES[case](running, size)


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--small", is_flag=True, help="Small sizes: whether it works, not what it costs.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A recorded run in WfFormat, for the case `recorded`.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON, too.")
def main(cases: tuple[str, ...], small: bool, trace: Path | None, out: Path | None) -> None:
    """Measure workers and devices in numbers (all cases, or those named)."""
    size = replace(SMALL if small else Size(), trace=trace)
    if NEEDS_A_FILE in cases and trace is None:
        raise click.UsageError(f"expected --trace FILE for the case {NEEDS_A_FILE!r}")
    all_of_them = tuple(case for case in CASES if case != NEEDS_A_FILE or trace is not None)
    found = measured(cases or all_of_them, lambda case: _measure(case, size))
    figures = [figure for each in found for figure in each]
    Console(highlight=False).print(table(figures))
    if out is not None:
        keep(figures, out)
    if not small and not all(figure.kept for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
