"""Timeouts and retries that expressions say: worked out with the step's input, within limits."""

import pytest

from services.testing import Fails, Held, TestedRun, World
from services.workflow.causes import causes
from services.workflow.core.effects import rate_key_of
from stretto.contracts.events import StepLimited
from stretto.contracts.graph import Retry, Timeouts

HEAD = "workflow: w\n"


def limits(run: TestedRun) -> list[StepLimited]:
    """The limits that were worked out, in order."""
    return [event for _, event in run.log if isinstance(event, StepLimited)]


def timeouts(run: TestedRun) -> list[Timeouts]:
    return [limited.timeouts or Timeouts() for limited in limits(run)]


def retries(run: TestedRun) -> list[Retry]:
    return [limited.retry or Retry() for limited in limits(run)]


def test_the_number_of_attempts_and_the_pause_follow_the_input() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    task: t\n    with: {x: 1}\n"
        '    retry: {max_attempts: "${{ input.tries }}", interval: "${{ input.pause }}ms",'
        " backoff: 1, jitter: 0}\n",
        tasks={"t": Fails()},
    )

    run = world.start(value={"tries": 3, "pause": 500})
    world.finish(run)

    assert run.story("scheduled") == ["scheduled a"] * 3
    assert run.at("run.failed") == 1.0
    [limited] = limits(run)
    assert limited.retry is not None and limited.retry.max_attempts == 3
    assert limited.retry.interval_s == 0.5
    assert limited.timeouts is None
    assert world.attempts[0].input == {"x": 1}


def test_a_plain_timeout_limits_the_attempt_of_a_task() -> None:
    world = World(
        HEAD + 'steps: {a: {task: t, timeout: {queue: "${{ input.limit_s }}", run: 1h}}}\n',
        tasks={"t": Held()},
    )

    run = world.start(value={"limit_s": 2.5})
    world.finish(run)

    assert run.failure is not None
    assert run.failure.type == "QueueTimeout"
    assert run.at("run.failed") == 2.5
    assert timeouts(run)[0].run_s == 3600


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("signal", "signal: s"),
        ("steps", "steps: {b: {task: t}}"),
        ("repeat", "repeat: {steps: {b: {task: t}}, until: false}"),
        ("task", "task: t"),
        ("workflow", "workflow: child"),
    ],
)
def test_the_whole_of_any_step_can_be_limited(kind: str, fields: str) -> None:
    total = '"${{ input.limit }}"'
    world = World(
        HEAD + f"steps: {{a: {{{fields}, timeout: {{total: {total}}}}}}}\n",
        "workflow: child\nsteps: {a: {signal: never}}\n",
        tasks={"t": Held()},
    )

    run = world.start("w", {"limit": "1m30s"})
    world.finish(run)

    assert run.failure is not None
    assert run.failure.type == "RunTimeout", kind
    assert run.at("run.failed") == 90.0


def test_each_item_has_limits_of_its_own() -> None:
    world = World(
        HEAD + 'steps: {a: {for_each: "${{ input.items }}", join: {at_least: 1}, task: t, '
        'timeout: {queue: "${{ item }}s"}}}\n',
        tasks={"t": Held()},
    )

    run = world.start(value={"items": [3, 1]})
    world.advance(1.5)

    assert run.step("a[1]") == "failed"
    assert run.step("a[0]") == "scheduled"


def test_what_is_left_out_is_that_of_the_step_and_the_defaults() -> None:
    world = World(
        HEAD + "defaults: {retry: {max_attempts: 7, interval: 3s}, timeout: {queue: 9s}}\n"
        'steps: {a: {task: t, retry: {jitter: "${{ 0.0 + input.j }}", interval: 100s}, '
        'timeout: {run: "${{ input.s }}"}}}\n',
        tasks={"t": Held()},
    )

    run = world.start(value={"j": 0, "s": 4})

    [retry], [limit] = retries(run), timeouts(run)
    assert (retry.max_attempts, retry.interval_s) == (7, 100)
    assert (retry.max_interval_s, retry.jitter) == (100, 0)
    assert (limit.queue_s, limit.run_s) == (9, 4)
    assert run.run.nodes["a"].queue_deadline_us > 0


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("retry: {max_attempts: $}", 0, "retry.max_attempts: expected a number from 1 to 1000"),
        ("retry: {max_attempts: $}", 1001, "from 1 to 1000, but got 1001"),
        ("retry: {max_attempts: $}", 1.5, "expected a whole number, but got 1.5"),
        ("retry: {max_attempts: $}", "3", 'expected a number, but got "3"'),
        ("retry: {max_attempts: $}", True, "expected a number, but got true"),
        ("retry: {backoff: $}", 0.5, "retry.backoff: expected a number from 1 to 100"),
        ("retry: {jitter: $}", 2, "retry.jitter: expected a number from 0 to 1"),
        ("retry: {interval: $}", -1, "retry.interval: expected a duration from 0 seconds"),
        ("retry: {max_interval: $}", "soon", "retry.max_interval: expected a duration like"),
        ("timeout: $", 0, "timeout.run: expected a duration from 0.001 seconds"),
        ("timeout: $", 1e12, "to ten years, but got 1000000000000"),
        ("timeout: $", None, "expected a duration like 30s, or a number of seconds, but got null"),
        ("timeout: $", [1], "but got [1]"),
        ("timeout: {heartbeat: $}", 0.01, "timeout.heartbeat: expected a duration from 0.1"),
    ],
)
def test_what_does_not_fit_fails_the_step_with_the_reason(
    field: str, value: object, said: str
) -> None:
    asked = field.replace("$", '"${{ input.v }}"')
    world = World(HEAD + f"steps: {{a: {{task: t, {asked}}}}}\n")

    run = world.finish(world.start(value={"v": value}))

    assert run.status == "failed"
    assert run.failure is not None
    assert run.failure.type == "ExpressionError"
    assert not run.failure.retryable
    assert said in run.failure.message
    assert world.attempts == []


def test_an_expression_that_cannot_be_evaluated_names_its_field() -> None:
    world = World(HEAD + 'steps: {a: {task: t, timeout: "${{ input.v }}"}}\n')

    run = world.finish(world.start())

    assert run.failure is not None
    assert run.failure.message.startswith("timeout.run: ")


def test_a_step_that_is_skipped_asks_for_nothing_more() -> None:
    world = World(HEAD + 'steps: {a: {task: t, if: false, timeout: "${{ input.v }}"}}\n')

    run = world.finish(world.start(value={"v": "no duration"}))

    assert run.status == "completed"


def test_the_policies_cost_no_further_question() -> None:
    world = World(
        HEAD + 'steps: {a: {task: t, with: {x: "${{ input.v }}"}, timeout: "${{ input.v }}"}}\n'
    )

    run = world.finish(world.start(value={"v": 5}))

    assert run.story()[:5] == [
        "run.started", "activated a", "limited a", "scheduled a", "completed a",
    ]  # fmt: skip


def test_a_rewound_step_is_limited_anew() -> None:
    world = World(
        HEAD + "steps:\n  s: {task: size}\n"
        '  a: {task: t, needs: s, timeout: {queue: "${{ steps.s.output.n }}"}}\n',
        tasks={"t": Held(), "size": lambda attempt: {"n": attempt.number}},
    )
    run = world.start()

    world.control(run, "rewind", step="s")

    seconds = [limit.queue_s for limit in timeouts(run)]
    assert seconds == [1, 2]


@pytest.mark.parametrize(("said", "sent"), [("9", 9), ("input.rank", 2), ("2.0", 2)])
def test_a_priority_is_worked_out_with_the_input_and_goes_with_the_attempt(
    said: str, sent: int
) -> None:
    world = World(
        HEAD + f'steps: {{a: {{task: t, with: {{x: 1}}, priority: "${{{{ {said} }}}}"}}}}\n',
        tasks={"t": Held()},
    )

    run = world.start(value={"rank": 2})

    [limited] = limits(run)
    assert limited.priority == sent
    assert (limited.retry, limited.timeouts) == (None, None)


@pytest.mark.parametrize("rank", [10, -1, 1.5, "high", True])
def test_a_priority_that_is_none_fails_the_step(rank: object) -> None:
    world = World(
        HEAD + 'steps: {a: {task: t, with: {x: 1}, priority: "${{ input.rank }}"}}\n',
        tasks={"t": Held()},
    )

    run = world.start(value={"rank": rank})
    world.finish(run)

    assert run.failure is not None
    assert "priority: expected" in run.failure.message


def test_an_approval_may_take_as_long_and_is_escalated_as_soon_as_the_input_says() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    approval:\n      by: [ann]\n"
        '      timeout: "${{ input.limit }}"\n'
        '      escalate: {after: "${{ input.soon_s }}", to: [boss]}\n'
    )
    told = {"limit": "1h", "soon_s": 60}
    first, second = world.start(value=told), world.start(value=told)

    world.advance(59.9)
    world.control(first, "approve", by="boss")
    assert first.rejections[-1].code == "not_allowed"
    world.advance(0.2)
    world.control(first, "approve", by="boss")
    world.finish(second)

    assert first.status == "completed"
    assert second.failure is not None and second.failure.type == "RunTimeout"
    assert second.at("run.failed") == 3600


def asked(by: str, to: str = "[]") -> World:
    return World(
        HEAD + f"steps:\n  a:\n    approval:\n      by: {by}\n"
        f"      escalate: {{after: 60s, to: {to}}}\n"
    )


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ('"${{ input.owner }}"', "ann"),
        ('"${{ [input.owner, input.second] }}"', "ann, ben"),
        ('[ops, "${{ input.team }}", "x-${{ input.owner }}"]', "ops, cleo, dan, x-ann"),
    ],
)
def test_who_may_approve_is_as_the_input_says(by: str, told: str) -> None:
    world = asked(by, '"${{ input.team }}"')
    run = world.start(value={"owner": "ann", "second": "ben", "team": ["cleo", "dan"]})
    [waits] = causes(run.run)
    world.control(run, "approve", by="eve")
    world.advance(61)
    [later] = causes(run.run)
    world.control(run, "approve", by="dan")

    assert waits.sentence == f"Step 'a' waits for the approval of {told}."
    assert run.rejections[0].code == "not_allowed"
    assert later.sentence == f"Step 'a' waits for the approval of {told}, cleo, dan."
    assert run.status == "completed"


def test_constants_hold_where_no_expression_says_otherwise() -> None:
    world = asked("[ann]", '["${{ input.boss }}"]')
    run = world.start(value={"boss": "lead"})

    assert "the approval of ann." in next(iter(causes(run.run))).sentence
    world.advance(61)
    assert "the approval of ann, lead." in next(iter(causes(run.run))).sentence


@pytest.mark.parametrize(
    "said", [None, "", [], 7, [7], ["ann", ""], {"a": 1}, ["x"] * 101, ["x" * 500]]
)
def test_an_approval_by_nobody_is_not_one_by_anybody(said: object) -> None:
    run = asked('"${{ input.who }}"').start(value={"who": said})

    assert run.failure is not None and run.failure.type == "ExpressionError"
    assert "approval.by: expected" in run.failure.message


@pytest.mark.parametrize("said", ["soon", 0, None, True])
def test_an_escalation_after_no_duration_fails_the_step(said: object) -> None:
    world = World(
        HEAD + "steps:\n  a:\n    approval:\n      by: [ann]\n"
        '      escalate: {after: "${{ input.soon }}", to: [boss]}\n'
    )

    run = world.start(value={"soon": said})

    assert run.failure is not None and run.failure.type == "ExpressionError"
    assert "approval.escalate.after" in run.failure.message


def test_a_rate_whose_key_is_no_key_fails_the_step() -> None:
    world = World(
        HEAD + "steps:\n  a:\n    task: t\n    with: {x: 1}\n"
        '    rate: {key: "${{ input.who }}", limit: 5/s}\n',
        tasks={"t": {}},
    )

    told = world.finish(world.start(value={"who": ["not", "a", "text"]}))
    done = world.finish(world.start(value={"who": "acme"}))

    assert told.failure is not None and told.failure.type == "ExpressionError"
    assert "rate.key" in told.failure.message
    assert done.status == "completed"


@pytest.mark.parametrize("given", ["", ', with: {who: "${{ item }}"}'])
def test_undoing_counts_for_the_key_that_the_item_has(given: str) -> None:
    rate = '{key: "${{ item }}", limit: 5/s}' + given
    world = World(
        HEAD + "on_failure: compensate\nsteps:\n  a:\n    for_each: ${{ input.who }}\n"
        f"    task: t\n    compensate: {{task: undo, rate: {rate}}}\n"
        "  b: {needs: [a], task: t2}\n",
        tasks={"t": {}, "t2": Fails(), "undo": {}},
    )

    run = world.finish(world.start(value={"who": ["acme", 7]}))

    assert run.status == "failed"
    undone = [run.run.nodes[f"a[{at}]~compensate"] for at in (0, 1)]
    assert [rate_key_of(node) for node in undone] == ["acme", "7"]
    assert [limited.rate_key for limited in limits(run)] == ["7", "acme"]
