"""Groups, loops, handlers, signals, children and joins in the core: what is easy to get wrong."""

import pytest

from services.testing import Attempt, Fails, Held, Replies, Takes, World

HEAD = "workflow: w\nsteps:\n"


def world(steps: str, head: str = HEAD, **tasks: object) -> World:
    return World(head + steps, tasks=tasks)


def test_succeeded_in_an_item_is_about_the_needs_of_its_step() -> None:
    here = world(
        "  z: {task: t}\n  a: {task: t, if: false}\n"
        "  b:\n    needs: [a, z]\n    for_each: [1, 2, 3]\n    if: always()\n    task: u\n"
        '    with: {went_well: "${{ succeeded() }}"}\n'
    )

    run = here.start()

    assert [a.input for a in here.attempts if a.task == "u"] == [{"went_well": False}] * 3
    assert run.status == "completed"


def test_failed_in_a_group_is_about_the_group() -> None:
    here = world(
        "  g:\n    catch: [{output: caught}]\n    steps:\n      a: {task: bad}\n"
        "      b: {task: hold}\n      c: {task: t, needs: b, if: failed()}\n"
        "  d: {task: t, needs: g, if: succeeded()}\n",
        bad=Takes(1, Fails()), hold=Held(),
    )  # fmt: skip
    run = here.start()

    here.finish()

    assert (run.step("g.b"), run.step("g.c"), run.step("d")) == (
        "cancelled", "completed", "completed",
    )  # fmt: skip
    assert run.output_of("g") == "caught"
    assert run.status == "completed"


def test_a_handler_knows_all_of_the_failure() -> None:
    here = world(
        '  a: {task: bad, catch: [{output: "${{ error }}"}]}\n', bad=Fails("X", "why", True)
    )

    run = here.start()

    assert run.output_of("a") == {
        "type": "X", "message": "why", "retryable": True, "step": "a", "details": None,
    }  # fmt: skip


def test_the_first_handler_that_fits_takes_over_after_the_retries() -> None:
    here = world(
        "  a:\n    task: bad\n    retry: {max_attempts: 3, interval: 1s, jitter: 0}\n    catch:\n"
        "      - {on: Other, output: 1}\n"
        '      - {on: [Y, X], steps: {b: {task: t, with: {m: "${{ error.message }}"}}}}\n'
        "      - {output: 3}\n",
        bad=Fails("X", "why"), t={"ok": True},
    )  # fmt: skip
    run = here.start()

    here.finish()

    assert len([a for a in here.attempts if a.task == "bad"]) == 3
    assert here.attempts[-1].input == {"m": "why"}
    assert run.output_of("a") == {"b": {"ok": True}}
    assert run.at("completed a") == 3.0


def test_what_a_handler_did_instead_is_not_undone() -> None:
    here = world(
        "  a: {task: bad, compensate: {task: undo}, catch: [{output: 1}]}\n"
        "  b: {task: t, compensate: {task: undo}, needs: a}\n  c: {fail: x, needs: b}\n",
        head="workflow: w\non_failure: compensate\nsteps:\n",
        bad=Fails(),
    )

    run = here.start()

    assert run.status == "failed"
    assert [a.step for a in here.attempts if a.task == "undo"] == ["b~compensate"]


def test_steps_inside_a_group_are_undone_in_reverse() -> None:
    here = world(
        "  g:\n    steps:\n      a: {task: t, compensate: {task: undo}}\n"
        "      b: {task: t, needs: a, compensate: {task: undo}}\n"
        "  l:\n    needs: g\n    repeat:\n      until: loop.index == 1\n"
        '      steps: {c: {task: t, compensate: {task: undo, with: {r: "${{ loop.index }}"}}}}\n'
        "  c: {fail: x, needs: l}\n",
        head="workflow: w\non_failure: compensate\nsteps:\n",
    )

    run = here.start()

    assert run.status == "failed"
    assert [a.step for a in here.attempts if a.task == "undo"] == [
        "l[1].c~compensate", "l[0].c~compensate", "g.b~compensate", "g.a~compensate",
    ]  # fmt: skip


def test_a_group_that_runs_out_of_time_leaves_nothing_to_do() -> None:
    here = world(
        "  g:\n    timeout: 5s\n    catch: [{on: RunTimeout, steps: {x: {task: t}}}]\n"
        "    steps:\n      a: {task: hold}\n      b: {task: t, needs: a, if: always()}\n",
        hold=Held(),
    )
    run = here.start()

    here.finish()

    assert (run.step("g.a"), run.step("g.b")) == ("cancelled", "pending")
    assert run.step("g~catch.x") == "completed"
    assert run.status == "completed"


def test_an_inner_loop_asks_about_the_outer_one_whether_it_begins() -> None:
    here = world(
        "  a:\n    repeat:\n      until: loop.index == 1\n      steps:\n"
        "        b:\n          if: loop.index == 1\n"
        "          repeat: {steps: {c: {task: t}}, until: loop.index == 2}\n"
    )

    run = here.start()

    assert (run.step("a[0].b"), run.step("a[1].b")) == ("skipped", "completed")
    assert [a.step for a in here.attempts] == [f"a[1].b[{i}].c" for i in range(3)]


def test_a_signal_is_taken_by_one_step_that_it_fits() -> None:
    here = world(
        "  a: {signal: {name: s, where: signal.n == 1}}\n"
        "  b: {signal: {name: s, where: signal.n > 0}}\n"
    )
    run = here.start()

    here.signal(run, "s", {"n": 0})
    here.signal(run, "s", {"n": 1})
    here.signal(run, "s", {"n": 2})
    here.signal(run, "s", {"n": 1})

    assert run.status == "completed"
    assert run.output_of("a") == {"n": 1}
    assert run.output_of("b") in ({"n": 1}, {"n": 2})


def test_only_those_named_may_approve_until_it_is_escalated() -> None:
    here = world("  a: {approval: {by: [ann], timeout: 2h, escalate: {after: 1h, to: [lead]}}}\n")
    run = here.start()

    here.control(run, "approve", by="lead")
    assert [r.code for r in run.rejections] == ["not_allowed"]
    here.advance(3600)
    here.control(run, "approve", by="lead", reason="fine")

    assert run.output_of("a") == {"approved": True, "by": "lead", "reason": "fine"}


@pytest.mark.parametrize("cancel", [True, False])
def test_a_child_is_cancelled_with_its_step_unless_it_is_not_to_be(cancel: bool) -> None:
    flag = "true" if cancel else "false"
    here = World(
        HEAD
        + f"  a: {{workflow: {{name: c, cancel: {flag}}}, timeout: 5s, catch: [{{output: 1}}]}}\n",
        "workflow: c\nsteps: {x: {task: hold}}\n",
        tasks={"hold": Held()},
    )
    run = here.start()

    here.finish()

    assert run.status == "completed"
    assert [c.status for c in here.children(run)] == ["cancelled" if cancel else "running"]


def test_a_child_that_fails_is_tried_again() -> None:
    here = World(
        HEAD + "  a: {workflow: c, retry: {max_attempts: 2, interval: 1s}, with: {n: 1}}\n",
        "workflow: c\nsteps: {x: {task: t}}\noutput: ${{ steps.x.output }}\n",
    )
    fates = [Fails("Down"), 42]
    here.tasks["t"] = lambda _: fates.pop(0)
    run = here.start()

    here.finish()

    assert run.output_of("a") == 42
    assert [c.status for c in here.children(run)] == ["completed"]
    assert len(here.runs) == 3


def test_what_is_emitted_for_every_item_is_not_emitted_as_a_whole() -> None:
    here = world('  a: {for_each: [1, 2], emit: {n: "${{ item }}"}}\n')

    here.start()

    assert here.emitted == [("a[0]", {"n": 1}), ("a[1]", {"n": 2})]


def test_a_join_that_can_not_be_met_any_more_skips() -> None:
    here = world(
        "  a: {task: t, if: false}\n  b: {task: t, if: input.b}\n  c: {task: t}\n"
        "  d: {task: t, needs: {at_least: 2, of: [a, b, c]}}\n"
    )

    runs = [here.start(value={"b": b}) for b in (True, False)]

    assert [run.step("d") for run in runs] == ["completed", "skipped"]


def test_going_back_counts_what_has_arrived_anew() -> None:
    here = world(
        "  a: {task: hold}\n  b: {task: hold}\n"
        "  d: {task: t, needs: {any: [a, b], rest: cancel}}\n  e: {task: hold, needs: d}\n",
        hold=Held(),
    )
    run = here.start()
    here.complete(run, "a")
    assert (run.step("b"), run.step("d")) == ("cancelled", "completed")

    here.control(run, "rewind", step="a")
    assert (run.step("a"), run.step("b"), run.step("d")) == ("scheduled", "scheduled", "pending")
    here.complete(run, "b")
    here.complete(run, "e")

    assert (run.step("a"), run.status) == ("cancelled", "completed")


def test_a_run_that_fails_cancels_items_that_run_on() -> None:
    here = world(
        "  a: {task: work, for_each: [1, 2, 3], join: any, rest: run}\n"
        "  b: {task: t, needs: a}\n  c: {task: later}\n",
        work=lambda attempt: Held() if attempt.step != "a[0]" else {},
        later=Takes(5, Fails()),
    )
    run = here.start()
    assert (run.step("a"), run.step("b"), run.step("a[1]")) == (
        "completed", "completed", "scheduled",
    )  # fmt: skip

    here.finish()

    assert run.status == "failed"
    assert (run.step("a[1]"), run.step("a[2]")) == ("cancelled", "cancelled")


def test_a_task_that_answers_by_attempt() -> None:
    seen: list[Attempt] = []

    def answer(attempt: Attempt) -> object:
        seen.append(attempt)
        return Takes(2, {"n": attempt.number})

    here = world(
        "  a: {task: t, retry: {max_attempts: 3, interval: 1s, jitter: 0, backoff: 1}}\n",
        t=Replies(Fails(), Takes(1, Fails()), answer),
    )
    run = here.start()

    here.finish()

    assert run.output_of("a") == {"n": 3}
    assert run.at("completed a") == 5.0
    assert [attempt.number for attempt in seen] == [3]
