"""Schedules on real servers: they fire, wait, make room, are changed, and survive everything."""

import json
from typing import Any

import pytest

from stretto.contracts import subjects
from stretto.runtime.clock import now_us, rfc3339
from tests.integration.workflow.definitions import ONE
from tests.integration.workflow.world import World, eventually

WAITS = """
workflow: waits
steps:
  hold: {signal: go}
"""

EVERY = """
schedule: often
workflow: one
every: 1s
"""

SELDOM = """
schedule: seldom
workflow: {workflow}
every: 10d
overlap: {overlap}
"""


async def ask(world: World, command: str, **request: Any) -> dict[str, Any]:
    body = json.dumps({"command": command, **request}).encode()
    return await world.ask(subjects.schedules("default"), body)


async def show(world: World, name: str) -> dict[str, Any]:
    return await world.api("schedule", name=name)


async def firings(world: World, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await show(world, name))["firings"]
    return found


async def statuses(world: World, name: str) -> list[str]:
    """How the firings of a schedule are, the earliest first."""
    return [f["status"] for f in reversed(await firings(world, name))]


async def test_a_schedule_fires_once_for_each_of_its_instants(world: World) -> None:
    await world.define(ONE)

    answer = await ask(world, "apply", source=EVERY)
    found = await eventually(
        lambda: firings(world, "often"),
        lambda seen: sum(f["status"] == "ended" for f in seen) >= 2,
    )

    assert answer["created"] is True
    ended = [f for f in found if f["status"] == "ended"]
    assert {f["outcome"] for f in ended} == {"completed"}
    assert {f["cause"] for f in found} == {"time"}
    assert len({f["instant"] for f in found}) == len(found)
    state = await world.state(ended[0]["run_id"])
    assert state["id"] == ended[0]["id"]
    assert state["labels"] == {"schedule": "often", "schedule.time": ended[0]["instant"]}
