"""`concurrency: {when_full: cancel_running}` of a step: the oldest of the key give way to it."""

import pytest

from services.testing import Held, TestedRun, World
from services.testing.recorded import recorded_of
from services.testing.replaying import facts_of, replay
from services.workflow.core.commands import Granted, Rejection
from services.workflow.core.decide import decide
from services.workflow.core.effects import Withdraw, effects
from stretto.contracts import events as ev
from stretto.contracts.ids import run_id_text
from stretto.testing.replayed import Recording

HEAD = "workflow: w\n"
LIMIT = "concurrency: {key: k, when_full: cancel_running}"
ONE = HEAD + f"steps: {{a: {{task: t, {LIMIT}}}}}\n"
CAUGHT = (
    HEAD + f"steps:\n  a:\n    task: t\n    {LIMIT}\n"
    "    retry: {max_attempts: 5}\n    catch: [{on: Superseded, output: gone}]\n"
    "output: ${{ steps.a.output }}\n"
)


def recording(run: TestedRun) -> Recording:
    return Recording(run_id=run_id_text(run.run.id), facts=facts_of(run))


def failures(run: TestedRun) -> list[ev.StepFailed]:
    return [event for _, event in run.log if isinstance(event, ev.StepFailed)]


def test_the_step_that_runs_fails_and_the_newer_one_begins_then() -> None:
    world = World(ONE, tasks={"t": Held()})

    first, second = world.start(), world.start()

    assert first.status == "failed"
    [failed] = failures(first)
    assert (failed.attempt, failed.failure.type, failed.failure.retryable) == (
        1, "Superseded", False,
    )  # fmt: skip
    assert failed.failure.message == (
        f"expected to be among the newest 1 of key 'k', but 'a' of run {recording(second).run_id} "
        "takes the place"
    )
    assert second.story() == ["run.started", "queued a", "admitted a", "scheduled a"]
    world.complete(second, "a")
    assert second.status == "completed"
    assert first.run.places is None


def test_its_run_goes_on_where_it_catches_that_and_does_not_try_again() -> None:
    world = World(CAUGHT, tasks={"t": Held()})
    first, second = world.start(), world.start()

    world.complete(second, "a", {"x": 1})

    assert (first.status, first.output) == ("completed", "gone")
    assert (second.status, second.output) == ("completed", {"x": 1})
    assert first.story("scheduled") == ["scheduled a"]


def test_only_as_many_give_way_as_have_to_the_oldest_first() -> None:
    text = ONE.replace("key: k", "key: k, limit: 2")
    world = World(text, tasks={"t": Held()})

    runs = [world.start() for _ in range(4)]

    assert [run.status for run in runs] == ["failed", "failed", "running", "running"]
    assert [run.step("a") for run in runs[2:]] == ["scheduled", "scheduled"]


def test_who_waits_gives_way_too() -> None:
    mixed = (
        HEAD + 'input: {type: object, properties: {now: {type: boolean}}}\nsteps:\n  s:\n'
        "    switch: [{if: input.now, then: [b]}, {else: [a]}]\n"
        "  a: {task: t, concurrency: {key: k}}\n"
        f"  b: {{task: t, {LIMIT}}}\n"
    )  # fmt: skip
    world = World(mixed, tasks={"t": Held()})
    has, waits = world.start(value={"now": False}), world.start(value={"now": False})
    assert waits.step("a") == "queued"

    newest = world.start(value={"now": True})

    assert [has.status, waits.status, newest.status] == ["failed", "failed", "running"]
    assert [e.attempt for e in failures(waits)] == [0]
    assert newest.step("b") == "scheduled"


def test_of_the_items_of_a_step_the_last_one_stays() -> None:
    text = HEAD + f"steps: {{a: {{for_each: [1, 2, 3], join: any, task: t, {LIMIT}}}}}\n"
    world = World(text, tasks={"t": Held()})
    run = world.start()

    world.complete(run, "a[2]", 3)

    assert run.status == "completed"
    assert run.story("failed") == ["failed a[0]", "failed a[1]"]
    assert run.output_of("a") == [None, None, 3]


@pytest.mark.parametrize(
    ("kind", "inside"),
    [
        ("steps: {b: {task: t}, c: {signal: s}}", {"a.b": "cancelled", "a.c": "cancelled"}),
        ("repeat: {steps: {b: {task: t}}, until: 'false'}", {"a[0].b": "cancelled"}),
        ("wait: 1h", {}),
        ("signal: s", {}),
        ("approval: {by: [ann]}", {}),
    ],
)
def test_whatever_is_open_inside_of_it_is_cancelled(kind: str, inside: dict[str, str]) -> None:
    world = World(HEAD + f"steps:\n  a:\n    {LIMIT}\n    {kind}\n", tasks={"t": Held()})

    first, second = world.start(), world.start()

    assert first.status == "failed"
    assert {path: first.step(path) for path in inside} == inside
    assert not first.run.open
    assert second.run.places is not None and second.run.places["a"].held


def test_its_attempt_is_withdrawn() -> None:
    world = World(ONE, tasks={"t": Held()})
    first = world.start()
    world.start()

    [failed] = failures(first)

    assert [type(effect) for effect in effects(first.run, failed)] == [Withdraw]


def test_its_child_is_cancelled() -> None:
    child = "workflow: child\nsteps: {b: {task: t}}\n"
    world = World(ONE.replace("task: t", "workflow: child"), child, tasks={"t": Held()})

    first, second = world.start(), world.start()

    [born, newer] = [run for run in world.runs.values() if run.run.workflow == "child"]
    assert (born.status, newer.status) == ("cancelled", "running")
    assert (first.status, second.step("a")) == ("failed", "scheduled")


def test_only_who_stands_in_the_line_since_then_gives_way() -> None:
    world = World(ONE, tasks={"t": Held()})
    run = world.start()
    assert run.run.places is not None
    since_us = run.run.places["a"].since_us
    world.advance(1)
    world.control(run, "rewind", step="a")

    way = Granted(path="a", superseded_by="'a' of run x", asked_us=since_us)
    for command in (way, Granted(path="no", superseded_by="x", asked_us=1)):
        outcome = decide(run.run, command, world.now_us)
        assert isinstance(outcome, Rejection) and outcome.code == "not_queued"


def test_a_history_in_which_a_step_gave_way_can_be_played_again() -> None:
    world = World(CAUGHT, tasks={"t": Held()})
    first = world.start()
    world.advance(5)
    world.start()

    assert [path for *_, path in recorded_of(facts_of(first)).superseded] == ["a"]
    [same] = replay(CAUGHT, [recording(first)])
    [other] = replay(CAUGHT.replace("on: Superseded", "on: Other"), [recording(first)])
    assert (same.verdict, other.verdict) == ("same", "otherwise")
