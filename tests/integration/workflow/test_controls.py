"""The commands of people, with their answers; and every refusal."""

from stretto.contracts.ids import run_id_text, uuid7
from tests.integration.workflow.definitions import ASKS, ONE, RETRIED, TWO, WAITS
from tests.integration.workflow.partners import Fails, silent
from tests.integration.workflow.world import Json, World, until

UNKNOWN = run_id_text(uuid7(1_700_000_000_000, b"unknown"))


def code(answer: Json) -> str:
    return str(answer["rejected"]["code"])


def fails(_record: object) -> object:
    raise Fails(type="Boom", message="it broke", retryable=False)


async def test_a_run_is_cancelled_and_its_attempt_withdrawn(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    await until(lambda: world.execution.held)

    answer = await world.control(run, "cancel", reason="not wanted", by="ada")
    again = await world.control(run, "cancel")

    assert answer == {"run_id": run, "command": "cancel"}
    assert code(again) == "run_closed"
    state = await world.status(run, "cancelled")
    assert state["failure"]["message"] == "not wanted"
    await until(lambda: [w.path for w in world.execution.withdrawn] == ["do"])
    await until(lambda: world.heard.json("stretto.closed.default.one.cancelled"))


async def test_a_run_is_terminated_as_it_stands(world: World) -> None:
    await world.define(WAITS)
    run = await world.start("waits", {"for": 3600})

    assert await world.control(run, "terminate", by="ada") == {
        "run_id": run, "command": "terminate",
    }  # fmt: skip

    await world.status(run, "terminated")
    assert code(await world.control(run, "terminate")) == "run_closed"


async def test_a_paused_run_goes_on_when_it_is_resumed(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)

    await world.control(run, "pause", by="ada")
    twice = await world.control(run, "pause")
    world.execution.answer(world.execution.held.popleft(), output=1)
    paused = await world.waits(run, "paused")
    assert (await world.control(run, "resume"))["command"] == "resume"

    assert code(twice) == "not_running"
    assert paused["status"] == "paused"
    await world.status(run, "completed")
    assert code(await world.control(run, "resume")) == "run_closed"


async def test_signals_and_approvals_are_given_by_those_who_may(world: World) -> None:
    await world.define(ASKS)
    run = await world.start("asks")
    await world.waits(run, "signal", "approval")

    assert code(await world.control(run, "signal")) == "signal_invalid"
    assert code(await world.control(run, "approve", by="mallory")) == "not_allowed"
    assert code(await world.control(run, "approve", by="ops", step="told")) == "approval_not_open"
    assert "rejected" not in await world.control(run, "signal", name="go", payload={"x": 1})
    assert "rejected" not in await world.control(run, "approve", by="ops", reason="fine")

    state = await world.status(run, "completed")
    assert state["output"] == {"told": {"x": 1}, "by": "ops"}


async def test_an_approval_that_is_rejected_fails_its_step(world: World) -> None:
    await world.define(ASKS)
    run = await world.start("asks")
    await world.waits(run, "signal", "approval")

    await world.control(run, "reject", by="ops", reason="no")

    assert (await world.status(run, "failed"))["failure"]["type"] == "Rejected"


async def test_a_failed_run_is_opened_again_by_retry_and_by_rewind(world: World) -> None:
    world.execution.tasks["work"] = fails
    await world.define(RETRIED)
    run = await world.start("retried", id="k")
    await world.status(run, "failed")

    assert code(await world.control(run, "retry", step="after")) == "step_not_failed"
    assert (await world.control(run, "retry"))["command"] == "retry"
    await until(lambda: len(world.execution.of("do")) == 2)
    await world.status(run, "failed")
    world.execution.tasks.clear()
    assert code(await world.control(run, "rewind", step="nowhere")) == "step_unknown"
    assert (await world.control(run, "rewind", step="do"))["command"] == "rewind"

    await world.status(run, "completed")
    [row] = await world.sql("select status, closed_at is not null from workflow.run")
    assert tuple(row) == ("completed", True)


async def test_a_run_whose_id_is_open_again_is_not_reopened(world: World) -> None:
    world.execution.tasks["work"] = fails
    await world.define(RETRIED)
    run = await world.start("retried", id="k")
    await world.status(run, "failed")
    world.execution.tasks["work"] = silent
    await world.start("retried", id="k")

    assert code(await world.control(run, "retry")) == "run_closed"


async def test_a_step_is_skipped_by_request(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)

    assert code(await world.control(run, "skip", step="after")) == "step_not_open"
    assert "rejected" not in await world.control(run, "skip", step="do")

    await world.status(run, "completed")
    await until(lambda: [w.reason for w in world.execution.withdrawn] == ["skipped"])


async def test_commands_that_cannot_be_understood_or_have_no_run_are_refused(
    world: World,
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")

    assert code(await world.control(run, "explode")) == "unknown_command"
    assert code(await world.control(UNKNOWN, "cancel")) == "run_unknown"
    assert code(await world.control(UNKNOWN, "retry")) == "run_unknown"
    assert code(await world.control(run, "resume")) == "not_paused"
    assert world.rejected() == ["unknown_command", "run_unknown", "run_unknown", "not_paused"]


async def test_a_run_is_controlled_in_its_own_namespace_only(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")

    answer = await world.ask(f"stretto.control.other.{run}", b'{"command": "cancel"}')

    assert code(answer) == "run_unknown"
    assert (await world.state(run))["status"] == "running"


async def test_a_start_and_its_control_in_one_round_are_carried_out_in_order(world: World) -> None:
    await world.define(TWO)
    run = run_id_text(uuid7(1_700_000_000_000, b"mine"))
    start = ('{"run_id": "%s", "input": {"n": 1}}' % run).encode()  # noqa: UP031

    await world.publisher.publish("stretto.start.default.two", start)
    answer = await world.control(run, "cancel")

    assert answer.get("command") == "cancel" or code(answer) in ("run_unknown", "run_closed")
    await until(lambda: world.heard.json("stretto.closed."))
