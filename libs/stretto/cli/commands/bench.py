"""`stretto bench`: measure latency and throughput on this machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from stretto.bench.figures import Report
from stretto.bench.kinds import budget, budget_lines, read_stacks
from stretto.bench.profile import described, profiled, py_spy, read_profiles
from stretto.bench.report import print_report
from stretto.bench.rig import DEFAULT_WORKERS, MAX_WORKERS, Rig, RigOptions
from stretto.bench.run import Around, BenchOptions, bench
from stretto.bench.sizes import FULL, SHORT, Sizes
from stretto.bench.workloads import WORKLOADS
from stretto.cli.commands.dev import scale_of
from stretto.cli.printing import aside, out, print_json
from stretto.dev import DevOptions
from stretto.dev.plan import DEFAULT_DATA

PROFILE_FOLDER = DEFAULT_DATA / "profile"


@click.command("bench")
@click.argument("letters", nargs=-1, type=click.Choice(list(WORKLOADS), case_sensitive=False))
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option(
    "--out",
    "out_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report as JSON to this file as well.",
)
@click.option("--scale", multiple=True, metavar="SERVICE=N", help="More processes of a service.")
@click.option(
    "--workers",
    type=click.IntRange(1, MAX_WORKERS),
    default=DEFAULT_WORKERS,
    show_default=True,
    metavar="N",
    help="Worker processes.",
)
@click.option("--short", is_flag=True, help="About ten seconds: whether it works, not how fast.")
@click.option(
    "--seconds", type=click.FloatRange(0.5, 3600), metavar="SECONDS", help="How long B is measured."
)
@click.option(
    "--in-flight", type=click.IntRange(1, 20_000), metavar="N", help="Runs in flight in B."
)
@click.option(
    "--computed",
    is_flag=True,
    help="Each step's expression is a sum, for the decision service, not a path.",
)
@click.option("--both", is_flag=True, help="With paths, and then once more with sums.")
@click.option("--profile", is_flag=True, help="Show where the services spend their time (py-spy).")
def bench_command(
    *,
    letters: tuple[str, ...],
    as_json: bool,
    out_path: Path | None,
    scale: tuple[str, ...],
    workers: int,
    short: bool,
    seconds: float | None,
    in_flight: int | None,
    computed: bool,
    both: bool,
    profile: bool,
) -> None:
    """Measure latency and throughput on this machine, on a stack of its own.

    \b
    A  three steps, one run at a time      C  parallel steps, joined
    B  ten steps, 1000 runs in flight      D  5000 one-step runs at once
    E  ten steps at half of B's throughput
    """
    counts = scale_of(scale)
    try:
        DevOptions(scale=counts)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    options = BenchOptions(
        letters=sorted(set(letters)) or tuple(WORKLOADS),
        sizes=sizes_of(short, seconds, in_flight),
        both=both and not computed,
        rig=RigOptions(scale=counts, workers=workers, computed=computed),
    )
    # Errors are said once, at the end; the log lines of the bus would say them again.
    logging.getLogger("stretto").addHandler(logging.NullHandler())
    if profile:
        py_spy()
    report = _run(options, profiling if profile else None)
    if out_path is not None:
        out_path.parent.mkdir(parents=True, exist_ok=True)
        out_path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    if as_json:
        print_json(report)
    else:
        print_report(report, out())
    if profile:
        _print_budgets(report)


def _run(options: BenchOptions, around: Around | None) -> Report:
    import uvloop

    def tell(line: str) -> None:
        aside().print(line, soft_wrap=True, markup=False)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(bench(options, tell, around))
        except Exception:
            tell(f"it failed; the logs of all processes are in {options.rig.logs}")
            raise


def _print_budgets(report: Report) -> None:
    """Print what the CPU of a step was spent on, by part and kind of work."""
    for letter, figures in report.workloads.items():
        found = budget(figures.cost.cpu_ms_per_step_by_part, read_stacks(PROFILE_FOLDER / letter))
        aside().print(f"\n{letter}: CPU of a step by kind of work\n")
        aside().print("\n".join(budget_lines(found)), soft_wrap=True, markup=False)


def sizes_of(short: bool, seconds: float | None, in_flight: int | None) -> Sizes:
    """Return the sizes that were asked for."""
    sizes = SHORT if short else FULL
    if seconds is not None:
        sizes = replace(sizes, seconds=seconds)
    if in_flight is not None:
        # More runs in flight take longer until they no longer move in step.
        sizes = replace(sizes, in_flight=in_flight, warm_up_s=max(sizes.warm_up_s, in_flight / 250))
    return sizes


@asynccontextmanager
async def profiling(letter: str, rig: Rig) -> AsyncIterator[None]:
    """Profile what runs in the context, and print where the time went."""
    folder = PROFILE_FOLDER / letter
    async with profiled(rig.parts(), folder):
        yield
    aside().print(f"\n{letter}: where the time goes ({folder})\n")
    aside().print(described(read_profiles(folder)), soft_wrap=True, markup=False)
