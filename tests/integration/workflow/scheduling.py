"""Schedules of the tests, and how they are asked for."""

import json
from typing import Any

from stretto.contracts import subjects
from tests.integration.workflow.world import World

HOLDS = """
workflow: holds
steps:
  hold: {signal: go}
"""

EVERY = """
schedule: often
workflow: one
every: 1s
"""


def seldom(overlap: str, workflow: str = "holds", more: str = "") -> str:
    """A schedule that fires when it is told to."""
    return (
        f"schedule: seldom\nworkflow: {workflow}\nevery: 10d\n"
        f"anchor: 2026-01-01T00:00:00Z\noverlap: {overlap}\n{more}"
    )


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
