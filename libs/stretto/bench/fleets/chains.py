"""Graphs of steps of which it is known how long each takes, and their longest chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

import msgspec

from stretto.bench.fleets.figure import Figure
from stretto.bench.fleets.processes import worker_process
from stretto.bench.rig import Rig
from stretto.bench.workloads.latency import timed

AT_MOST = 1.1
GIVE_UP_S = 120.0
RUNS = 3


class Step(NamedTuple):
    """A step that works for `ms` after those that it needs."""

    kind: str
    ms: float
    needs: tuple[str, ...]


def in_order(steps: Mapping[str, Step]) -> dict[str, Step]:
    """The steps in an order in which they can be done.

    Raises:
        KeyError: one needs a step that is not there.
        ValueError: some need one another; the message names them.
    """
    for step in steps.values():
        for need in step.needs:
            if need not in steps:
                raise KeyError(need)
    try:
        order = list(TopologicalSorter({n: step.needs for n, step in steps.items()}).static_order())
    except CycleError as error:
        raise ValueError(f"these need one another: {' → '.join(error.args[1])}") from error
    return {name: steps[name] for name in order}


def longest_chain_ms(steps: Mapping[str, Step]) -> float:
    """The lower bound: no number of workers is faster than the longest chain of run times.

    The steps are in an order in which they can be done.
    """
    ends: dict[str, float] = {}
    for name, step in steps.items():
        ends[name] = step.ms + max((ends[need] for need in step.needs), default=0.0)
    return max(ends.values())


def work_ms(steps: Mapping[str, Step]) -> float:
    """What one worker would take, one step after the other."""
    return sum(step.ms for step in steps.values())


def definition(
    workflow: str, queue: str, steps: Mapping[str, Step], task: Callable[[Step], str]
) -> str:
    """The workflow, as JSON; `task` says which one a step is for."""
    return msgspec.json.encode(
        {
            "workflow": workflow,
            "steps": {
                name: {
                    "task": task(step),
                    "queue": queue,
                    "needs": list(step.needs),
                    "with": {"ms": round(step.ms, 2)},
                }
                for name, step in steps.items()
            },
        }
    ).decode()


async def against_its_chain(
    rig: Rig, workflow: str, steps: Mapping[str, Step], worker: str
) -> Figure:
    """Run a registered workflow a few times with slots for all that is ready; the best, against
    its longest chain. `worker`: `MODULE:name`."""
    async with worker_process(rig, worker):
        took = [(await timed(rig.client, workflow, {}, GIVE_UP_S))[0] for _ in range(RUNS)]
    bound_s, one_s = longest_chain_ms(steps) / 1000, work_ms(steps) / 1000
    return Figure(
        case=workflow,
        what=f"a graph of {len(steps)} steps against its longest chain, the best of {RUNS}",
        value=round(min(took) / bound_s, 3),
        unit="times",
        bound=AT_MOST,
        note=f"{min(took):.2f} s, the chain {bound_s:.2f} s, one after the other {one_s:.1f} s",
    )
