"""Runs of science that somebody measured: a graph of steps with the times that they took.

A file in the format of WfCommons (WfFormat, schema 1.4 or 1.5, JSON) holds what a workflow system
recorded: its tasks, which needs which, and how many seconds each ran. Here each becomes a step that
takes as long, scaled down so that the longest chain lasts some seconds; the chain is then what no
engine and no number of workers can beat. Thousands of such files, with where they were measured,
are published at https://wfcommons.org/instances; none is kept here.

    python -m stretto.bench.fleets.recorded FILE > workflow.yaml      # to see it, to run it
    python -m stretto.bench.fleets recorded --trace FILE              # measured
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from stretto.bench.fleets.chains import (
    Step,
    against_its_chain,
    definition,
    in_order,
    longest_chain_ms,
    work_ms,
)
from stretto.bench.fleets.figure import Figure, Size
from stretto.bench.fleets.handlers import RECORDED, RECORDED_QUEUE
from stretto.bench.rig import Rig

NAME = "recorded"
TARGET = "stretto.bench.fleets.handlers:recorded"

MAX_TASKS = 5_000
"""Steps of a definition; larger recordings say nothing more about an engine."""

MAX_NAME = 60

_UNFIT = re.compile(r"[^a-z0-9_-]+")


class NotARecording(click.ClickException):
    """The file holds no recorded run; the message says what was expected where."""


def read(file: Path) -> dict[str, Step]:
    """The steps of a recording by name, in an order in which they can be done; times as measured.

    Raises:
        NotARecording: it is no JSON, of another form, too large, or its tasks need one another.
    """
    try:
        said: Any = msgspec.json.decode(file.read_bytes())
        recorded = said["workflow"]
        if "tasks" in recorded:  # schema 1.4: others call a task by its name
            tasks = ran = recorded["tasks"]
            key = "name"
        else:
            tasks, ran = recorded["specification"]["tasks"], recorded["execution"]["tasks"]
            key = "id"
        took_s = {str(task[key]): _seconds(task) for task in ran}
        needs = {str(task[key]): [str(name) for name in task["parents"]] for task in tasks}
        kinds = {str(task[key]): str(task.get("category") or task["name"]) for task in tasks}
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        text = f"expected {file} to be a recording in WfFormat 1.4 or 1.5, but {error!r}"
        raise NotARecording(text) from error
    if not 0 < len(needs) <= MAX_TASKS:
        raise NotARecording(f"expected 1 to {MAX_TASKS} tasks in {file}, but got {len(needs)}")
    names = _names(needs)
    try:
        steps = {
            names[key]: Step(
                _plain(kinds[key]), took_s[key] * 1000, tuple(names[need] for need in needs[key])
            )
            for key in needs
        }
        return in_order(steps)
    except KeyError as error:
        text = f"expected task {error} in {file}, which another one needs, but it is not there"
        raise NotARecording(text) from error
    except ValueError as error:
        raise NotARecording(f"expected the tasks of {file} to form a graph, but {error}") from error


def scaled(steps: dict[str, Step], chain_s: float) -> dict[str, Step]:
    """The same graph, all times multiplied so that the longest chain takes so many seconds."""
    factor = chain_s * 1000 / longest_chain_ms(steps)
    return {name: step._replace(ms=round(step.ms * factor, 2)) for name, step in steps.items()}


def _seconds(task: dict[str, Any]) -> float:
    took = float(task["runtimeInSeconds"] if "runtimeInSeconds" in task else task["runtime"])
    if not 0 <= took < float("inf"):
        raise ValueError(f"a task ran for {took} s")
    return took


def _names(tasks: dict[str, list[str]]) -> dict[str, str]:
    """Names that steps may have, as like those of the tasks as can be, none twice."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for number, task in enumerate(tasks):
        name = _plain(task)
        if name in taken:
            name = f"{name}-{number}"
        taken.add(name)
        names[task] = name
    return names


def _plain(text: str) -> str:
    """As a name in a definition is written; it begins with a letter."""
    plain = _UNFIT.sub("-", text.lower()).strip("-_")[:MAX_NAME]
    return plain if plain[:1].isalpha() else f"t-{plain}".rstrip("-")


async def longest_chain(rig: Rig, size: Size) -> list[Figure]:
    """Run a recording with slots for all that is ready, against its longest chain."""
    assert size.trace is not None, "the command asks for it"
    steps = scaled(read(size.trace), size.chain_s)
    await rig.client.register(workflow(steps))
    found = await against_its_chain(rig, NAME, steps, TARGET)
    return [msgspec.structs.replace(found, what=f"{size.trace.stem}: {found.what}")]


def workflow(steps: dict[str, Step]) -> str:
    """The definition, as JSON."""
    return definition(NAME, RECORDED_QUEUE, steps, lambda _: RECORDED)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--chain", default=Size.chain_s, show_default=True, help="Seconds of its longest chain."
)
def main(file: Path, chain: float) -> None:
    """Print a recorded run (FILE, WfFormat) as a workflow."""
    steps = scaled(read(file), chain)
    work_s = work_ms(steps) / 1000
    sys.stdout.write(f"# {len(steps)} steps; the longest chain {chain:g} s, all {work_s:.1f} s\n")
    sys.stdout.write(workflow(steps) + "\n")


if __name__ == "__main__":
    main()
