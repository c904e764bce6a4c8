"""`python -m stretto.bench.growing [CASE ...] [--small] [--out FILE]`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from stretto.bench.growing.cases import CASES, SMALL, TOLERATED, Grown, Growth
from stretto.bench.measured import keep, measured
from stretto.bench.report import number
from stretto.bench.rig import RigOptions, rig


def table(rows: Sequence[Grown]) -> Table:
    """Return what was found, for people."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("case", "with"):
        shown.add_column(column)
    for column in ("small", "large", "unit", "dearer", ""):
        shown.add_column(column, justify="right")
    for row in rows:
        mark = "✓" if row.tolerated else f"✗ over {TOLERATED:g}"
        dearer = f"{row.dearer:.2f} ×"
        small, large = number(row.small), number(row.large)
        shown.add_row(row.case, row.what, small, large, row.unit, dearer, f"{mark} {row.note}")
    return shown


async def _measure(case: str, growth: Growth) -> Grown:
    async with rig(RigOptions()) as running:
        return await CASES[case](running, growth)


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--small", is_flag=True, help="Small sizes: whether it works, not what it costs.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="JSON, too.")
def main(cases: tuple[str, ...], small: bool, out: Path | None) -> None:
    """Measure whether work gets dearer as the system fills (all cases, or those named)."""
    growth = SMALL if small else Growth()
    rows = measured(cases or tuple(CASES), lambda case: _measure(case, growth))
    Console(highlight=False).print(table(rows))
    if out is not None:
        keep(rows, out)


if __name__ == "__main__":
    main()
