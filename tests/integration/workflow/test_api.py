"""What clients ask for: reads of the log, and their errors."""

import pytest

from stretto.bus.request import RemoteError
from stretto.contracts.ids import run_id_text, uuid7
from tests.integration.workflow.definitions import ONE, RETRIED, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import World, eventually, until

UNKNOWN = run_id_text(uuid7(1_700_000_000_000, b"unknown"))


async def test_a_history_comes_in_pages(world: World) -> None:
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await world.status(run, "completed")

    seen = []
    after = 0
    while True:
        page = (await world.api("history", run_id=run, after_seq=after, limit=4))["events"]
        if not page:
            break
        seen += page
        after = page[-1]["seq"]

    assert [e["seq"] for e in seen] == list(range(1, 10))
    assert seen[1]["type"] == "step.activated" and seen[1]["step"] == "one"
    assert seen[0]["data"]["input"] == {"n": 1}


async def test_a_page_of_history_stays_below_what_a_message_holds(world: World) -> None:
    await world.define("workflow: big\nsteps:\n  a: {task: big}\n  b: {task: big}\n")
    world.execution.tasks["big"] = lambda _record: "x" * 1_000_000
    runs = [await world.start("big") for _ in range(4)]
    for run in runs:
        await world.status(run, "completed")

    exported = (await world.api("export", limit=5_000))["events"]
    rest = (
        await world.api("export", after=[exported[-1]["run_id"], exported[-1]["seq"]], limit=5_000)
    )["events"]

    assert 0 < len(exported) < 24
    keys = [(e["run_id"], e["seq"]) for e in exported + rest]
    assert keys == sorted(set(keys))


async def test_a_state_may_be_asked_as_of_an_event(world: World) -> None:
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await world.status(run, "completed")

    early = await world.api("state", run_id=run, at_seq=3)

    assert early["status"] == "running"
    assert [(s["step"], s["status"]) for s in early["steps"]] == [
        ("one", "scheduled"), ("two", "pending"),
    ]  # fmt: skip


async def test_a_state_may_be_asked_as_of_an_instant(world: World) -> None:
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await world.status(run, "completed")
    events = (await world.api("history", run_id=run))["events"]

    early = await world.api("state", run_id=run, at=events[2]["at"])

    assert early["seq"] >= 3
    assert early["steps"][0]["status"] == "scheduled"
    late = await world.api("state", run_id=run, at="2999-01-01T00:00:00Z")
    assert late == await world.state(run)
    for request in ({"at": "1999-01-01T00:00:00Z"}, {"at": "soon"}, {"at": "soon", "at_seq": 1}):
        with pytest.raises(RemoteError) as refused:
            await world.api("state", run_id=run, **request)
        assert refused.value.code == "request_invalid"


async def test_why_a_run_is_open_is_said_in_sentences(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)

    told = await world.api("explain", run_id=run)

    [cause] = told["pending"]
    assert cause["cause"] == "attempt" and cause["owner"] == "worker"
    assert "waits for a worker to finish 'work'" in cause["sentence"]
    world.execution.answer(
        world.execution.held.popleft(), status="failed", failure={"type": "Boom"}
    )
    again = await eventually(
        lambda: world.api("explain", run_id=run), lambda t: t["pending"][0]["cause"] == "retry"
    )
    assert again["pending"][0]["until"]
    assert again["controls"] == ["retry", "signal", "pause", "cancel", "terminate"]
    of_step = await world.api("controls", run_id=run, step="do")
    assert of_step["commands"] == ["retry", "skip", "rewind"] and of_step["step"] == "do"
    await world.control(run, "cancel")
    closed = await world.api("explain", run_id=run)
    assert closed["pending"] == [] and closed["failure"]["type"] == "Cancelled"
    assert (await world.api("controls", run_id=run))["commands"] == closed["controls"] == []


async def test_definitions_are_listed_shown_and_validated(world: World) -> None:
    await world.define(ONE)
    await world.define(ONE.replace("task: work", "task: toil"))

    [listed] = (await world.api("definitions"))["definitions"]
    latest = await world.api("definition", workflow="one")
    first = await world.api("definition", workflow="one", version=1)
    checked = await world.api("validate", source="workflow: x\nsteps: {}\n")

    assert (listed["workflow"], listed["version"]) == ("one", 2)
    assert latest["version"] == 2 and "toil" in latest["source"]
    assert first["source"] == ONE and first["graph"]["name"] == "one"
    assert checked["mistakes"]


@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("history", {"run_id": UNKNOWN}, "run_unknown"),
        ("state", {"run_id": UNKNOWN}, "run_unknown"),
        ("explain", {"run_id": "nobody"}, "run_id_invalid"),
        ("controls", {"run_id": UNKNOWN, "step": "do"}, "run_unknown"),
        ("history", {"run_id": 7}, "request_invalid"),
        ("history", {"run_id": UNKNOWN, "after_seq": 2**40}, "request_invalid"),
        ("definition", {"workflow": "nothing"}, "workflow_unknown"),
        ("definition", {"workflow": "a\0b"}, "postgres.bad_value"),
        ("export", {"after": ["x", 1]}, "run_id_invalid"),
    ],
)
async def test_a_read_that_cannot_be_answered_says_why(
    world: World, operation: str, request_: dict[str, object], code: str
) -> None:
    with pytest.raises(RemoteError) as caught:
        await world.api(operation, **request_)

    assert caught.value.code == code


async def test_open_attempts_are_dispatched_again_when_execution_asks(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    await world.start("one")
    await until(lambda: world.execution.held)

    assert await world.api("open", lane=0) == {"sent": 1}
    assert await world.api("open", lane=5) == {"sent": 0}

    await until(lambda: [r.again for r in world.execution.dispatched] == [False, True])
