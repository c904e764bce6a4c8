"""Compare two revisions: `python -m stretto.bench.compare REV [A] [B] [C] [D] [E] [--rounds N]`.

The other revision is checked out into a temporary work tree and runs its own benchmark with the
packages that are installed here. Both run in turn (base, this, base, this), because the speed of a
machine drifts; the spread says how much of a ratio is chance.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from stretto.bench.report import number
from stretto.bench.workloads import WORKLOADS

HERE = Path(__file__).resolve().parents[3]
RUN_TIMEOUT_S = 600.0
ROUNDS = 2
OPTIONS = ("--short", "--in-flight", "1000", "--seconds", "10")
"""Short workloads, but B not as short: that would compare noise."""

PACE = "cost.pace_ms"
"""How much a core did meanwhile: where it differs, so do all the others, whatever was changed."""

FIGURES: dict[str, tuple[str, ...]] = {
    "A": ("p50_ms", "p99_ms"),
    "B": ("steps_per_s", "cpu_ms_per_step", "p50_ms", "p99_ms", "rss_mb_peak", PACE),
    "C": ("p50_ms", "speedup"),
    "D": ("seconds",),
    "E": ("p50_ms", "p99_ms"),
}
"""What is compared of each workload."""


@dataclass(frozen=True)
class Compared:
    """One figure at two revisions.

    Attributes:
        ratio: mean of this by mean of base.
        spread: the larger of both ranges, as a share of its mean: what chance does.
    """

    workload: str
    figure: str
    base: list[float]
    this: list[float]

    @property
    def ratio(self) -> float:
        return _mean(self.this) / _mean(self.base)

    @property
    def spread(self) -> float:
        return max((max(v) - min(v)) / _mean(v) for v in (self.base, self.this))

    @property
    def differs(self) -> bool:
        """Whether the ratio is further from 1 than chance explains."""
        return abs(self.ratio - 1) > self.spread


def compared(
    base: Sequence[Mapping[str, Any]], this: Sequence[Mapping[str, Any]]
) -> list[Compared]:
    """Compare the `workloads` of several reports of two revisions."""
    return [
        Compared(letter, name, _values(base, letter, name), _values(this, letter, name))
        for letter, names in FIGURES.items()
        for name in names
        if all(_value(run, letter, name) for run in (*base, *this))
    ]


@contextmanager
def checked_out(repository: Path, rev: str) -> Iterator[Path]:
    """Give a temporary work tree of a revision; it is removed afterwards.

    Raises:
        ClickException: there is no such revision.
    """
    with tempfile.TemporaryDirectory(prefix="stretto-base-") as parent:
        tree = Path(parent) / "tree"
        added = _git(repository, "worktree", "add", "--detach", "--quiet", str(tree), rev)
        if added.returncode != 0:
            raise click.ClickException(f"expected a revision, but {added.stderr.strip()}")
        try:
            yield tree
        finally:
            _git(repository, "worktree", "remove", "--force", str(tree))


def run_bench(
    tree: Path, letters: Sequence[str], options: Sequence[str] = OPTIONS
) -> dict[str, Any]:
    """Run the benchmark of a work tree and return its `workloads`.

    Raises:
        ClickException: it failed; the text ends with what it said.
    """
    command = [sys.executable, "-P", "-m", "stretto.cli.main", "bench", *letters, "--json"]
    ended = subprocess.run(
        [*command, *options],
        cwd=tree,
        # Ahead of what is installed: the packages of this tree, for the services as well.
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tree / "libs"), str(tree)))},
        capture_output=True,
        check=False,
        timeout=RUN_TIMEOUT_S,
    )
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace")[-2000:]
        raise click.ClickException(f"expected the benchmark of {tree} to run, but it said:\n{said}")
    report: dict[str, Any] = msgspec.json.decode(ended.stdout)
    workloads: dict[str, Any] = report["workloads"]
    return workloads


def table(rows: Sequence[Compared], rev: str) -> Table:
    """Return the comparison for people."""
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "figure"):
        shown.add_column(column)
    for column in (rev, "this", "this / base", "spread", ""):
        shown.add_column(column, justify="right")
    for row in rows:
        shown.add_row(
            row.workload,
            row.figure,
            "  ".join(map(number, row.base)),
            "  ".join(map(number, row.this)),
            f"{row.ratio:.2f}",
            f"{row.spread:.0%}",
            "differs" if row.differs else "",
        )
    return shown


@click.command()
@click.argument("rev")
@click.argument("letters", nargs=-1, type=click.Choice(list(WORKLOADS), case_sensitive=False))
@click.option("--rounds", type=click.IntRange(2, 20), default=ROUNDS, show_default=True)
@click.option(
    "--tree",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=HERE,
    help="The work tree to compare.",
)
def main(rev: str, letters: tuple[str, ...], rounds: int, tree: Path) -> None:
    """Compare a work tree with its revision REV on short workloads (all of them, or LETTERS)."""
    chosen = letters or tuple(WORKLOADS)
    base: list[dict[str, Any]] = []
    this: list[dict[str, Any]] = []
    aside = Console(stderr=True, highlight=False)
    with checked_out(tree, rev) as other:
        for turn in range(1, rounds + 1):
            for name, where, into in ((rev, other, base), ("this", tree, this)):
                aside.print(f"{turn}/{rounds}  {name}")
                into.append(run_bench(where, chosen))
    Console(highlight=False).print(table(compared(base, this), rev))


def _values(runs: Sequence[Mapping[str, Any]], letter: str, name: str) -> list[float]:
    return [_value(run, letter, name) for run in runs]


def _value(run: Mapping[str, Any], letter: str, name: str) -> float:
    """Return a figure by its dotted name; 0 where it is not there, as in an older revision."""
    found: Any = run.get(letter, {})
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return float(found or 0.0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(repository), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60.0,
    )


if __name__ == "__main__":
    main()
