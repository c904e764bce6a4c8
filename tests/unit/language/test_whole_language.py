"""What the language promises, one claim a test, from the text to the end of a run."""

import time

import pytest

from services.testing import Fails, Held, TestedRun, World
from stretto.definition import compile_graph, load

HEAD = "workflow: w\n"


def run_of(text: str, *, value: object = None, **tasks: object) -> TestedRun:
    world = World(HEAD + text, tasks={name.replace("_", "."): to for name, to in tasks.items()})
    return world.finish(world.start(value=value))


# --- what became of the needs


@pytest.mark.parametrize(
    ("condition", "after_success", "after_failure", "after_cancel"),
    [
        ("always()", "completed", "completed", "completed"),
        ("failed()", "skipped", "completed", "skipped"),
        ("cancelled()", "skipped", "skipped", "completed"),
        ("succeeded()", "completed", "skipped", "skipped"),
        ("failed() || cancelled()", "skipped", "completed", "completed"),
        ("always() && input.ok", "completed", "completed", "completed"),
    ],
)
def test_a_condition_may_ask_what_became_of_the_needs(
    condition: str, after_success: str, after_failure: str, after_cancel: str
) -> None:
    text = HEAD + f"steps: {{a: {{task: t}}, z: {{task: z, needs: a, if: {condition}}}}}\n"

    def z_after(outcome: str) -> str:
        world = World(text, tasks={"t": Held()})
        run = world.start(value={"ok": True})
        match outcome:
            case "success":
                world.complete(run, "a")
            case "failure":
                world.fail(run, "a", Fails(retryable=False))
            case "cancel":
                world.control(run, "cancel")
        world.finish(run)
        assert run.run.closed
        return run.step("z")

    assert z_after("success") == after_success
    assert z_after("failure") == after_failure
    assert z_after("cancel") == after_cancel


def test_a_step_whose_need_was_skipped_is_skipped_but_for_one_that_asks() -> None:
    run = run_of(
        "steps:\n  a: {task: t, if: false}\n  b: {task: t, needs: a}\n  c: {task: t, needs: b}\n"
        "  d: {task: t, needs: b, if: always()}\n"
    )

    assert [run.step(s) for s in "abcd"] == ["skipped", "skipped", "skipped", "completed"]


# --- retries


@pytest.mark.parametrize(
    ("policy", "type_", "attempts"),
    [
        ("{max_attempts: 3}", "Boom", 3),
        ("{max_attempts: 3, except: [Boom]}", "Boom", 1),
        ("{max_attempts: 3, except: [Other]}", "Boom", 3),
        ("{max_attempts: 3, only: [Boom]}", "Boom", 3),
        ("{max_attempts: 3, only: [Other]}", "Boom", 1),
        ("{max_attempts: 3, only: Boom}", "Boom", 3),
    ],
)
def test_types_of_failure_are_retried_or_not(policy: str, type_: str, attempts: int) -> None:
    run = run_of(f"steps: {{a: {{task: t, retry: {policy}}}}}\n", t=Fails(type=type_))

    assert len(run.story("scheduled")) == attempts
    assert run.status == "failed"


def test_pauses_grow_by_the_factor_up_to_the_longest() -> None:
    run = run_of(
        "steps: {a: {task: t, retry: {max_attempts: 5, interval: 1s, backoff: 3, "
        "max_interval: 5s, jitter: 0}}}\n",
        t=Fails(),
    )

    assert run.at("run.failed") == 1 + 3 + 5 + 5


# --- loops and lists


def test_a_loop_that_does_not_end_fails_at_its_limit() -> None:
    run = run_of("steps: {a: {repeat: {steps: {b: {task: t}}, until: false, limit: 3}}}\n")

    assert run.failure is not None
    assert run.failure.type == "LimitReached"
    assert len(run.story("scheduled")) == 3


@pytest.mark.parametrize(
    ("join", "completed"),
    [("any", 1), ("{at_least: 2}", 2), ("{at_least: 50%}", 2), ("all", 4)],
)
def test_enough_items_end_a_list_and_cancel_the_rest(join: str, completed: int) -> None:
    world = World(
        HEAD + f"steps: {{a: {{for_each: [1, 2, 3, 4], join: {join}, task: t}}}}\n",
        tasks={"t": Held()},
    )
    run = world.start()

    for index in range(completed):
        assert run.status == "running"
        world.complete(run, f"a[{index}]")

    assert run.status == "completed"
    rest = [run.step(f"a[{i}]") for i in range(completed, 4)]
    assert rest == ["cancelled"] * (4 - completed)


@pytest.mark.parametrize("join", ["all", "{at_least: 80%}"])
def test_an_empty_list_is_done_at_once_with_an_empty_list(join: str) -> None:
    run = run_of(
        f'steps: {{a: {{for_each: "${{{{ input.items }}}}", join: {join}, task: t}}, '
        "b: {task: t, needs: a}}\noutput: ${{ steps.a.output }}\n",
        value={"items": []},
    )

    assert (run.status, run.output, run.step("b")) == ("completed", [], "completed")


@pytest.mark.parametrize("join", ["any", "{at_least: 1}"])
def test_an_empty_list_of_which_something_must_complete_fails(join: str) -> None:
    run = run_of(
        f'steps: {{a: {{for_each: "${{{{ input.items }}}}", join: {join}, task: t}}}}\n',
        value={"items": []},
    )

    assert run.failure is not None
    assert run.failure.type == "ItemsFailed"


def test_ten_thousand_items_cost_no_more_each_than_a_hundred() -> None:
    def seconds_an_item(count: int) -> float:
        world = World(
            HEAD + 'steps: {a: {for_each: "${{ input.items }}", task: t}}\n'
            "output: ${{ size(steps.a.output) }}\n"
        )
        began = time.process_time()
        run = world.start(value={"items": list(range(count))})
        world.finish(run)
        assert (run.status, len(run.run.nodes)) == ("completed", count + 1)
        return (time.process_time() - began) / count

    small = min(seconds_an_item(500) for _ in range(3))

    assert seconds_an_item(10_000) < 4 * small  # a square would be twenty times as much


def test_more_items_than_a_run_may_hold_fail_the_step() -> None:
    run = run_of(
        'steps: {a: {for_each: "${{ input.items }}", task: t}}\n',
        value={"items": list(range(10_001))},
    )

    assert run.failure is not None
    assert "at most 10000 items" in run.failure.message


# --- joins


def test_a_diamond_over_a_skipped_branch_is_skipped_unless_it_needs_one_of_them() -> None:
    text = (
        "steps:\n  a: {task: t}\n  b: {task: t, needs: a, if: false}\n  c: {task: t, needs: a}\n"
        "  d: {task: t, needs: [b, c]}\n  e: {task: t, needs: {any: [b, c]}}\n"
        "  f: {task: t, needs: [b, c], if: always()}\n"
    )

    run = run_of(text)

    assert [run.step(s) for s in "def"] == ["skipped", "completed", "completed"]
    assert run.status == "completed"


def test_a_join_over_branches_that_a_switch_did_not_choose_is_defined() -> None:
    run = run_of(
        "steps:\n  s: {switch: [{if: true, then: a}, {else: b}]}\n  a: {task: t}\n  b: {task: t}\n"
        "  both: {task: t, needs: [a, b]}\n  one: {task: t, needs: {any: [a, b]}}\n"
        'output: {b: "${{ steps.b.output }}"}\n'
    )

    assert (run.step("b"), run.step("both"), run.step("one")) == ("skipped", "skipped", "completed")
    assert run.output == {"b": None}


def test_when_all_branches_of_a_join_are_skipped_so_is_the_join() -> None:
    run = run_of(
        "steps:\n  a: {task: t, if: false}\n  b: {task: t, if: false}\n"
        "  one: {task: t, needs: {any: [a, b]}}\n"
    )

    assert (run.status, run.step("one")) == ("completed", "skipped")


# --- failures


def test_a_handler_is_chosen_by_the_type_of_the_failure() -> None:
    text = (
        "steps:\n  a:\n    task: t\n    catch:\n"
        "      - {on: [Declined, Expired], output: {by: first}}\n"
        "      - {on: Other, output: {by: second}}\n"
        '      - {output: {by: last, why: "${{ error.type }}"}}\n'
        "output: ${{ steps.a.output.by }}\n"
    )

    said = {
        type_: run_of(text, t=Fails(type=type_, retryable=False)).output
        for type_ in ("Declined", "Expired", "Other", "Boom")
    }

    assert said == {"Declined": "first", "Expired": "first", "Other": "second", "Boom": "last"}


def test_a_failing_inside_is_caught_by_its_group() -> None:
    run = run_of(
        "steps:\n  g:\n    steps: {a: {task: bad}, b: {task: t, needs: a}}\n"
        "    catch: [{on: Boom, output: {rescued: true}}]\n  z: {task: t, needs: g}\n",
        bad=Fails(retryable=False),
    )

    assert (run.status, run.step("z"), run.output_of("g")) == (
        "completed", "completed", {"rescued": True},
    )  # fmt: skip


def test_fail_ends_a_run_with_its_own_type() -> None:
    run = run_of('steps: {a: {fail: {type: SoldOut, message: "no ${{ input.sku }} left"}}}\n',
                 value={"sku": "x"})  # fmt: skip

    assert run.failure is not None
    assert (run.failure.type, run.failure.message) == ("SoldOut", "no x left")


# --- others: people, signals, children, time


def test_an_approval_knows_who_and_when_and_why() -> None:
    text = HEAD + (
        "steps: {a: {approval: {by: [ann], timeout: 10h, escalate: {after: 4h, to: [lead]}}}}\n"
    )
    world = World(text)
    run = world.start()
    world.control(run, "approve", by="lead")
    assert run.rejections[-1].code == "not_allowed"

    world.advance(5 * 3600)
    world.control(run, "approve", by="lead", reason="fine")

    assert run.output_of("a") == {"approved": True, "by": "lead", "reason": "fine"}
    late = World(text)
    other = late.finish(late.start())
    assert other.failure is not None
    assert (other.failure.type, other.at("run.failed")) == ("RunTimeout", 36_000)


def test_a_signal_is_kept_until_it_is_waited_for_and_must_fit() -> None:
    world = World(
        HEAD + "steps:\n  a: {task: t}\n"
        '  b: {signal: {name: paid, where: "${{ signal.order == input.order }}"}, needs: a}\n',
        tasks={"t": Held()},
    )
    run = world.start(value={"order": 1})
    world.signal(run, "paid", {"order": 2})
    world.signal(run, "paid", {"order": 1})

    world.complete(run, "a")

    assert run.output_of("b") == {"order": 1}


def test_children_are_waited_for_detached_or_cancelled_with_the_parent() -> None:
    child = "workflow: child\nsteps: {c: {task: c}}\n"
    world = World(
        HEAD + "steps:\n  waits: {workflow: child}\n"
        "  detached: {workflow: {name: child, wait: false}}\n"
        "  kept: {workflow: {name: child, cancel: false}}\n",
        child,
        tasks={"c": Held()},
    )
    run = world.start("w")
    assert [run.step(s) for s in ("waits", "detached", "kept")] == [
        "scheduled", "completed", "scheduled",
    ]  # fmt: skip

    world.control(run, "cancel")

    by_step = {path: node.child_run for path, node in run.run.nodes.items()}
    status = {path: world.runs[i].status for path, i in by_step.items() if i is not None}
    assert status == {"waits": "cancelled", "detached": "running", "kept": "running"}


def test_waits_are_for_a_while_or_until_an_instant() -> None:
    run = run_of(
        'steps: {a: {wait: 90s}, b: {wait: {for: "${{ input.m }}m"}, needs: a}, '
        "c: {wait: {until: 2030-04-01T00:00:00Z}, needs: b}}\n",
        value={"m": 2},
    )

    assert (run.at("completed a"), run.at("completed b")) == (90, 210)
    assert run.status == "completed"


def test_labels_of_the_definition_are_those_of_a_run_and_of_its_steps() -> None:
    text = (
        HEAD + "labels: {team: billing}\n"
        'steps: {a: {set: {x: "${{ run.labels.team }}"}, labels: {risk: high}}}\n'
        "output: ${{ steps.a.output.x }}\n"
    )
    loaded = load(text)
    assert loaded.definition is not None

    graph = compile_graph(loaded.definition, 1)
    run = run_of(text.removeprefix(HEAD))

    assert graph.root.steps[0].labels == {"risk": "high"}
    assert (run.run.labels, run.output) == ({"team": "billing"}, "billing")


# --- runs of one key


KEYED = (
    'concurrency: {{key: "${{{{ input.k }}}}", limit: 1, when_full: {mode}}}\n'
    "steps: {{a: {{task: t}}}}\n"
)


def test_runs_of_one_key_wait_in_the_order_in_which_they_came() -> None:
    world = World(HEAD + KEYED.format(mode="queue"), tasks={"t": Held()})
    runs = [world.start(value={"k": "x"}) for _ in range(3)]
    other = world.start(value={"k": "y"})
    assert [r.step("a") for r in (*runs, other)] == ["scheduled", "pending", "pending", "scheduled"]

    world.control(runs[1], "cancel")
    world.complete(runs[0], "a")

    assert (runs[1].status, runs[2].step("a")) == ("cancelled", "scheduled")


def test_a_run_of_a_full_key_is_refused_or_has_the_others_cancelled() -> None:
    world = World(HEAD + KEYED.format(mode="reject"), tasks={"t": Held()})
    world.start(value={"k": 1})
    assert world.start(value={"k": 1}).rejections[0].code == "concurrency_full"

    world = World(HEAD + KEYED.format(mode="cancel_running"), tasks={"t": Held()})
    runs = [world.start(value={"k": 1}) for _ in range(3)]
    world.settle()
    assert [r.status for r in runs] == ["cancelled", "cancelled", "running"]


def test_the_time_of_a_run_counts_while_it_waits_for_its_place() -> None:
    world = World(HEAD + "timeout: 1h\n" + KEYED.format(mode="queue"), tasks={"t": Held()})
    world.start(value={"k": 1})
    second = world.start(value={"k": 1})

    world.finish(second)

    assert second.failure is not None
    assert second.failure.type == "WorkflowTimeout"


def test_a_run_that_goes_on_after_its_end_waits_again() -> None:
    world = World(HEAD + KEYED.format(mode="queue"), tasks={"t": Held()})
    first = world.start(value={"k": 1})
    world.fail(first, "a", Fails(retryable=False))
    second = world.start(value={"k": 1})

    world.control(first, "retry")
    assert first.story()[-1] == "run.queued"
    world.complete(second, "a")

    assert first.step("a") == "scheduled"


def test_a_child_of_a_full_key_fails_its_step() -> None:
    world = World(
        HEAD + "steps: {a: {workflow: child}, b: {workflow: child, needs: a, if: always()}}\n",
        "workflow: child\nconcurrency: {key: one, limit: 1, when_full: reject}\n"
        "steps: {c: {signal: go}}\n",
    )
    other = world.start("child")

    run = world.finish(world.start("w"))

    assert other.status == "running"
    assert run.failure is not None
    assert run.failure.type == "ChildRefused"
