"""Steps with a route: what execution is sent, what it tells of a binding, what the log keeps."""

import json

from stretto.contracts.routes import RouteRecord
from tests.integration.workflow.partners import attempt_of, silent
from tests.integration.workflow.world import World, until

ROUTED = """
workflow: routed
input: {type: object, properties: {site: {type: string}}}
steps:
  read:
    task: scan
    retry: {max_attempts: 2, interval: 10ms}
    route: {where: device.attributes.site == input.site}
"""


def told(attempt: str, device: str) -> dict[str, object]:
    ranked = {"candidates": [{"device": device, "score": 1.0}], "fitting": 1}
    return {"id": attempt, "device": device, "reason": "it fits", "ranked": ranked}


async def test_a_binding_is_kept_and_the_next_attempt_avoids_its_device(world: World) -> None:
    world.execution.tasks["scan"] = silent
    await world.define(ROUTED)
    run = await world.start("routed", {"site": "north"})
    await until(lambda: world.execution.held)
    record = world.execution.held.popleft()
    assert isinstance(record.route, RouteRecord)
    assert (record.route.values, record.route.avoid) == ((b'{"site": "north"}',), None)

    bound = [told("no attempt", "d0"), told(attempt_of(record), "d1")]
    world.execution.say(record.partition, json.dumps({"bound": bound}).encode())
    world.execution.answer(record, status="failed", worker=None, failure={"type": "Boom"})

    await until(lambda: world.execution.held)
    second = world.execution.held.popleft()
    assert second.route is not None
    assert (second.route.avoid, second.route.device) == ("d1", None)
    rows = [row for row in await world.log(run) if row["type"] == "step.bound"]
    data = json.loads(rows[0]["data"])
    assert (len(rows), data["device"], data["reason"]) == (1, "d1", "it fits")
    assert data["ranked"]["candidates"] == [{"device": "d1", "score": 1.0}]
    await until(world.dead)
    assert "expected" in world.dead()[0]["reason"]["message"]

    world.execution.say(record.partition, json.dumps({"bound": bound[1:]}).encode())
    await until(lambda: world.rejected() == ["attempt_not_open"])
    world.execution.answer(second, output=1)
    await world.status(run, "completed")
