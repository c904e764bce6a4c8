"""The life of a run: started, decided, dispatched, completed, told."""

import json

from stretto.contracts.ids import run_id_text, uuid7
from tests.integration.workflow.definitions import ONE, TWO
from tests.integration.workflow.partners import Fails, silent
from tests.integration.workflow.world import World, until


async def test_a_started_run_completes_and_every_fact_is_a_row_of_the_log(world: World) -> None:
    await world.define(TWO)

    run = await world.start("two", {"n": 7})

    state = await world.status(run, "completed")
    assert state["output"] == {"answer": 7}
    rows = await world.log(run)
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert [row["type"] for row in rows] == [
        "run.started", "step.activated", "step.scheduled", "step.completed",
        "step.activated", "step.scheduled", "step.completed", "run.finishing", "run.completed",
    ]  # fmt: skip
    await until(lambda: world.told_once(run) == [row["seq"] for row in rows])


async def test_events_are_cloudevents_in_binary_mode(world: World) -> None:
    await world.define(TWO)

    run = await world.start("two", {"n": 1}, id="order-1", labels={"site": "eu"})

    await until(lambda: world.told(run)[-1:] == [9])
    subject, headers, data = world.heard.messages[0]
    assert subject == f"stretto.events.default.two.{run}"
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-type"] == "stretto.run.events.v1"
    assert headers["ce-source"] == "/stretto/default/two"
    assert headers["ce-subject"] == run
    events = json.loads(data)["events"]  # the answer to the first question may be among them
    assert headers["ce-id"] == headers["Nats-Msg-Id"] == f"{run}:1-{len(events)}"
    assert headers["content-type"] == "application/json"
    head = json.loads(data)["run"]
    assert head == {
        "run_id": run, "namespace": "default", "workflow": "two", "version": 1,
        "id": "order-1", "status": "running",
    }  # fmt: skip
    steps = [e.get("step") for m in world.events(run) for e in m["events"]]
    assert steps == [None, "one", "one", "one", "two", "two", "two", None, None]


async def test_the_end_of_a_run_is_one_message(world: World) -> None:
    def breaks(_record: object) -> object:
        raise Fails(type="Boom", message="it broke", retryable=False)

    world.execution.tasks["work"] = breaks
    for source in (TWO, ONE):
        await world.define(source)

    good = await world.start("two", {"n": 3}, id="a")
    bad = await world.start("one", {"n": 3})

    await until(lambda: len(world.heard.json("stretto.closed.")) == 2)
    [completed] = world.heard.json("stretto.closed.default.two.completed")
    assert (completed["run_id"], completed["id"], completed["output"]) == (good, "a", {"answer": 3})
    assert completed["started_at"] < completed["closed_at"]
    [failed] = world.heard.json("stretto.closed.default.one.failed")
    assert (failed["run_id"], failed["failure"]["type"], failed["failure"]["step"]) == (
        bad, "Boom", "do",
    )  # fmt: skip


async def test_a_start_with_an_open_id_is_the_same_run_until_that_has_ended(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)

    first = await world.try_start("one", id="k")
    again = await world.try_start("one", id="k")
    await until(lambda: world.execution.held)
    world.execution.answer(world.execution.held.popleft())
    await world.status(first["run_id"], "completed")
    later = await world.try_start("one", id="k")

    assert first.get("existing", False) is False
    assert again == first | {"existing": True}
    assert later["run_id"] != first["run_id"]
    assert "existing" not in later


async def test_two_starts_with_one_id_in_one_round_are_one_run(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    body = b'{"id": "k"}'

    for _ in range(20):
        await world.publisher.publish("stretto.start.default.one", body)

    await until(lambda: world.execution.held)
    await world.try_start("one", id="k")
    [row] = await world.sql("select count(*) from workflow.run")
    assert row[0] == 1


async def test_one_run_id_twice_in_one_round_is_started_once(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = run_id_text(uuid7(1_700_000_000_000, b"mine"))
    body = json.dumps({"run_id": run}).encode()

    for _ in range(20):
        await world.publisher.publish("stretto.start.default.one", body)
    answer = await world.try_start("one", run_id=run)

    assert answer["existing"] is True
    assert await world.types(run) == ["run.started", "step.scheduled"]


async def test_a_start_of_a_run_that_has_ended_is_that_run(world: World) -> None:
    await world.define(ONE)
    run = await world.start("one", id="x")
    await world.status(run, "completed")

    answer = await world.try_start("one", run_id=run)

    assert answer == {"run_id": run, "workflow": "one", "version": 1, "existing": True}


async def test_a_run_id_of_another_workflows_run_is_refused(world: World) -> None:
    world.execution.tasks["work"] = silent
    for source in (ONE, TWO):
        await world.define(source)
    run = await world.start("one")

    answer = await world.try_start("two", {"n": 1}, run_id=run)

    assert answer["rejected"]["code"] == "run_id_taken"


async def test_a_run_keeps_its_version_and_a_start_may_choose_one(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    old = await world.start("one")
    defined = await world.define(ONE + "  more: {task: echo}\n")

    latest = await world.try_start("one")
    pinned = await world.try_start("one", version=1)
    missing = await world.try_start("one", version=7)
    absurd = await world.try_start("one", version=2**40)

    assert defined["version"] == latest["version"] == 2
    assert pinned["version"] == 1
    assert (await world.state(old))["version"] == 1
    assert missing["rejected"]["code"] == "workflow_unknown"
    assert "workflow 'one'" in missing["rejected"]["message"]
    assert "version 7" in missing["rejected"]["message"]
    assert absurd["rejected"]["code"] == "message_unreadable"


async def test_what_cannot_be_started_is_refused_to_who_asked_and_for_all_to_see(
    world: World,
) -> None:
    await world.define(ONE)

    unknown = await world.try_start("nothing")
    unfit = await world.try_start("one", {"n": "seven"})

    assert unknown["rejected"]["code"] == "workflow_unknown"
    assert "registered: one" in unknown["rejected"]["message"]
    assert unfit["rejected"]["code"] == "input_invalid"
    assert "input.n" in unfit["rejected"]["message"]
    await until(lambda: world.rejected() == ["workflow_unknown", "input_invalid"])
    assert not await world.sql("select from workflow.run")


async def test_an_answer_goes_to_no_subject_of_the_server_or_ours(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    await world.bus.subscribe("stretto.results.*", world.heard.sink)

    for reply in (
        "$JS.API.STREAM.DELETE.STRETTO_STARTS",
        "stretto.results.0",
        "a b",
        "a.*",
        "a..b",
    ):
        await world.publisher.publish(
            "stretto.start.default.one", b"{}", headers={"Stretto-Reply": reply}
        )

    await until(lambda: len(world.execution.held) == 5)
    assert await world.start("one")  # the stream is there
    assert not world.heard.json("stretto.results")
