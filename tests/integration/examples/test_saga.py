"""The saga on real servers, with the workflow service killed while it runs."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stretto.testkit.isolation import Databases
from tests.integration.schemas import workflow_database
from tests.integration.workflow.partners import Fails
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.world import World, eventually, opened

SOURCE = (
    Path(__file__).resolve().parents[3] / "docs" / "examples" / "saga" / "workflow.yaml"
).read_text()

ORDER = {"shop": "/shop", "order": "7", "card": "declined"}
END = "select data from workflow.event where run_id = $1 and type = 'run.failed'"
COUNT = "select count(*)::int as n from workflow.event where run_id = $1"


@pytest.fixture
async def alone(nats_url: str, databases: Databases) -> AsyncIterator[World]:
    """Give a world in which the service does not run yet; the payment fails in it."""
    async with workflow_database(databases) as dsn, opened(nats_url, dsn) as world:
        world.execution.tasks["inventory.reserve"] = lambda _: {"shelf": "A1"}
        world.execution.tasks["shipping.book"] = lambda _: {"parcel": "P1"}
        world.execution.tasks["payment.charge"] = declined
        yield world


def declined(_record: object) -> object:
    raise Fails(type="CardDeclined", message="no", retryable=False)


async def undone(world: World, run: str) -> list[str]:
    rows = await world.sql(
        "select data->>'step' as step from workflow.event where run_id = $1 "
        "and type = 'step.completed' and data->>'step' like '%~compensate' order by seq",
        run,
    )
    return [row["step"] for row in rows]


@pytest.mark.parametrize("after", [2, 9, 18])
async def test_a_saga_is_undone_though_the_service_is_killed(alone: World, after: int) -> None:
    async with instance(alone, "one", partitions="2") as first:
        await eventually(lambda: shares(alone), lambda held: held == [2])
        await alone.define(SOURCE)
        run = await alone.start("saga", ORDER)
        await eventually(lambda: alone.sql(COUNT, run), lambda rows: rows[0]["n"] >= after)
        await first.kill()
    async with instance(alone, "two", partitions="2"):
        [end] = await eventually(lambda: alone.sql(END, run))
    assert json.loads(end["data"])["failure"]["type"] == "CardDeclined"
    assert "uncompensated" not in json.loads(end["data"])
    steps = await undone(alone, run)
    assert sorted(steps[:2]) == ["book~compensate", "credit~compensate"]
    assert steps[2:] == ["reserve~compensate"]
