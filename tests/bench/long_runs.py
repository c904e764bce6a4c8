"""`python -m tests.bench.long_runs [--services]`: what a step costs in short runs and in long ones.

In the core alone (decide, apply, effects; CPU time of this thread), the fold of the run from its
events, and with `--services` on everything: CPU time of all processes, from `stretto dev`'s stack.
Shapes: steps one after the other, and a `for_each` whose items run at once. A run of 10 steps is
measured as many of them as make the same number of steps, one after the other.
"""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from services.workflow.core import CONTINUE, Rejection, Run, apply, decide, effects
from services.workflow.core import commands as cm
from services.workflow.core.effects import Ask, Dispatch
from stretto.bench.accounting import measured
from stretto.bench.rig import RigOptions, rig
from stretto.contracts import events as ev
from stretto.contracts.codec import decode_event, json_encode
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.graph import Graph
from stretto.contracts.ids import uuid7
from stretto.definition import compile_graph, load

NOW_US = 1_900_000_000_000_000
REPEATS = 2
OUTPUT = json_encode({"padding": "x" * 180})
"""What a step gives: about 200 bytes, as in the workloads of `stretto bench`."""

SHORT_STEPS = 10
LONG = {"sequence": 1_000, "items": 10_000}
"""The runs that are to cost no more per step than those of SHORT_STEPS."""


class Cost(NamedTuple):
    """CPU time of a step and of folding an event, in µs; `events` of the whole."""

    step_us: float
    fold_us: float
    events: int


def sequence(steps: int, task: str = "work") -> str:
    """A definition of steps one after the other."""
    lines = ["workflow: sequence", "steps:"]
    for n in range(steps):
        needs = f"needs: [s{n - 1}], " if n else ""
        lines.append(f"  s{n}: {{{needs}task: {task}, with: {{n: {n}}}}}")
    return "\n".join(lines)


def items(steps: int, task: str = "work") -> str:
    """A definition of a `for_each`."""
    return (
        "workflow: items\nsteps:\n  all:\n    for_each: ${{ input.items }}\n"
        f'    task: {task}\n    with: {{n: "${{{{ item }}}}"}}'
    )


SHAPES: dict[str, Callable[..., str]] = {"sequence": sequence, "items": items}


def compiled(text: str) -> Graph:
    """The graph of a definition that has no mistakes."""
    loaded = load(text)
    assert loaded.definition is not None, loaded.mistakes
    return compile_graph(loaded.definition, 1)


def carried_through(graph: Graph, count: int) -> tuple[Run, list[ev.Event]]:
    """Carry a run through, with all answers at once; the run and its events."""
    run = Run(uuid7(NOW_US // 1_000, b"run"), graph)
    log: list[ev.Event] = []
    value = json_encode({"items": list(range(count))})
    waiting: deque[cm.Command] = deque([cm.Start(namespace="default", input=value)])
    while waiting:
        outcome = decide(run, waiting.popleft(), NOW_US)
        while outcome:
            assert not isinstance(outcome, Rejection), outcome
            for event in outcome:
                apply(run, event, run.seq + 1, NOW_US)
                log.append(event)
                waiting.extend(_answer(run, e, count) for e in effects(run, event))
            if not run.todo or run.closed:
                break
            outcome = decide(run, CONTINUE, NOW_US)
    assert run.closed, run.phase
    return run, log


def _answer(run: Run, effect: object, count: int) -> cm.Command:
    match effect:
        case Ask(path=path, turn=turn):
            parts = [b"%d" % n for n in range(count)] if path == "all" else None
            return cm.Decided(
                record=DecidedRecord(run.id, path, turn, output=b'{"n":1}', items=parts)
            )
        case Dispatch(path=path, attempt=attempt):
            return cm.Result(path=path, attempt=attempt, output=OUTPUT)
        case _:
            raise AssertionError(f"an effect that these workflows do not have: {effect}")


def core_cost(shape: str, steps: int, runs: int = 1) -> Cost:
    """Measure a shape in the core; the least of REPEATS."""
    graph = compiled(SHAPES[shape](steps))
    best, fold, log = float("inf"), float("inf"), list[ev.Event]()
    for _ in range(REPEATS):
        began = time.thread_time()
        for _ in range(runs):
            run, log = carried_through(graph, steps)
        best = min(best, time.thread_time() - began)
        rows = [(event.type, json_encode(event)) for event in log]
        began = time.thread_time()
        for _ in range(runs):
            again = Run(run.id, graph)
            for seq, (kind, data) in enumerate(rows, 1):
                apply(again, decode_event(kind, data), seq, NOW_US)
        fold = min(fold, time.thread_time() - began)
        assert again.phase is run.phase and again.seq == run.seq
    return Cost(best / runs / steps * 1e6, fold / runs / len(log) * 1e6, len(log))


async def service_cost(running: Any, name: str, value: object, steps: int, runs: int) -> float:
    """CPU time of a step over all processes, in µs: runs one after the other."""
    async with measured(running.parts) as usage:
        for _ in range(runs):
            run = await running.client.start(name, value)
            await run.result(timeout=300)
        await running.settled(60)
    return usage.total_cpu_s / runs / steps * 1e6


async def on_services() -> None:
    """Print what a step costs on the services."""
    with TemporaryDirectory() as folder:
        async with rig(RigOptions(logs=Path(folder))) as running:
            for shape, long in LONG.items():
                costs = []
                for steps, runs in ((SHORT_STEPS, long // SHORT_STEPS), (long, 1)):
                    text = SHAPES[shape](steps, "bench.no_op")
                    name = f"{shape}-{steps}"
                    text = text.replace(f"workflow: {shape}", f"workflow: {name}")
                    await running.client.register(text)
                    value = {"items": list(range(steps))}
                    await service_cost(running, name, value, steps, 1)  # the first one warms up
                    costs.append(await service_cost(running, name, value, steps, runs))
                    print(f"services  {shape:8} {steps:6} steps: {costs[-1]:6.0f} µs a step")
                print(f"services  {shape:8} ratio {costs[1] / costs[0]:.2f}")


def main() -> None:
    """Print the table."""
    for shape, long in LONG.items():
        short = core_cost(shape, SHORT_STEPS, long // SHORT_STEPS)
        whole = core_cost(shape, long)
        for steps, cost in ((SHORT_STEPS, short), (long, whole)):
            print(
                f"core      {shape:8} {steps:6} steps: {cost.step_us:6.1f} µs a step, "
                f"{cost.events} events, fold {cost.fold_us:.2f} µs an event"
            )
        print(f"core      {shape:8} ratio {whole.step_us / short.step_us:.2f}")
    if "--services" in sys.argv:
        asyncio.run(on_services())


if __name__ == "__main__":
    main()
