"""The sweep: what was lost is asked for again, a run that waits for nothing is reported."""

import pytest

from services.workflow import sweeping
from services.workflow.causes import causes
from services.workflow.core.state import Run
from services.workflow.engine import Engine
from stretto.bus.deadletter import DeadLetters
from stretto.contracts.ids import parse_run_id
from stretto.definition import Definition, compile_graph, load
from stretto.runtime.errors import TransientError
from tests.integration.workflow.definitions import ONE, TWO
from tests.integration.workflow.partners import silent
from tests.integration.workflow.world import World, eventually, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SWEEP_S", 0.1)
    monkeypatch.setattr(sweeping, "ASK_OVERDUE_S", 0.3)
    monkeypatch.setattr(sweeping, "ATTEMPT_OVERDUE_S", 0.3)
    monkeypatch.setattr(sweeping, "SWEEP_SLICE", 1)


def loaded(source: str) -> Definition:
    definition = load(source).definition
    assert definition is not None
    return definition


def gauge(world: World, name: str) -> float:
    assert world.host is not None
    return float(world.host.context.metrics.gauge(name).value)


async def test_lost_asks_are_asked_again_and_lost_attempts_dispatched_again(world: World) -> None:
    world.execution.tasks["echo"] = silent
    await world.define(TWO)
    world.decision.losing = 1

    run = await world.start("two", {"n": 1})
    await until(lambda: len(world.decision.asked) >= 2)
    await until(lambda: len(world.execution.held) >= 2)  # the first was lost, as it were

    assert world.execution.held[1].again
    world.execution.tasks.clear()
    world.execution.answer(world.execution.held[1], output={"n": 1})
    world.decision.losing = 1  # that of the next step, or of the output
    await world.status(run, "completed")


async def test_a_run_without_a_cause_is_reported(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.execution.tasks["work"] = silent
    await world.define(ONE)
    run = await world.start("one")
    made: list[Engine] = []
    real = Engine.resend

    async def resend(self: Engine, *args: object, **more: object) -> int:
        made.append(self)
        return await real(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "resend", resend)
    await world.bus.subscribe("stretto.alert.>", world.heard.sink)
    await until(lambda: made)

    made[0].loader.slots[parse_run_id(run)].run.open.clear()

    await until(lambda: gauge(world, "stretto_workflow_runs_without_cause") == 1)
    assert "run without a cause" in caplog.text
    await until(lambda: world.heard.json("stretto.alert.default.critical"))
    alert = world.heard.json("stretto.alert.")[0]
    assert (alert["code"], alert["run_id"]) == ("run_without_cause", run)
    assert "waits for nothing" in alert["message"]


def test_a_run_without_a_cause_is_explained_as_a_fault_of_ours() -> None:
    run = Run(bytes(16), compile_graph(loaded("workflow: w\nsteps:\n  a: {task: t}\n"), 1))
    [cause] = causes(run)
    assert (cause.cause, cause.owner) == ("fault", "workflow")
    assert "a fault of ours" in cause.sentence
    run.todo["a"] = None
    assert [c.cause for c in causes(run)] == ["own"]


async def test_a_run_whose_output_was_lost_is_asked_again(world: World) -> None:
    await world.define(TWO)
    run = await world.start("two", {"n": 1})
    await until(lambda: len(world.decision.asked) >= 2)
    world.decision.losing = 1

    await world.status(run, "completed")


async def test_dead_letters_that_cannot_be_stored_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = DeadLetters.publish
    tries = []

    async def publish(self: DeadLetters, *args: object, **more: object) -> None:
        tries.append(args)
        if len(tries) == 1:
            raise TransientError("bus.publish_timeout", "not now")
        await real(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(DeadLetters, "publish", publish)
    await world.publisher.publish("stretto.decided.0", b"no frame")

    await until(world.dead)  # delivered again after `ack_wait`
    assert len(tries) == 2


async def test_answers_and_events_that_cannot_be_published_stop_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.define(TWO)
    assert world.host is not None
    publisher = world.host.context.publisher
    core, encoded = publisher.publish_core, publisher.publish_encoded
    failing = {"core": 3, "encoded": 3}

    async def publish_core(subject: str, data: bytes, **more: object) -> None:
        if failing["core"]:
            failing["core"] -= 1
            raise TransientError("bus.buffer_full", "not now")
        await core(subject, data, **more)  # type: ignore[arg-type]

    async def publish_encoded(commands: list[bytes]) -> None:
        if failing["encoded"] and commands:
            failing["encoded"] -= 1
            raise TransientError("bus.buffer_full", "not now")
        await encoded(commands)

    monkeypatch.setattr(publisher, "publish_core", publish_core)
    monkeypatch.setattr(publisher, "publish_encoded", publish_encoded)
    monkeypatch.setattr(sweeping, "TROUBLE_S", 0.05)
    await world.bus.publish("stretto.definitions.default", b"no definition", reply="_INBOX.x")
    await world.publisher.publish(
        "stretto.start.default.two", b'{"id": "a", "input": {"n": 1}}',
        headers={"Stretto-Reply": "_INBOX.y"},
    )  # fmt: skip

    await eventually(
        lambda: world.sql("select count(*)::int from workflow.run where closed_at is not null"),
        lambda rows: rows[0][0] == 1,
    )
    [row] = await world.sql("select run_id::text from workflow.run")
    await until(lambda: sorted(set(world.told(row[0]))) == list(range(1, 10)))
