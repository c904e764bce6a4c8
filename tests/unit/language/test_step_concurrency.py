"""`concurrency` of a step: so many of a key at once, over all runs, and every end frees a place."""

import msgspec
import pytest

from services.testing import Fails, Held, Takes, TestedRun, World
from services.testing.recorded import recorded_of
from services.workflow.core.commands import Granted, Rejection
from services.workflow.core.decide import decide
from stretto.contracts.codec import json_encode
from stretto.definition import check
from stretto.history import Fact

HEAD = "workflow: w\n"
ONE = HEAD + "steps: {a: {task: t, concurrency: {key: k}}}\n"
BY_CUSTOMER = (
    HEAD + 'steps:\n  a:\n    task: t\n    with: {who: "${{ input.who }}"}\n'
    '    concurrency: {key: "${{ input.who }}", limit: 1}\n'
)
REJECTS = (
    HEAD + "steps:\n  a:\n    task: t\n    concurrency: {key: k, when_full: reject}\n"
    "    retry: {max_attempts: 3, interval: 10s, backoff: 1, jitter: 0}\n"
)


def admitted(run: TestedRun) -> bool:
    return "admitted a" in run.story()


def test_a_step_has_its_place_from_before_it_goes_out_until_it_has_ended() -> None:
    world = World(ONE, tasks={"t": Held()})

    first, second = world.start(), world.start()

    assert first.story() == ["run.started", "queued a", "admitted a", "scheduled a"]
    assert second.story() == ["run.started", "queued a"]
    assert second.step("a") == "queued"
    world.complete(first, "a")
    assert second.step("a") == "scheduled"
    assert second.run.places is not None and second.run.places["a"].held


def test_other_keys_do_not_wait_and_the_input_is_worked_out_once() -> None:
    world = World(BY_CUSTOMER, tasks={"t": Held()})

    first, other, second = (world.start(value={"who": who}) for who in ("ann", "bob", "ann"))

    assert [admitted(run) for run in (first, other, second)] == [True, True, False]
    world.complete(first, "a")
    assert [attempt.input for attempt in world.attempts] == [
        {"who": "ann"}, {"who": "bob"}, {"who": "ann"},
    ]  # fmt: skip
    assert second.story().count("activated a") == 1


@pytest.mark.parametrize("said", [7, True, "x" * 256])
def test_a_key_may_be_a_number_or_a_truth_value(said: object) -> None:
    run = World(BY_CUSTOMER).start(value={"who": said})

    assert run.status == "completed"


@pytest.mark.parametrize("said", [None, [], {}, "", "x" * 257])
def test_a_key_that_is_none_fails_the_step(said: object) -> None:
    run = World(BY_CUSTOMER).start(value={"who": said})

    assert run.failure is not None
    assert run.failure.type == "ExpressionError"
    assert run.failure.message.startswith("concurrency.key: expected a text of 1 to 256")
    assert "queued a" not in run.story()


def test_each_item_counts_by_itself() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    for_each: [1, 2, 3, 4, 5]\n    task: t\n"
        "    concurrency: {key: k, limit: 2}\n",
        tasks={"t": Takes(10, {})},
    )

    run = world.start()

    assert [run.step(f"a[{n}]") for n in range(5)] == ["scheduled"] * 2 + ["queued"] * 3
    assert world.finish(run).at("run.completed") == 30


def test_the_key_is_shared_by_the_steps_of_a_workflow() -> None:
    world = World(
        HEAD + "steps:\n  a: {task: t, concurrency: {key: k}}\n"
        "  b: {task: t, concurrency: {key: k}}\n",
        tasks={"t": Takes(10, {})},
    )

    run = world.finish(world.start())

    assert run.at("scheduled b") == 10


def test_a_place_is_kept_through_retries() -> None:
    world = World(
        ONE.replace("task: t,", "task: t, retry: {max_attempts: 2, interval: 5s, jitter: 0},"),
        tasks={"t": lambda attempt: Fails() if attempt.call == 1 else {}},
    )

    first, second = world.start(), world.start()

    assert first.step("a") == "backoff"
    assert not admitted(second)
    world.advance(5)
    assert first.status == second.status == "completed"


@pytest.mark.parametrize("command", ["cancel", "terminate", "skip"])
def test_a_place_is_free_when_a_person_ends_its_step(command: str) -> None:
    world = World(ONE, tasks={"t": Held()})
    first, second = world.start(), world.start()

    world.control(first, command, **({"step": "a"} if command == "skip" else {}))

    assert admitted(second)
    assert not first.run.places


@pytest.mark.parametrize("command", ["cancel", "terminate", "skip"])
def test_a_step_that_waits_can_be_ended_and_the_next_one_has_its_turn(command: str) -> None:
    world = World(ONE, tasks={"t": Held()})
    first, second, third = world.start(), world.start(), world.start()

    world.control(second, command, **({"step": "a"} if command == "skip" else {}))

    assert not admitted(third)
    world.complete(first, "a")
    assert admitted(third)
    assert not admitted(second)


def test_a_step_that_failed_for_good_gives_its_place_away_before_its_handler_begins() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    task: t\n    concurrency: {key: k}\n"
        "    catch: [{steps: {sorry: {task: later}}}]\n",
        tasks={"t": Fails(), "later": Held()},
    )

    first, second = world.start(), world.start()

    assert first.step("a~catch.sorry") == "scheduled"
    assert admitted(second)


def test_a_rewound_step_waits_for_a_place_again() -> None:
    world = World(ONE, tasks={"t": Held()})
    first, second = world.start(), world.start()

    world.control(first, "rewind", step="a")

    assert admitted(second)
    assert first.step("a") == "queued"
    world.complete(second, "a")
    assert first.step("a") == "scheduled"


def test_a_group_holds_its_place_for_all_of_its_steps() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    concurrency: {key: k}\n"
        "    steps: {one: {task: t}, two: {task: t, needs: one}}\n",
        tasks={"t": Takes(10, {})},
    )

    first, second = world.start(), world.start()
    world.finish(second)

    assert first.status == "completed"
    assert second.at("scheduled a.one") == 20


@pytest.mark.parametrize(
    "kind", ["wait: 10s", "signal: s", "approval: {}", "workflow: w2", "repeat: &r"]
)
def test_steps_of_every_kind_that_takes_time_can_have_it(kind: str) -> None:
    kind = kind.replace("&r", "{steps: {x: {wait: 10s}}, until: true}")
    world = World(
        HEAD + f"steps:\n  a:\n    {kind}\n    concurrency: {{key: k}}\n",
        "workflow: w2\nsteps: {x: {wait: 10s}}\n",
    )

    first, second = world.start("w"), world.start("w")

    assert admitted(first)
    assert second.step("a") == "queued"


def test_a_paused_run_does_not_begin_with_its_place() -> None:
    world = World(ONE, tasks={"t": Held()})
    first, second = world.start(), world.start()
    world.control(second, "pause")

    world.complete(first, "a")

    assert admitted(second)
    assert second.step("a") == "queued"
    world.control(second, "resume")
    assert second.step("a") == "scheduled"


def test_the_total_timeout_counts_the_wait() -> None:
    world = World(ONE.replace("task: t,", "task: t, timeout: {total: 30s},"), tasks={"t": Held()})
    first, second = world.start(), world.start()

    world.advance(30)

    assert second.failure is not None and second.failure.type == "RunTimeout"
    assert not second.run.places
    assert first.status == "failed"


def test_a_step_that_does_not_wait_is_refused_and_tries_again_by_its_policy() -> None:
    world = World(REJECTS, tasks={"t": Takes(15, {})})
    first, second, third = world.start(), world.start(), world.start()
    world.finish(second)

    assert [first.status, second.status] == ["completed", "completed"]
    assert second.at("scheduled a") == 20
    assert third.story("queued", "failed") == ["queued a", "failed a"] * 3
    assert third.failure is not None
    assert third.failure.type == "ConcurrencyFull"
    assert third.failure.message == (
        "expected fewer than 1 steps of key 'k' to be under way, but there are so many"
    )


def test_a_refused_step_can_be_hastened_and_caught() -> None:
    world = World(REJECTS, tasks={"t": Held()})
    first, second = world.start(), world.start()
    world.complete(first, "a")

    world.control(second, "retry", step="a")

    assert second.step("a") == "scheduled"
    caught = World(
        REJECTS.split("    retry")[0]
        + "    catch: [{on: ConcurrencyFull, steps: {b: {set: {}}}}]\n",
        tasks={"t": Held()},
    )
    caught.start()
    assert caught.start().status == "completed"


def test_a_grant_that_nobody_waits_for_is_refused() -> None:
    world = World(ONE, tasks={"t": Held()})
    run = world.start()

    for told in (Granted(path="a"), Granted(path="a", refused=True), Granted(path="no")):
        outcome = decide(run.run, told, world.now_us)
        assert isinstance(outcome, Rejection) and outcome.code == "not_queued"


def test_a_step_without_it_asks_for_nothing() -> None:
    run = World(HEAD + "steps: {a: {task: t}}\n").start()

    assert run.run.places is None
    assert run.story() == ["run.started", "scheduled a", "completed a", "run.completed"]


def test_a_history_with_places_can_be_played_again() -> None:
    world = World(ONE, tasks={"t": Takes(10, {})})
    world.start()
    second = world.finish(world.start())

    facts = [
        Fact(seq, event.type, at, msgspec.json.decode(json_encode(event)))
        for seq, (at, event) in enumerate(second.log, 1)
    ]

    assert [path for *_, path in recorded_of(facts).granted] == ["a"]


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ("{set: {x: 1}, concurrency: {key: k}}", "not_for_kind", "kind task"),
        ("{task: t, concurrency: {limit: 2}}", "missing", "key"),
        ("{task: t, concurrency: {key: k, limit: 0}}", "out_of_range", "limit"),
        ('{task: t, concurrency: {key: "${{ item }}"}}', "not_known_here", "item"),
        (
            "{concurrency: {key: k}, steps: {b: {steps: {c: {task: t, concurrency: {key: l}}}}}}",
            "nested",
            "holds one",
        ),
    ],
)
def test_what_cannot_be_is_a_mistake(step: str, code: str, said: str) -> None:
    [mistake] = check(HEAD + f"steps: {{a: {step}}}\n")

    assert mistake.code == code
    assert said in str(mistake)


def test_a_handler_may_ask_for_a_place_of_its_own() -> None:
    assert not check(
        HEAD + "steps:\n  a:\n    task: t\n    concurrency: {key: k}\n"
        "    catch: [{steps: {b: {task: t, concurrency: {key: l}}}}]\n"
    )
