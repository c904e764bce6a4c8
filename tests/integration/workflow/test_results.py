"""Results that come twice, late, in another order, for nobody: recorded as rejected, no change."""

import json

from stretto.contracts import subjects
from stretto.contracts.codec import pack
from stretto.contracts.frames import DecidedFrame, DecidedRecord
from stretto.contracts.ids import partition_of, run_id_text, uuid7
from tests.integration.workflow.definitions import ONE, RETRIED, SAYS, TWO
from tests.integration.workflow.partners import Fails, attempt_of, silent
from tests.integration.workflow.world import World, until

TIMED = """
workflow: timed
steps:
  do: {task: work, timeout: {run: 300ms, queue: 1h}, retry: {max_attempts: 1}}
"""


async def test_a_result_that_comes_twice_changes_nothing_the_second_time(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    await until(lambda: world.execution.held)
    record = world.execution.held.popleft()

    for output in (1, 2, 3):
        world.execution.answer(record, output=output)

    await until(lambda: len(world.rejected()) == 2)
    assert set(world.rejected()) <= {"run_closed", "attempt_not_open"}
    rows = [row for row in await world.log(run) if row["type"] == "step.completed"]
    assert [json.loads(row["data"])["output"] for row in rows] == [1]


async def test_results_out_of_order_and_late_are_fenced_by_their_attempt(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(RETRIED)
    run = await world.start("retried")
    await until(lambda: world.execution.held)
    first = world.execution.held.popleft()
    world.execution.answer(first, status="failed", failure={"type": "Boom"})
    await world.waits(run, "retry")
    await world.control(run, "retry", step="do")
    await until(lambda: world.execution.held)
    second = world.execution.held.popleft()

    world.execution.answer(first, output="late")
    world.execution.answer(second, output="right")
    world.execution.answer(first, output="later")

    await world.status(run, "completed")
    await until(lambda: len(world.rejected()) == 2)
    rows = [json.loads(r["data"]) for r in await world.log(run) if r["type"] == "step.completed"]
    assert (rows[0]["step"], rows[0]["attempt"], rows[0]["output"]) == ("do", 2, "right")


async def test_results_of_unknown_runs_are_rejected(world: World) -> None:
    await world.define(ONE)
    nobody = uuid7(1_700_000_000_000, b"nobody")
    message = {"results": [{"id": f"{run_id_text(nobody)}:do:1", "status": "completed"}]}

    world.execution.say(partition_of(nobody, 2), json.dumps(message).encode())

    await until(lambda: world.rejected() == ["run_unknown"])


async def test_a_result_on_the_subject_of_another_partition_is_taken_all_the_same(
    world: World,
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    await until(lambda: world.execution.held)
    record = world.execution.held.popleft()
    message = {"results": [{"id": attempt_of(record), "status": "completed"}]}

    world.execution.say(1 - record.partition, json.dumps(message).encode())

    await world.status(run, "completed")


async def test_a_decision_that_comes_twice_is_told_to_nobody(world: World) -> None:
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await world.status(run, "completed")
    ask = world.decision.asked[0]

    again = DecidedFrame([DecidedRecord(ask.run_id, ask.path, ask.turn, skip=True)])
    await world.publisher.publish(subjects.decided(ask.partition), pack(again))
    barrier = await world.start("two", {"n": 1})

    await world.status(barrier, "completed")
    assert len(await world.log(run)) == 9


async def test_an_attempt_that_was_accepted_is_started_and_may_run_out_of_time(
    world: World,
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(TIMED)
    run = await world.start("timed")
    await until(lambda: world.execution.held)
    record = world.execution.held.popleft()
    assert record.accept and record.run_s == 0.3

    accepted = {"accepted": attempt_of(record), "worker": "w-9"}
    for _ in range(2):
        world.execution.say(record.partition, json.dumps(accepted).encode())

    failed = await world.status(run, "failed")
    assert failed["failure"]["type"] == "RunTimeout"
    assert "step.started" in await world.types(run)
    await until(lambda: [w.reason for w in world.execution.withdrawn] == ["RunTimeout"])
    await until(lambda: world.rejected() == ["attempt_started"])


async def test_an_attempt_that_failed_is_tried_again_by_a_timer(world: World) -> None:
    tries: list[object] = []

    def flaky(record: object) -> object:
        tries.append(record)
        if len(tries) == 1:
            raise Fails(type="Boom")
        return "done"

    world.execution.tasks["work"] = flaky
    await world.define(RETRIED.replace("1h", "50ms"))

    run = await world.start("retried")

    await world.status(run, "completed")
    assert [r.attempt for r in world.execution.of("do")] == [1, 2]


async def test_what_a_step_says_is_published(world: World) -> None:
    await world.define(SAYS)

    run = await world.start("says", {"words": "hello"})

    await world.status(run, "completed")
    await until(lambda: world.heard.json("stretto.emitted.default.says") == [{"words": "hello"}])
