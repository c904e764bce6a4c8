"""A restart with open runs: timers fire, effects are made again, events are told again."""

import json

import pytest

from services.workflow import republishing, service, sweeping
from services.workflow.sending import Sender
from stretto.bus.publisher import Publisher
from stretto.bus.request import RemoteError
from stretto.contracts import subjects
from stretto.runtime.errors import PermanentError, TransientError
from stretto.testkit.isolation import delete_streams
from tests.integration.workflow.definitions import ASKS, CHILD, ONE, PARENT, SAYS, TWO, WAITS
from tests.integration.workflow.partners import attempt_of, silent
from tests.integration.workflow.processes import instance
from tests.integration.workflow.world import World, eventually, until

NEWER = """
insert into workflow.event values ($1, $2, 'step.teleported', now(), '{"step": "a"}')
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SETTLE_S", 0.1)
    monkeypatch.setattr(republishing, "MARK_S", 0.1)
    monkeypatch.setattr(sweeping, "TROUBLE_S", 0.1)


async def test_after_a_restart_timers_fire_and_what_is_open_is_asked_for_again(
    alone: World,
) -> None:
    alone.execution.tasks["work"] = silent
    async with alone.service("first"):
        for source in (WAITS, ONE, TWO):
            await alone.define(source)
        waits = await alone.start("waits", {"for": 1.0})
        await alone.waits(waits, "timer")
        works = await alone.start("one")
        await until(lambda: alone.execution.held)
        alone.decision.losing = 1
        asks = await alone.start("two", {"n": 1})
        await until(lambda: alone.decision.asked[-1].run_id.hex() == asks.replace("-", ""))

    async with alone.service("second"):
        await until(lambda: len(alone.execution.held) == 2)
        first, again = alone.execution.held
        assert (again.again, again.attempt, again.run_id) == (True, 1, first.run_id)
        alone.execution.answer(first)
        for run in (waits, asks, works):
            await alone.status(run, "completed")


async def test_events_that_a_killed_owner_did_not_publish_are_told(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def dies(_self: object, *_args: object) -> None:
        return

    with monkeypatch.context() as patch:  # until it has stopped: it would tell later what it owes
        async with alone.service("first"):
            for source in (SAYS, CHILD, PARENT, TWO):
                await alone.define(source)
            # Killed after the commit, before it told.
            patch.setattr(Sender, "told", dies)
            patch.setattr(Sender, "told_from_log", dies)
            says = await alone.start("says", {"words": "hi"})
            await alone.status(says, "completed")
            parent = await alone.start("parent", {"n": 1})
            child = (await alone.waits(parent, "child"))["run_id"]
            await until(lambda: len(alone.execution.dispatched) == 1)
            assert child
    assert alone.told(says) == []

    async with alone.service("second"):
        await alone.status(parent, "completed")
        rows = await alone.log(says)
        await until(lambda: alone.told_once(says) == [row["seq"] for row in rows])
        await until(lambda: alone.heard.json("stretto.closed.default.says"))


async def test_the_watermark_moves_and_bounds_what_is_told_again(
    alone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(republishing, "OVERLAP_US", 0)
    async with alone.service("first"):
        await alone.define(TWO)
        run = await alone.start("two", {"n": 1})
        await alone.status(run, "completed")
        [end] = await alone.sql("select max(at) from workflow.event")

        async def marks() -> bool:
            rows = await alone.sql("select at from workflow.published")
            return len(rows) == 2 and all(row[0] > end[0] for row in rows)

        await eventually(marks)
    count = len(alone.told(run))
    async with alone.service("second"):
        other = await alone.start("two", {"n": 2})
        await alone.status(other, "completed")

    assert len(alone.told(run)) == count


async def test_a_deleted_store_is_made_again_and_what_was_open_goes_on(world: World) -> None:
    world.execution.tasks["work"] = silent
    for source in (ONE, TWO):
        await world.define(source)
    run = await world.start("one")
    await until(lambda: world.execution.held)

    await delete_streams(world.nats_url)

    answered = 1  # the first dispatch is never answered

    async def completed() -> bool:
        """Answer what is dispatched again: a result may be lost with a stream, too."""
        nonlocal answered
        for record in list(world.execution.held)[answered:]:
            done = {"results": [{"id": attempt_of(record), "status": "completed"}]}
            data = json.dumps(done).encode()
            await world.publisher.publish(subjects.results(record.partition), data)
            answered += 1
        return bool((await world.state(run))["status"] == "completed")

    await eventually(completed)
    again = await world.start("two", {"n": 1})
    await world.status(again, "completed")


@pytest.mark.parametrize("subject", ["stretto.start", "stretto.closed", "stretto.results"])
async def test_a_publication_that_fails_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    for source in (PARENT, CHILD):
        await world.define(source)
    assert world.host is not None
    publisher = world.host.context.publisher
    real = publisher.send
    failed = []

    async def send(to: str, data: bytes, **more: object) -> object:
        if to.startswith(subject) and not failed:
            failed.append(to)
            raise TransientError("bus.publish_timeout", "nobody answered")
        return await real(to, data, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(publisher, "send", send)
    run = await world.start("parent", {"n": 1})

    await world.status(run, "completed")
    await until(lambda: len(world.heard.json("stretto.closed.default.child")) >= 1)
    assert failed


async def test_a_publication_that_can_never_succeed_is_not_repeated_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(ONE)
    tries = []
    real = Publisher.send

    async def send(self: Publisher, subject: str, data: bytes, **more: object) -> object:
        if subject.startswith("stretto.log"):
            tries.append(subject)
            raise PermanentError("bus.message_too_large", "too large")
        return await real(self, subject, data, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Publisher, "send", send)
    run = await world.start("one")

    await world.status(run, "completed")
    assert len(tries) <= 2


async def test_a_log_that_a_newer_build_wrote_ends_the_service_and_says_why(alone: World) -> None:
    async with alone.service():
        await alone.define(ASKS)
        run = await alone.start("asks")
        await alone.waits(run, "signal", "approval")
    await alone.sql(
        "insert into workflow.event values ($1, 4, 'step.teleported', now(), '{\"step\":\"a\"}')",
        run,
    )

    async with instance(alone, "old") as old:
        code, said = await old.ended()

    assert code == 1
    assert "this build is older than the log" in said


async def test_a_read_of_what_a_newer_build_wrote_says_so_and_its_history_is_shown(
    world: World,
) -> None:
    await world.define(ONE)
    run = await world.start("one")
    await world.status(run, "completed")
    await world.sql(
        "insert into workflow.event values ($1, 5, 'step.teleported', now(), '{\"step\":\"a\"}')",
        run,
    )

    with pytest.raises(RemoteError) as caught:
        await world.state(run)
    history = await world.api("history", run_id=run)

    assert caught.value.code == "workflow.build_older"
    assert (history["events"][-1]["type"], history["events"][-1]["step"]) == (
        "step.teleported",
        "a",
    )


async def test_a_run_that_cannot_be_folded_is_aside_and_the_others_go_on(alone: World) -> None:
    async with alone.service():
        await alone.define(ASKS)
        sick, sound = [await alone.start("asks") for _ in range(2)]
        for run in (sick, sound):
            await alone.waits(run, "signal", "approval")
    await alone.sql(
        "insert into workflow.event values "
        "($1, 4, 'step.completed', now(), '{\"step\":\"nowhere\"}')",
        sick,
    )

    async with alone.service():
        answer = await alone.control(sick, "signal", name="go")
        fine = await alone.control(sound, "signal", name="go")
        with pytest.raises(RemoteError) as caught:
            await alone.state(sick)

    assert answer["rejected"]["code"] == "run_at_fault"
    assert "rejected" not in fine
    assert caught.value.code == "run_at_fault"


async def test_a_tidy_end_commits_what_it_holds_and_gives_back_the_rest(alone: World) -> None:
    async with alone.service("first"):
        await alone.define(TWO)
        for n in range(50):
            body = b'{"input": {"n": %d}}' % n
            await alone.publisher.publish("stretto.start.default.two", body)
        await alone.bus.flush()

    async with alone.service("second"):
        await until(
            lambda: len({m["run_id"] for m in alone.heard.json("stretto.closed.default.two")}) == 50
        )
    [count] = await alone.sql("select count(*), count(closed_at) from workflow.run")
    assert tuple(count) == (50, 50)
