"""What tests of reuse share: a definition, a task that counts, purges."""

import json
from typing import Any

from stretto.contracts import subjects
from tests.integration.workflow.world import World

OFFER = """\
workflow: offer
steps:
  price:
    task: prices.fetch
    with: {sku: "${{ input.sku }}"}
    cache: {key: "${{ input.sku }}", for: 1h}
  each:
    for_each: [1, 2]
    task: echo
    with: {n: "${{ item }}"}
    cache: 1h
"""


def counting(world: World, task: str) -> list[object]:
    """Let a task answer how often it was asked."""
    calls: list[object] = []

    def answer(record: Any) -> object:
        calls.append(record)
        return {"call": len(calls)}

    world.execution.tasks[task] = answer
    return calls


async def ended(world: World, workflow: str, value: object, status: str = "completed") -> Any:
    """Start a run and wait for its end; its state."""
    return await world.status(await world.start(workflow, value), status)


async def purge(world: World, **request: Any) -> Any:
    body = json.dumps({"by": "ann", "reason": "wrong", **request}).encode()
    return await world.ask(subjects.reuse("default"), body)


def output(state: Any, step: str) -> Any:
    return next(s["output"] for s in state["steps"] if s["step"] == step)
