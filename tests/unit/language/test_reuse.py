"""`cache` of a step: what an equal one gave is taken, and what is undone, or old, is not."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from services.testing import Fails, Given, Held, Reused, Takes, TestedRun, When, World
from services.testing.replaying import replay
from services.workflow.core.commands import Found, Rejection, Sought
from services.workflow.core.decide import decide
from services.workflow.core.effects import Seek, open_effects
from services.workflow.core.reuse import INPUT_KEY
from stretto.contracts import events as ev
from stretto.contracts.codec import json_encode
from stretto.history import Fact
from stretto.testing.replayed import Recording

HEAD = "workflow: w\n"
BY_INPUT = HEAD + 'steps:\n  a: {task: t, with: {x: "${{ input.x }}"}, cache: 1h}\n'
BY_KEY = HEAD + (
    'steps:\n  a:\n    task: t\n    with: {x: "${{ input.x }}"}\n'
    '    cache: {key: "${{ input.k }}", for: 10s}\n'
)
CONSTANT = HEAD + "steps: {a: {task: t, cache: {key: 7, for: 1h}}}\n"


def counting() -> Callable[[object], Any]:
    """A task that answers how often it was asked."""
    calls: list[object] = []

    def answer(attempt: object) -> Any:
        calls.append(attempt)
        return {"call": len(calls)}

    return answer


def world_of(*definitions: str, **tasks: Any) -> World:
    return World(*definitions, tasks={"t": counting(), **tasks})


def reused(run: TestedRun) -> list[ev.StepReused]:
    return [event for _, event in run.log if isinstance(event, ev.StepReused)]


def seeking(run: TestedRun) -> ev.StepSeeking:
    return next(event for _, event in run.log if isinstance(event, ev.StepSeeking))


def test_an_equal_step_takes_what_was_given_and_says_from_which_run() -> None:
    world = world_of(BY_INPUT)
    first = world.start(value={"x": 1})

    second = world.start(value={"x": 1})

    assert first.story("seeking", "scheduled", "completed", "reused") == [
        "seeking a", "scheduled a", "completed a",
    ]  # fmt: skip
    assert second.story() == [
        "run.started", "activated a", "seeking a", "reused a", "run.completed",
    ]  # fmt: skip
    assert second.output_of("a") == {"call": 1}
    [event] = reused(second)
    assert (event.from_step, bytes.fromhex(event.from_run.replace("-", ""))) == ("a", first.run.id)
    assert event.kept_at.timestamp() * 1e6 == pytest.approx(first.log[-1][0])
    assert len(world.attempts) == 1


def test_another_input_is_done() -> None:
    world = world_of(BY_INPUT)
    world.start(value={"x": 1})

    others = [world.start(value={"x": x}) for x in (1.0, "1", True, None, [1], {"a": 1})]

    assert [reused(run) for run in others] == [[]] * 6
    assert len(world.attempts) == 7


def test_the_order_of_names_in_an_input_does_not_matter() -> None:
    world = world_of(BY_INPUT)

    keys = [seeking(world.start(value={"x": x})).key for x in ({"a": 1, "b": 2}, {"b": 2, "a": 1})]

    assert keys[0] == keys[1]
    assert keys[0].startswith(INPUT_KEY)


def test_a_key_that_is_given_is_all_that_counts_beside_the_task() -> None:
    other = BY_KEY.replace("workflow: w", "workflow: v").replace("  a:", "  z:")
    third = BY_KEY.replace("workflow: w", "workflow: u").replace("task: t", "task: other")
    world = world_of(BY_KEY, other, third, other={})
    world.start("w", {"x": 1, "k": "one"})

    runs = [world.start(name, {"x": 2, "k": "one"}) for name in ("w", "v", "u")]

    assert [[each.from_step for each in reused(run)] for run in runs] == [["a"], ["a"], []]


@pytest.mark.parametrize(("said", "key"), [(7, "7"), (True, "true"), (1.5, "1.5"), ("k", "k")])
def test_a_key_may_be_a_text_a_number_or_a_truth_value(said: object, key: str) -> None:
    run = world_of(BY_KEY).start(value={"x": 1, "k": said})

    assert seeking(run).key == key


@pytest.mark.parametrize("said", [None, [], {}, "", "x" * 257, "a\0b"])
def test_a_key_that_is_none_fails_the_step(said: object) -> None:
    run = world_of(BY_KEY).start(value={"x": 1, "k": said})

    assert run.failure is not None
    assert run.failure.type == "ExpressionError"
    assert run.failure.message.startswith("cache.key: expected a text of 1 to 256")


def test_a_step_without_a_question_looks_for_its_constant_key() -> None:
    world = world_of(CONSTANT)

    first, second = world.start(), world.start()

    assert first.story() == [
        "run.started", "seeking a", "scheduled a", "completed a", "run.completed",
    ]  # fmt: skip
    assert seeking(first).key == "7"
    assert second.story() == ["run.started", "seeking a", "reused a", "run.completed"]


def test_a_constant_input_is_a_key_too() -> None:
    world = world_of(HEAD + "steps: {a: {task: t, with: {x: 1}, cache: 5m}}\n")

    world.start()

    assert reused(world.start())
    assert world.attempts[0].input == {"x": 1}


@pytest.mark.parametrize(("after_s", "times"), [(9.9, 1), (10.1, 2)])
def test_what_is_too_old_is_done(after_s: float, times: int) -> None:
    world = world_of(BY_KEY)
    world.start(value={"x": 1, "k": "k"})

    world.advance(after_s)
    world.start(value={"x": 1, "k": "k"})

    assert len(world.attempts) == times


def test_a_step_takes_nothing_older_than_its_own_time() -> None:
    patient = BY_KEY.replace("for: 10s", "for: 1h")
    hasty = patient.replace("workflow: w", "workflow: v").replace("1h", "10s")
    world = world_of(patient, hasty)
    world.start("w", {"x": 1, "k": "k"})

    world.advance(60)

    assert not reused(world.start("v", {"x": 1, "k": "k"}))
    assert reused(world.start("w", {"x": 1, "k": "k"}))


def test_the_last_to_complete_is_kept() -> None:
    world = World(CONSTANT, tasks={"t": Held()})
    first, second = world.start(), world.start()
    assert [run.step("a") for run in (first, second)] == ["scheduled"] * 2

    world.complete(second, "a", {"n": 2})
    world.complete(first, "a", {"n": 1})

    assert world.start().output_of("a") == {"n": 1}


def test_with_concurrency_of_the_same_key_only_one_works() -> None:
    text = HEAD + (
        'steps:\n  a:\n    task: t\n    with: {x: "${{ input.x }}"}\n'
        '    concurrency: {key: "${{ input.x }}"}\n'
        '    cache: {key: "c ${{ input.x }}", for: 1h}\n'
    )
    world = world_of(text, t=Takes(10, {"n": 1}))

    runs = [world.start(value={"x": 1}) for _ in range(3)]
    world.advance(10)

    assert [run.status for run in runs] == ["completed"] * 3
    assert len(world.attempts) == 1
    assert world.attempts[0].input == {"x": 1}
    assert runs[2].story()[2:] == [
        "limited a", "queued a", "admitted a", "seeking a", "reused a", "run.completed",
    ]  # fmt: skip
    assert not any(run.run.places for run in runs)


def test_each_item_looks_by_itself_also_within_a_run() -> None:
    text = HEAD + (
        "steps:\n  a:\n    for_each: [x, y, x, x]\n    max_parallel: 1\n    task: t\n"
        '    with: {i: "${{ item }}"}\n    cache: 1h\n'
    )

    run = world_of(text).start()

    assert run.output_of("a") == [{"call": 1}, {"call": 2}, {"call": 1}, {"call": 1}]
    assert run.story("reused") == ["reused a[2]", "reused a[3]"]


def test_a_condition_goes_first() -> None:
    world = world_of(HEAD + 'steps: {a: {task: t, if: "${{ input.go }}", cache: 1h}}\n')
    world.start(value={"go": True})

    skipped = world.start(value={"go": False})

    assert skipped.story("skipped", "seeking") == ["skipped a"]


# --- what is not kept


def test_a_failure_is_not_kept() -> None:
    world = world_of(CONSTANT, t=Fails("No", retryable=False))
    world.start()
    world.tasks["t"] = {"n": 1}

    assert not reused(world.start())


def test_what_a_handler_gave_is_not_kept() -> None:
    text = HEAD + "steps: {a: {task: t, cache: 1h, catch: [{output: {sorry: true}}]}}\n"
    world = world_of(text, t=Fails("No", retryable=False))
    caught = world.start()
    assert caught.output_of("a") == {"sorry": True}

    world.tasks["t"] = {"n": 1}

    assert not reused(world.start())


def test_what_was_reused_is_not_kept_anew() -> None:
    world = world_of(BY_KEY)
    world.start(value={"x": 1, "k": "k"})
    world.advance(9)
    assert reused(world.start(value={"x": 1, "k": "k"}))

    world.advance(2)

    assert not reused(world.start(value={"x": 1, "k": "k"}))


@pytest.mark.parametrize(
    "output", ["x" * 300_000, {"deep": {"$payload": "0" * 64, "bytes": 300_000}}]
)
def test_what_is_large_is_not_kept(output: object) -> None:
    world = world_of(CONSTANT, t=output)
    world.start()

    assert not reused(world.start())


def test_retries_of_a_step_do_not_look_again_and_the_last_is_kept() -> None:
    text = HEAD + ("steps: {a: {task: t, cache: 1h, retry: {max_attempts: 2, interval: 1s}}}\n")
    answers = iter([Fails("Busy"), {"n": 1}])
    world = world_of(text, t=lambda _: next(answers))

    run = world.finish(world.start())

    assert run.story("seeking", "scheduled", "failed", "completed") == [
        "seeking a", "scheduled a", "failed a", "scheduled a", "completed a",
    ]  # fmt: skip
    assert world.start().output_of("a") == {"n": 1}


# --- cuts, pauses, ends


def held_seeking() -> tuple[World, TestedRun]:
    """A run whose step looks, and nobody answers."""
    world = World(CONSTANT)
    world._seek = lambda run, effect: None  # type: ignore[method-assign]
    return world, world.start()


def test_a_step_that_looks_is_asked_for_again_from_the_log() -> None:
    _, run = held_seeking()

    [seek] = open_effects(run.run)

    assert isinstance(seek, Seek)
    assert (seek.path, seek.task, seek.key, seek.for_s) == ("a", "t", "7", 3600.0)
    assert seek.turn == run.run.nodes["a"].turn


@pytest.mark.parametrize("changed", [{"turn": 1}, {"path": "b"}, {"path": "nowhere"}])
def test_an_answer_that_fits_no_question_is_refused(changed: dict[str, Any]) -> None:
    _, run = held_seeking()
    answer = Sought(path="a", turn=run.run.nodes["a"].turn, task="t")

    outcome = decide(run.run, msgspec.structs.replace(answer, **changed), 0)

    assert isinstance(outcome, Rejection)
    assert outcome.code == "seeking_not_open"


def test_what_another_task_gave_is_not_taken() -> None:
    _, run = held_seeking()
    found = Found(output=b"1", run="r", step="s", at_us=0)
    turn = run.run.nodes["a"].turn

    outcome = decide(run.run, Sought(path="a", turn=turn, task="was", found=found), 0)

    assert isinstance(outcome, list)
    assert [event.type for event in outcome] == ["step.scheduled"]


@pytest.mark.parametrize("command", ["cancel", "terminate", "skip"])
def test_a_step_that_looks_can_be_ended(command: str) -> None:
    world, run = held_seeking()

    world.control(run, command, **({"step": "a"} if command == "skip" else {}))

    assert run.run.closed


def test_a_step_that_looks_keeps_to_its_total_time() -> None:
    world = World(HEAD + "steps: {a: {task: t, cache: 1h, timeout: {total: 5s}}}\n")
    world._seek = lambda run, effect: None  # type: ignore[method-assign]
    run = world.start()

    world.advance(6)

    assert run.failure is not None
    assert run.failure.type == "RunTimeout"


# --- mocked


def test_a_test_may_say_that_an_equal_step_gave_something_before() -> None:
    world = World(BY_INPUT, tasks={"t": Given(When({"x": 1}, Reused({"n": 1})), {"n": 2})})

    runs = [world.start(value={"x": x}) for x in (1, 2)]

    assert [run.output_of("a") for run in runs] == [{"n": 1}, {"n": 2}]
    assert [len(reused(run)) for run in runs] == [1, 0]
    assert [attempt.input for attempt in world.attempts] == [{"x": 2}]


def test_what_is_mocked_as_reused_is_what_the_task_gives_where_nothing_is_looked_for() -> None:
    run = World(BY_INPUT.replace(", cache: 1h", ""), tasks={"t": Reused(7)}).start(value={"x": 1})

    assert run.output_of("a") == 7


# --- replayed


def recording_of(run: TestedRun) -> Recording:
    facts = [
        Fact(seq, event.type, at_us, msgspec.json.decode(json_encode(event)))
        for seq, (at_us, event) in enumerate(run.log, 1)
    ]
    return Recording(run_id=str(run.run.id.hex()), facts=facts)


@pytest.mark.parametrize("definition", [BY_INPUT, BY_INPUT.replace(", cache: 1h", "")])
def test_a_replay_finds_what_was_found_then(definition: str) -> None:
    world = world_of(BY_INPUT)
    runs = [world.start(value={"x": 1}) for _ in range(2)]
    assert reused(runs[1])

    replayed = replay(definition, [recording_of(run) for run in runs])

    assert [each.beyond for each in replayed] == [[], []]
    assert {each.verdict for each in replayed} <= {"same", "otherwise"}
    if definition == BY_INPUT:
        assert [each.verdict for each in replayed] == ["same", "same"]
