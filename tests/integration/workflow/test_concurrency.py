"""Runs of one key: at most so many at once, over all instances, and none waits for ever."""

import asyncio
import json
import signal
from contextlib import AsyncExitStack

from stretto.contracts import subjects
from stretto.contracts.codec import pack
from stretto.contracts.frames import GrantRecord, InboxFrame
from stretto.contracts.ids import parse_run_id, partition_of, run_id_text, uuid7
from stretto.payloads import ObjectStore, reference_to
from tests.integration.workflow.partners import silent
from tests.integration.workflow.places import Answering, claims, lose, most_at_once
from tests.integration.workflow.processes import instance, shares
from tests.integration.workflow.world import World, eventually, until

LIMITED = """\
workflow: limited
input: {type: object, properties: {customer: {}}}
concurrency: {key: "${{ input.customer }}", limit: 1, when_full: queue}
steps:
  do: {task: work}
"""
TWO_AT_ONCE = LIMITED.replace("limit: 1", "limit: 2")
REJECTS = LIMITED.replace("when_full: queue", "when_full: reject")
CANCELS = LIMITED.replace("when_full: queue", "when_full: cancel_running")


def under_way(world: World) -> list[str]:
    """The runs whose step is out, in the order in which they were sent; each once, for what is open
    is sent again after a while."""
    return list(dict.fromkeys(run_id_text(record.run_id) for record in world.execution.held))


async def finish(world: World, run: str) -> None:
    """Let the step of a run complete, and the run with it."""
    records = [r for r in world.execution.held if run_id_text(r.run_id) == run]
    for record in records:
        world.execution.held.remove(record)
    world.execution.answer(records[0])
    await world.status(run, "completed")


async def test_a_run_of_a_key_that_is_taken_waits_and_says_for_whom(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    first = await world.start("limited", {"customer": "ann"})
    second = await world.start("limited", {"customer": "ann"})
    other = await world.start("limited", {"customer": "bob"})

    state = await world.status(second, "queued")
    why = await world.api("explain", run_id=second)

    [cause] = state["pending"]
    assert (cause["cause"], cause["step"]) == ("concurrency", "")
    [told] = why["pending"]
    assert told["sentence"] == (
        f"At most 1 run is under way at once for the key 'ann'; {first} has the place."
    )
    await until(lambda: sorted(under_way(world)) == sorted([first, other]))
    assert await world.types(second) == ["run.started", "run.queued"]
    await finish(world, first)
    await until(lambda: second in under_way(world))
    await finish(world, second)
    await finish(world, other)
    assert await world.types(second) == [
        "run.started", "run.queued", "run.admitted", "step.scheduled", "step.completed",
        "run.completed",
    ]  # fmt: skip
    assert await claims(world) == 0


async def test_the_oldest_goes_first_and_never_more_than_the_limit(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(TWO_AT_ONCE)
    runs = [await world.start("limited", {"customer": 7}) for _ in range(7)]

    begun: list[str] = []
    for _ in range(7):
        await until(lambda: under_way(world))
        await until(lambda: len(under_way(world)) == min(2, 7 - len(begun)))
        assert len(under_way(world)) <= 2
        begun.append(under_way(world)[0])
        await finish(world, begun[-1])

    assert begun == runs


async def test_a_hundred_starts_at_once_over_two_instances_keep_to_the_limit(
    alone: World,
) -> None:
    async with AsyncExitStack() as stack:
        for name in ("workflow-1", "workflow-2"):
            await stack.enter_async_context(alone.service(name))
        alone.execution.tasks["work"] = silent
        await alone.define(TWO_AT_ONCE)
        for number in range(100):
            body = json.dumps({"input": {"customer": "ann"}, "id": f"n{number}"}).encode()
            await alone.publisher.publish("stretto.start.default.limited", body)
        done: set[bytes] = set()
        while len(done) < 100:
            await until(lambda: alone.execution.held)
            record = alone.execution.held.popleft()
            if record.run_id not in done:  # what is open is sent again when an owner is new
                done.add(record.run_id)
                alone.execution.answer(record)
                await alone.status(run_id_text(record.run_id), "completed")

        assert await most_at_once(alone, "run") == 2
        assert await claims(alone) == 0


async def test_a_start_of_a_full_key_is_refused_where_that_is_asked_for(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(REJECTS)
    first = await world.start("limited", {"customer": "ann"})

    refused = await world.try_start("limited", {"customer": "ann"})
    other = await world.try_start("limited", {"customer": "bob"})

    assert refused["rejected"] == {
        "code": "concurrency_full",
        "message": "expected fewer than 1 runs of key 'ann' to be under way, but there are so "
        f"many: {first}",
    }
    assert "run_id" in other
    await until(lambda: first in under_way(world))
    await finish(world, first)
    assert "run_id" in await world.try_start("limited", {"customer": "ann"})


async def test_the_running_one_is_cancelled_for_a_newer_one_where_that_is_asked_for(
    world: World,
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(CANCELS)
    first = await world.start("limited", {"customer": "ann"})
    await until(lambda: first in under_way(world))

    second = await world.start("limited", {"customer": "ann"})

    cancelled = await world.status(first, "cancelled")
    assert "newer run" in cancelled["failure"]["message"]
    await until(lambda: second in under_way(world))
    third = await world.start("limited", {"customer": "ann"})
    await world.status(second, "cancelled")
    await until(lambda: third in under_way(world))
    await finish(world, third)


async def test_of_many_that_make_room_for_themselves_nobody_is_told_twice(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(CANCELS)

    runs = await asyncio.gather(
        *[world.start("limited", {"customer": "ann"}, id=f"n{n}") for n in range(12)]
    )
    left = await eventually(lambda: open_of(world, runs), lambda each: len(each) == 1)
    await until(lambda: left[0] in under_way(world))
    await finish(world, left[0])

    assert world.rejected() == []
    answer = await world.control(next(r for r in runs if r not in left), "cancel")
    assert answer["rejected"]["code"] == "run_closed", "who asks is told"


async def test_a_place_for_a_run_that_has_ended_meanwhile_is_told_to_nobody(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    first, second = [await world.start("limited", {"customer": "ann"}) for _ in range(2)]
    await world.control(second, "cancel")
    await world.status(second, "cancelled")
    ended = parse_run_id(second)

    await world.publisher.publish(
        subjects.inbox(partition_of(ended, 2)), pack(InboxFrame([], [], [GrantRecord(ended)]))
    )
    answer = await world.control(second, "signal", name="after-it")
    await until(lambda: first in under_way(world))
    await finish(world, first)

    assert answer["rejected"]["code"] == "run_closed"
    assert len(world.rejected()) <= 1, "the signal at most"


async def open_of(world: World, runs: list[str]) -> list[str]:
    return [r for r in runs if (await world.state(r))["status"] in ("running", "queued")]


async def test_a_run_that_waits_can_be_cancelled_and_terminated(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    first = await world.start("limited", {"customer": "ann"})
    second = await world.start("limited", {"customer": "ann"})
    third = await world.start("limited", {"customer": "ann"})
    fourth = await world.start("limited", {"customer": "ann"})

    await world.control(second, "cancel")
    await world.control(third, "terminate")

    await world.status(second, "cancelled")
    await world.status(third, "terminated")
    await until(lambda: first in under_way(world))
    await world.control(first, "terminate")
    await until(lambda: fourth in under_way(world))
    assert await claims(world) == 1


async def test_a_key_that_cannot_be_worked_out_refuses_the_start(world: World) -> None:
    await world.define(LIMITED)

    missing = await world.try_start("limited", {})
    odd = await world.try_start("limited", {"customer": ["ann"]})
    empty = await world.try_start("limited", {"customer": ""})

    for answer in (missing, odd, empty):
        assert answer["rejected"]["code"] == "concurrency_key_invalid"
    assert "customer" in missing["rejected"]["message"]
    assert not await world.sql("select from workflow.run")


async def test_a_run_that_goes_on_after_its_end_waits_for_a_place_again(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    first = await world.start("limited", {"customer": "ann"})
    await until(lambda: first in under_way(world))
    record = world.execution.held.popleft()
    failure = {"type": "Boom", "message": "it broke", "retryable": False}
    world.execution.answer(record, status="failed", failure=failure)
    await world.status(first, "failed")
    second = await world.start("limited", {"customer": "ann"})
    await until(lambda: second in under_way(world))

    await world.control(first, "retry")

    await world.status(first, "queued")
    await finish(world, second)
    await until(lambda: first in under_way(world))
    await finish(world, first)
    assert await claims(world) == 0


async def test_places_are_given_out_after_everything_was_killed_in_between(alone: World) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define(LIMITED)
        runs = [await alone.start("limited", {"customer": "ann"}) for _ in range(3)]
        await until(lambda: runs[0] in under_way(alone))
    # The first one ends, and nobody is there to give its place out; the grant of the second is
    # lost.
    await lose(alone, freed=runs[0], granted=runs[1])

    async with alone.service():
        await until(lambda: runs[1] in under_way(alone))
        await alone.control(runs[1], "terminate")
        await until(lambda: runs[2] in under_way(alone))


async def test_runs_of_a_key_all_come_to_their_end_while_instances_are_killed(
    alone: World,
) -> None:
    alone.execution.tasks["work"] = silent
    answering = Answering(alone)
    async with alone.service("stays"):
        await alone.define(LIMITED)
        async with instance(alone, "a", partitions="2") as first:
            await eventually(lambda: shares(alone), lambda s: s == [1, 1])
            runs = [await alone.start("limited", {"customer": "ann"}) for _ in range(12)]
            await answering.one()
            first.send(signal.SIGKILL)  # whatever it is at: the end of a run, a grant
            for _ in range(3):
                await answering.one()
        async with instance(alone, "b", partitions="2") as second:
            await eventually(lambda: shares(alone), lambda s: s == [1, 1])
            await answering.one()
            await answering.one()
            second.send(signal.SIGKILL)
            while len(answering.done) < len(runs):
                await answering.one()
            for run in runs:
                await alone.status(run, "completed")

    assert await most_at_once(alone, "run") == 1
    assert await claims(alone) == 0


async def test_a_start_that_comes_again_after_its_run_has_ended_claims_no_place(
    alone: World,
) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service():
        await alone.define(LIMITED)
        run = await alone.start("limited", {"customer": "ann"})
        await finish(alone, run)

    async with alone.service():  # it knows of ended runs what the log knows
        again = await alone.start("limited", {"customer": "ann"}, run_id=run)
        assert (again, await claims(alone)) == (run, 0)


async def test_a_claim_whose_start_was_given_up_is_dropped(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    await world.sql(
        "insert into workflow.claim values ($1, '', 'default', 'run limited', 'ann', 1, "
        "now() - interval '2 minutes', now() - interval '2 minutes')",
        run_id_text(uuid7(1_700_000_000_000, b"gone")),
    )

    run = await world.start("limited", {"customer": "ann"})

    await until(lambda: run in under_way(world))


async def test_a_workflow_without_a_key_asks_for_no_place(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define("workflow: free\nsteps: {do: {task: work}}\n")

    runs = [await world.start("free") for _ in range(3)]

    await until(lambda: sorted(under_way(world)) == sorted(runs))
    assert await claims(world) == 0


async def test_the_state_of_a_run_tells_its_labels_and_those_of_its_steps(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(
        "workflow: labelled\nlabels: {team: a}\n"
        "steps: {do: {task: work, labels: {risk: high}}, more: {task: work, needs: do}}\n"
    )

    run = await world.start("labelled", {}, labels={"site": "eu"})

    state = await world.state(run)
    assert state["labels"] == {"team": "a", "site": "eu"}
    assert state["steps"][0]["labels"] == {"risk": "high"}
    assert "labels" not in state["steps"][1]


async def test_a_fork_counts_by_the_input_that_it_takes_over(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    first = await world.start("limited", {"customer": "ann"})
    await until(lambda: first in under_way(world))

    body = json.dumps({"fork": {"run_id": first, "at_seq": 2}}).encode()
    second = (await world.ask("stretto.start.default.limited", body))["run_id"]

    await world.status(second, "queued")
    await finish(world, first)
    await until(lambda: second in under_way(world))


async def test_a_key_may_lie_in_an_input_that_is_kept_elsewhere(world: World) -> None:
    world.execution.tasks["work"] = silent
    await world.define(LIMITED)
    name = json.dumps("ann").encode()
    await ObjectStore(world.bus, world.publisher).put(name, 1_900_000_000_000_000)
    reference = {"$payload": reference_to(name).hash, "bytes": len(name)}

    first = await world.start("limited", {"customer": "ann"})
    second = await world.start("limited", {"customer": reference})

    assert (await world.status(second, "queued"))["pending"][0]["cause"] == "concurrency"
    assert await world.types(first)
