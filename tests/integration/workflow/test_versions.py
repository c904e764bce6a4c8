"""Versions: which one starts use, by number, by label, or the one that was applied last."""

import json

import pytest

from services.workflow import definitions
from services.workflow.labels import Labels, Named
from stretto.bus.request import RemoteError
from stretto.postgres import Database
from tests.integration.workflow.definitions import ONE
from tests.integration.workflow.world import World, eventually

TWO = ONE.replace("task: work", "task: toil")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stored copy of a definition be looked at soon."""
    monkeypatch.setattr(definitions, "LIVE_PATH_S", 0.2)


async def label(world: World, version: int | None, name: str = "stable", **of: str) -> object:
    body = {"label": name, "version": version, **(of or {"workflow": "one"})}
    return await world.define(json.dumps(body))


async def started(world: World, workflow: str = "one", **request: object) -> int:
    """Start a run; the version that it has."""
    answer = await world.try_start(workflow, **request)
    assert "version" in answer, answer
    return int(answer["version"])


async def test_an_older_definition_that_is_applied_again_is_the_latest(world: World) -> None:
    await world.define(ONE)
    await world.define(TWO)
    assert await started(world) == 2

    again = await world.define(ONE)

    assert (again["version"], again["created"], again["latest_before"]) == (1, False, 2)
    assert await started(world) == 1
    (listed,) = (await world.api("definitions"))["definitions"]
    assert listed["version"] == 1
    versions = (await world.api("versions", workflow="one"))["versions"]
    assert [(v["version"], v["latest"]) for v in versions] == [(2, False), (1, True)]


async def test_the_stored_copy_of_an_older_message_moves_nothing(world: World) -> None:
    await world.define(ONE)
    await world.define(TWO)

    # Both are handled a second time, from the stream, and then are gone from it.
    async def stored() -> int:
        info = json.loads(
            (await world.bus.request("$JS.API.STREAM.INFO.STRETTO_DEFINITIONS", b"")).data
        )
        return int(info["state"]["messages"])

    await eventually(stored, lambda n: n == 0)
    assert (await world.api("definitions"))["definitions"][0]["version"] == 2


async def test_a_start_may_name_a_label(world: World) -> None:
    await world.define(ONE)
    await world.define(TWO)
    said = await label(world, 1)

    assert said == {"label": "stable", "name": "one", "version": 1}
    assert await started(world, "one@stable") == 1
    assert await started(world, version_label="stable") == 1
    assert await started(world, "one@2") == 2
    assert await started(world, "one@latest") == 2
    moved = await label(world, 2)
    assert moved == {"label": "stable", "name": "one", "version": 2, "before": 1}
    assert await started(world, "one@stable") == 2
    (listed,) = (await world.api("definitions"))["definitions"]
    assert listed["labels"] == {"stable": 2}
    assert (await world.api("definition", workflow="one", version_label="stable"))["version"] == 2
    versions = (await world.api("versions", workflow="one"))["versions"]
    assert [v["labels"] for v in versions] == [["stable"], []]


async def test_a_label_that_was_taken_away_is_no_more(world: World) -> None:
    await world.define(ONE)
    await label(world, 1)

    gone = await label(world, None)

    assert gone == {"label": "stable", "name": "one", "before": 1}
    refused = await world.try_start("one@stable")
    assert refused["rejected"]["code"] == "workflow_unknown"
    assert "the label 'stable'" in refused["rejected"]["message"]
    again = await label(world, None)
    assert again["rejected"]["code"] == "label_unknown"  # type: ignore[index]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"label": "stable", "workflow": "one", "version": 9}, "version_unknown"),
        ({"label": "latest", "workflow": "one", "version": 1}, "definition_invalid"),
        ({"label": "5", "workflow": "one", "version": 1}, "definition_invalid"),
        ({"label": "stable", "version": 1}, "definition_invalid"),
        ({"label": "s", "workflow": "one", "template": "t", "version": 1}, "definition_invalid"),
        ({"label": "stable", "workflow": "one", "version": "x"}, "definition_invalid"),
    ],
)
async def test_a_label_that_cannot_be_is_refused(
    world: World, body: dict[str, object], code: str
) -> None:
    await world.define(ONE)

    answer = await world.define(json.dumps(body))

    assert answer["rejected"]["code"] == code


async def test_a_child_may_be_of_a_label(world: World) -> None:
    await world.define(ONE)
    await world.define(TWO)
    await label(world, 1)
    steps = "a: {workflow: one@stable}, b: {workflow: {name: one, version: stable}}"
    await world.define(f"workflow: parent\nsteps: {{{steps}, c: {{workflow: one@2}}}}\n")

    run_id = await world.start("parent")

    state = await world.status(run_id, "completed")
    assert {step["status"] for step in state["steps"]} == {"completed"}
    rows = await world.sql("select version from workflow.run where workflow = 'one'")
    assert sorted(row["version"] for row in rows) == [1, 1, 2]


@pytest.mark.parametrize(
    ("workflow", "request_"),
    [
        ("one@", {}),
        ("one@1", {"version": 2}),
        ("one@stable", {"version": 1}),
        ("one@stable", {"version_label": "stable"}),
        ("one", {"version": 1, "version_label": "stable"}),
        ("one", {"version_label": "no label"}),
    ],
)
async def test_a_start_with_two_versions_is_not_understood(
    world: World, workflow: str, request_: dict[str, object]
) -> None:
    await world.define(ONE)
    body = json.dumps({"input": {}, **request_}).encode()

    await world.publisher.publish(f"stretto.start.default.{workflow}", body)

    async def dead() -> list[object]:
        return list(world.dead())

    assert await eventually(dead)


async def test_labels_are_of_templates_too(world: World) -> None:
    await world.define("template: t\nsteps: {a: {task: one}}\n")
    await world.define("template: t\nsteps: {a: {task: two}}\n")

    said = await label(world, 1, template="t")
    answer = await world.define("workflow: w\nsteps: {o: {use: t@stable}}\n")

    assert said == {"label": "stable", "name": "t", "kind": "template", "version": 1}
    assert answer["uses"] == ["t@1"]
    (listed,) = (await world.api("templates"))["templates"]
    assert (listed["version"], listed["labels"]) == (2, {"stable": 1})
    text = await world.api("template", template="t", version_label="stable")
    assert (text["version"], text["labels"]) == (1, {"stable": 1})


async def test_a_label_only_moves_to_what_is_later(world: World) -> None:
    database = await Database.open(world.dsn, "stretto_workflow")
    try:
        labels, of = Labels(database), Named("workflow", "default", "x")
        assert await labels.point(of, "a", 1, 1_000_000) == (None, True)
        assert await labels.point(of, "a", 2, 1_000_000) == (1, False)
        assert await labels.point(of, "a", 2, 999_999) == (1, False)
        assert await labels.version(of, "a") == 1
        assert await labels.point(of, "a", 2, 1_000_001) == (1, True)
        assert await labels.point(of, "a", 3) == (2, True)
        assert await labels.point(of, "a", 3) == (3, False)
        assert await labels.point(of, "a", 1, 2_000_000) == (3, False)
        assert await labels.version(of, "a") == 3
    finally:
        await database.close()


async def test_what_is_not_there_is_refused(world: World) -> None:
    for operation, request in (
        ("versions", {"workflow": "none"}),
        ("template", {"template": "none"}),
        ("template", {"template": "none", "version": 1, "version_label": "a"}),
        ("definition", {"workflow": "none", "version_label": "Not a label"}),
    ):
        with pytest.raises(RemoteError):
            await world.api(operation, **request)
