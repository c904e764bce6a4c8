"""A short benchmark that fails on a large loss: `python -m stretto.bench.guard`, in `make test`.

This tree and the revision named in `tests/bench/reference` run workload B in turn (A B A B). What
is held against each other is the CPU of a step, which a busy machine changes less than anything
else. Fails when a step costs more than 30 % more and chance does not explain it: in every run of
this tree more than in any run of the reference, also when all is run once more. Whoever makes a
step dearer on purpose moves the reference and says why.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from stretto.bench.compare import HERE, Compared, checked_out, compared, run_bench

REFERENCE = Path("tests") / "bench" / "reference"
TOLERATED = 1.3
ROUNDS = 2
FIGURE = "cpu_ms_per_step"
OPTIONS = ("--short", "--in-flight", "200", "--seconds", "3")

Runs = list[Mapping[str, Any]]


def reference_of(tree: Path) -> str | None:
    """Return the revision to compare with: the named one, else the one before; None: neither is in
    this clone."""
    named = (tree / REFERENCE).read_text().split()[0]
    for rev in (named, "HEAD~1"):
        found = subprocess.run(
            ["git", "-C", str(tree), "cat-file", "-e", f"{rev}^{{commit}}"],
            capture_output=True,
            check=False,
            timeout=60.0,
        )
        if found.returncode == 0:
            return rev
    return None


def cost_of_a_step(
    base: Sequence[Mapping[str, Any]], this: Sequence[Mapping[str, Any]]
) -> Compared:
    """Pick the figure that is guarded."""
    return next(row for row in compared(base, this) if row.figure == FIGURE)


def is_loss(found: Compared) -> bool:
    """Tell whether a step costs more than is tolerated, in every run."""
    return found.ratio > TOLERATED and min(found.this) > max(found.base)


def guarded(base: Path, this: Path, measure: Callable[[Path], Mapping[str, Any]]) -> Compared:
    """Measure both trees in turn, again when it looks like a loss; return what was found."""
    of_base: Runs = []
    of_this: Runs = []
    for _ in range(2):
        for _ in range(ROUNDS):
            of_base.append(measure(base))
            of_this.append(measure(this))
        found = cost_of_a_step(of_base, of_this)
        if not is_loss(found):
            break
    return found


def _measure(tree: Path) -> Mapping[str, Any]:
    return run_bench(tree, ["B"], OPTIONS)


@click.command()
@click.option(
    "--tree",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=HERE,
    help="The work tree to guard.",
)
def main(tree: Path) -> None:
    """Fail when a step costs much more than at the reference."""
    for name in [name for name in os.environ if name.startswith("COV")]:
        del os.environ[name]  # to be measured for coverage costs more than a step does
    rev = reference_of(tree)
    if rev is None:
        click.echo("cost of a step: not compared, this clone has no revision to compare with")
        return
    with checked_out(tree, rev) as base:
        found = guarded(base, tree, _measure)
    of_base, of_this = (
        ", ".join(f"{v:.3f}" for v in values) for values in (found.base, found.this)
    )
    click.echo(
        f"cost of a step: {of_this} ms of CPU, at {rev[:7]} {of_base}: {found.ratio:.2f} × "
        f"(up to {TOLERATED} is tolerated)"
    )
    if is_loss(found):
        sys.exit(1)


if __name__ == "__main__":
    main()
