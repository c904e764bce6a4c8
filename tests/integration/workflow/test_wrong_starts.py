"""Starts and controls that would not do what they ask for, or ask for what is not theirs."""

import json

import pytest

from stretto.bus.request import RemoteError
from stretto.contracts.ids import run_id_text, uuid7
from tests.integration.workflow.definitions import CHILD, ONE, PARENT
from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import Json, World, until


def why(answer: Json) -> str:
    rejected = answer["rejected"]
    return f"{rejected['code']}: {rejected['message']}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"inputs": {"n": 1}}', "no field 'inputs' (is 'input' meant?)"),
        (b'{"input": {}, "colour": 1}', "no field 'colour'; there are: "),
        (b'{"version": 123456789012345678901234567890}', "version"),
        (b'{"version": 2147483648}', "version: expected 1 to 2147483647, but got 2147483648"),
        (b'{"version": 0}', "version: expected 1 to"),
        (b'{"depth": -1}', "depth: expected 0 to"),
        (b'{"input": 1, "id": 5}', "Expected `str | null`, got `int` - at `$.id`"),
    ],
)
async def test_a_start_that_would_do_something_else_is_refused(
    world: World, body: bytes, said: str
) -> None:
    await world.define(ONE)
    answer = await world.ask("stretto.start.default.one", body)
    assert why(answer).startswith("message_unreadable: ")
    assert said in why(answer)
    assert len(why(answer)) < 400


async def test_a_control_with_another_field_is_refused(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    answer = await world.control(run, "retry", steps=["do"])
    assert "no field 'steps' (is 'step' meant?)" in why(answer)


async def test_a_value_that_the_log_cannot_hold_is_told_in_words_of_ours(world: World) -> None:
    await world.define("workflow: free\nsteps:\n  do: {task: work}\n")
    answer = await world.ask("stretto.start.default.free", b'{"input": {"a": "\\u0000"}}')
    assert why(answer) == (
        "value_invalid: expected a value that the log can hold, but it holds U+0000, which no text "
        "of the log can"
    )


@pytest.mark.parametrize("version", [0, 2**31, 10**40])
async def test_a_version_out_of_range_is_refused_by_reads(world: World, version: int) -> None:
    with pytest.raises(RemoteError, match="version"):
        await world.api("definition", workflow="w", version=version)


async def test_a_stranger_cannot_answer_an_attempt_by_calling_it_the_parent(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    await world.define("workflow: quick\nsteps:\n  do: {task: echo}\n")
    victim = await world.start("one")
    await until(lambda: world.execution.held)

    forged = await world.try_start("quick", parent=f"{victim}:do:1", run_id=str_id(b"forged"))
    unknown = await world.try_start("nothing", parent=f"{victim}:do:1", run_id=str_id(b"other"))

    assert why(forged).startswith("parent_invalid: ")
    assert why(unknown).startswith("parent_invalid: ")
    assert (await world.state(victim))["status"] == "running"


@pytest.mark.parametrize(
    "request_of",
    [
        {"depth": -1},
        {"id": "\x00"},
        {"version": 1, "version_label": "stable"},
        {"input": {"$payload": {"hash": "0" * 64, "bytes": 5}}},
    ],
    ids=["unreadable", "not_storable", "two_versions", "payload"],
)
async def test_a_start_that_is_refused_does_not_fail_an_attempt_of_a_stranger(
    world: World, request_of: Json
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    victim = await world.start("one")
    await until(lambda: world.execution.held)

    forged = {"parent": f"{victim}:do:1", "run_id": str_id(b"forged"), **request_of}
    answer = await world.ask("stretto.start.default.one", json.dumps(forged).encode())
    again = await world.ask("stretto.start.default.one", json.dumps(forged).encode())

    assert "rejected" in answer and "rejected" in again
    await until(lambda: "parent_invalid" in world.rejected())
    assert (await world.state(victim))["status"] == "running"


@pytest.mark.parametrize("parent", ["x:y:1", "nothing", ""])
@pytest.mark.parametrize("workflow", ["one", "one@stable", "one@1"])
async def test_a_parent_that_is_none_stops_nobody(world: World, workflow: str, parent: str) -> None:
    await world.define("workflow: one\nsteps:\n  do: {set: {a: 1}}\n")
    start = json.dumps({"parent": parent, "version": 1, "version_label": "x"}).encode()
    answer = await world.ask(f"stretto.start.default.{workflow}", start)
    assert why(answer).startswith("message_unreadable: ")
    await world.status(await world.start("one"), "completed")


async def test_a_child_is_known_to_its_parent_in_another_instance_too(world: World) -> None:
    for source in (PARENT, CHILD):
        await world.define(source)
    async with world.service("workflow-2"):
        runs = [await world.start("parent", {"n": n}) for n in range(6)]
        for run in runs:
            await world.status(run, "completed")


def str_id(seed: bytes) -> str:
    return run_id_text(uuid7(1_700_000_000_000, seed))
