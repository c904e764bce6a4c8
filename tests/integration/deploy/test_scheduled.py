"""Schedules with the rights that each user of the bus and of Postgres has in a deployment."""

import asyncio

from stretto.client import Client
from stretto.contracts.schedules import ScheduleView
from tests.deployed import ROOT

from .conftest import Deployed

PATIENCE_S = 30.0
POLL_S = 0.05
DEFINITION = ROOT / "docs" / "examples" / "hello" / "workflow.yaml"


def schedule(name: str, workflow: str) -> str:
    return (
        f"schedule: {name}\nworkflow: {workflow}\nevery: 10d\noverlap: terminate\n"
        "input: {name: Ada}\n"
    )


async def shown(client: Client, name: str, *statuses: str) -> ScheduleView:
    """Wait until the firings of a schedule, the earliest first, have these statuses."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            view = await client.schedules.show(name)
            if tuple(f.status for f in reversed(view.firings)) == statuses:
                return view
            await asyncio.sleep(POLL_S)


async def test_a_schedule_fires_hears_refusals_makes_room_and_the_bus_refuses_nothing(
    deployed: Deployed,
) -> None:
    # Given
    before = deployed.violations()
    holds = "workflow: holds\nsteps:\n  hold: {signal: go}\n"
    async with Client.connect(deployed.nats) as client:
        await client.register(DEFINITION.read_text())
        await client.register(holds)
        # When
        for name, workflow in (("greets", "hello"), ("lost", "nobody"), ("makes-room", "holds")):
            await client.schedules.apply(schedule(name, workflow), by="ada")
            await client.schedules.trigger(name)
        await shown(client, "makes-room", "started")
        await client.schedules.trigger("makes-room")
        # Then
        assert (await shown(client, "greets", "ended")).firings[0].outcome == "completed"
        refused = (await shown(client, "lost", "refused")).firings[0]
        assert "workflow_unknown" in (refused.reason or "")
        made = await shown(client, "makes-room", "ended", "started")
        assert made.firings[1].outcome == "terminated"
        for name in ("greets", "lost", "makes-room"):
            await client.schedules.remove(name)
    assert deployed.violations() == before
