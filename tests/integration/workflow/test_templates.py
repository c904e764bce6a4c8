"""Templates over the bus: registered, used, kept with the definition, told when they are wrong."""

import asyncio
import json

import pytest

from services.workflow import definitions
from tests.integration.workflow.world import World, until
from tests.unit.definition.templates import CHARGE, ORDER


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stored copy of a definition be looked at soon."""
    monkeypatch.setattr(definitions, "LIVE_PATH_S", 0.2)


async def test_a_template_is_registered_once_and_its_versions_stay(world: World) -> None:
    first = await world.define(CHARGE)
    same = await world.define(CHARGE + "\n# a comment\n")
    second = await world.define(CHARGE.replace("default: 2", "default: 3"))

    assert (first["workflow"], first["version"], first["kind"]) == ("charge", 1, "template")
    assert (same["version"], same["created"]) == (1, False)
    assert second["version"] == 2
    (listed,) = (await world.api("templates"))["templates"]
    assert (listed["template"], listed["version"]) == ("charge", 2)
    assert [p["name"] for p in listed["parameters"]][:2] == ["amount", "currency"]
    old = await world.api("template", template="charge", version=1)
    assert old["source"] == CHARGE
    assert (await world.api("definitions"))["definitions"] == []


async def test_a_definition_is_stored_with_its_templates_written_out(world: World) -> None:
    await world.define(CHARGE)
    world.execution.tasks["payment.charge"] = lambda _record: {"ok": True, "id": 7}

    answer = await world.define(ORDER)

    assert (answer["version"], answer["uses"]) == (1, ["charge@1"])
    found = await world.api("definition", workflow="order")
    assert found["source"] == ORDER
    assert found["uses"] == ["charge@1"]
    assert list(found["expanded"]["steps"]["bill"]["steps"]) == ["pay", "log"]
    run_id = await world.start("order", {"total": 2.5})
    await world.status(run_id, "completed")
    assert [record.task for record in world.execution.of("bill.pay")] == ["payment.charge"]


async def test_a_new_version_of_a_template_makes_a_new_version_of_what_uses_it(
    world: World,
) -> None:
    await world.define(CHARGE)
    await world.define(ORDER)
    await world.define(CHARGE.replace("max_attempts: 3", "max_attempts: 5"))

    again = await world.define(ORDER)
    pinned = await world.define(ORDER.replace("use: charge", "use: charge@1"))

    assert (again["version"], again["uses"]) == (2, ["charge@2"])
    assert (pinned["version"], pinned["created"], pinned["latest_before"]) == (1, False, 2)


async def test_a_template_keeps_the_versions_that_its_uses_stood_for(world: World) -> None:
    await world.define("template: inner\nsteps: {a: {task: one}}\n")
    await world.define("template: outer\nsteps: {i: {use: inner}}\n")
    await world.define("template: inner\nsteps: {a: {task: two}}\n")

    await world.define("workflow: w\nsteps: {o: {use: outer}}\n")

    found = await world.api("definition", workflow="w")
    assert found["uses"] == ["outer@1", "inner@1"]
    assert found["expanded"]["steps"]["o"]["steps"]["i"]["steps"]["a"] == {"task": "one"}
    text = await world.api("template", template="outer")
    assert text["pins"] == {"inner": 1}
    renewed = await world.define("template: outer\nsteps: {i: {use: inner}}\n")
    assert renewed["version"] == 2


async def test_mistakes_point_into_the_template_and_the_use(world: World) -> None:
    await world.define(CHARGE.replace("max_attempts: 3", 'max_attempts: "${{ params.rate }}"'))

    answer = await world.define(ORDER.replace("with: {", "with: {rate: 0, "))

    (mistake,) = answer["rejected"]["details"]
    assert mistake["line"] == 6
    assert "as parameter rate of template charge@1, line 14" in mistake["reason"]
    unknown = await world.define(ORDER.replace("use: charge", "use: chrge"))
    assert unknown["rejected"]["details"][0]["suggestion"] == 'did you mean "charge"?'
    missing = await world.define(ORDER.replace("use: charge", "use: charge@9"))
    assert "charge has no version 9" in missing["rejected"]["details"][0]["reason"]
    wrong = await world.define(CHARGE.replace("task: std.log", "tsk: std.log"))
    assert wrong["rejected"]["code"] == "definition_invalid"
    looked = await world.api("validate", source=CHARGE.replace("task: std.log", "tsk: std.log"))
    assert looked["mistakes"]
    assert (await world.api("validate", source=ORDER.replace("amount:", "amont:")))["mistakes"]


async def test_templates_of_two_at_once_get_two_versions(world: World) -> None:
    answers = await asyncio.gather(
        *(world.define(CHARGE.replace("default: 2", f"default: {n}")) for n in range(3, 7))
    )

    assert sorted(answer["version"] for answer in answers) == [1, 2, 3, 4]


async def test_a_definition_is_expanded_without_being_registered(world: World) -> None:
    await world.define(CHARGE)

    told = await world.api("expand", source=ORDER)
    wrong = await world.api("expand", source=ORDER.replace("amount", "amont"))

    assert told["uses"] == ["charge@1"]
    assert "use" not in json.dumps(told["expanded"])
    assert wrong["mistakes"] and "expanded" not in wrong
    assert (await world.api("definitions"))["definitions"] == []
    await until(lambda: world.dead() == [])
