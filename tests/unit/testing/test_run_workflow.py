"""`run_workflow`: a run in virtual time, as people's Python tests use it."""

import time
from pathlib import Path

import pytest

from stretto.runtime.errors import PermanentError
from stretto.testing import (
    After,
    Attempt,
    Calls,
    Fails,
    Held,
    Takes,
    open_world,
    run_workflow,
    stage,
)
from stretto.testing.running import DefinitionWrong

ORDER = """
workflow: order
input: {type: object, required: [total], properties: {total: {type: number}}}
on_failure: compensate
steps:
  charge:
    task: payment.charge
    with: {amount: "${{ input.total }}"}
    retry: {max_attempts: 3, interval: 1s, jitter: 0}
    compensate: {task: payment.refund, with: {id: "${{ steps.charge.output.id }}"}}
  big:
    if: ${{ input.total > 100.0 }}
    needs: [charge]
    approval: {by: [ops]}
  gift:
    needs: [charge]
    switch:
      - if: ${{ input.total > 50.0 }}
        then: wrap
      - if: ${{ input.total > 1000.0 }}
        then: parcel
  wrap: {set: {paper: red}}
  parcel: {emit: {size: large}}
  ship:
    needs: {all: [charge], any: [big, wrap]}
    if: ${{ always() && !failed() }}
    task: carrier.ship
output: {tracking: "${{ steps.ship.output.tracking }}"}
"""

TASKS = {"payment.charge": {"id": 7}, "carrier.ship": {"tracking": "T1"}}


def test_a_run_gives_its_output_its_path_and_what_each_step_was_given() -> None:
    outcome = run_workflow(ORDER, {"total": 60}, tasks=TASKS)
    assert (outcome.status, outcome.output) == ("completed", {"tracking": "T1"})
    assert outcome.path == ["charge", "gift", "wrap", "ship"]
    assert outcome.skipped == ["big", "parcel"]
    assert outcome.step("charge").input == {"amount": 60}
    assert outcome.step("big").reason == "condition"
    assert outcome.step("parcel").reason == "not_chosen"
    assert [call.task for call in outcome.calls] == ["payment.charge", "carrier.ship"]


def test_a_step_that_the_run_did_not_come_to_is_told_with_those_it_came_to() -> None:
    outcome = run_workflow(ORDER, {"total": 5}, tasks=TASKS)
    with pytest.raises(KeyError, match="it came to: charge"):
        outcome.step("nowhere")


def test_failures_are_retried_in_virtual_time_and_what_was_done_is_undone() -> None:
    outcome = run_workflow(
        ORDER,
        {"total": 60},
        tasks={
            **TASKS,
            "payment.charge": Calls(Fails("Timeout"), Fails("Timeout"), {"id": 9}),
            "carrier.ship": Fails("NoRoad", "flooded", retryable=False),
        },
    )
    assert outcome.status == "failed"
    assert outcome.failure is not None and outcome.failure.type == "NoRoad"
    assert outcome.step("charge").attempts == 3
    assert outcome.step("charge").failure is None, "it has completed in the end"
    assert outcome.step("ship").failure is not None
    assert outcome.compensated == ["charge"]
    assert outcome.step("charge~compensate").input == {"id": 9}
    assert outcome.took_s == 3.0, "one second and two between the attempts"


def test_signals_and_approvals_come_when_the_script_says() -> None:
    script = [After("2d").approve("big", by="ops", reason="fine")]
    outcome = run_workflow(ORDER, {"total": 200}, tasks=TASKS, script=script)
    assert outcome.status == "completed"
    assert outcome.step("big").ended_s == 2 * 86_400
    assert outcome.step("big").output == {"approved": True, "by": "ops", "reason": "fine"}


def test_what_is_refused_is_told() -> None:
    script = [After(10).reject(by="eve"), After(20).reject(by="ops", reason="no")]
    outcome = run_workflow(ORDER, {"total": 200}, tasks=TASKS, script=script)
    assert [text.partition(":")[0] for text in outcome.rejections] == ["not_allowed"]
    assert outcome.step("big").status == "failed"
    assert outcome.status == "failed"


def test_a_run_that_waits_says_for_what() -> None:
    outcome = run_workflow(ORDER, {"total": 200}, tasks={**TASKS, "payment.charge": Held()})
    assert outcome.status == "running"
    assert outcome.waits_for == ["step 'charge' waits for an answer to attempt 1"]
    outcome = run_workflow(ORDER, {"total": 200}, tasks=TASKS, steps={"ship": Held()})
    assert "step 'big' waits for the approval of ops" in outcome.waits_for


WAITS = """
workflow: waits
steps:
  nap: {wait: 10d}
  paid: {signal: paid, needs: [nap]}
  retried: {task: t, retry: {max_attempts: 2, interval: 1h, jitter: 0}}
  group: {steps: {inner: {signal: other}}}
"""


def test_a_run_can_be_stopped_early_and_every_reason_to_wait_has_its_words() -> None:
    outcome = run_workflow(WAITS, tasks={"t": Fails()}, until="30m")
    assert sorted(outcome.waits_for) == [
        "step 'group' waits for the steps inside it",
        "step 'group.inner' waits for the signal 'other'",
        "step 'nap' waits for its time",
        "step 'retried' waits for its attempt 2",
    ]
    assert run_workflow(WAITS, script=[After(5).command("pause")], until=10).status == "paused"


def test_cancelling_ends_it_and_steps_that_never_began_are_told() -> None:
    outcome = run_workflow(WAITS, script=[After("1d").cancel("enough")])
    assert outcome.status == "cancelled"
    assert outcome.step("nap").status == "cancelled"
    assert outcome.step("paid").reason == "never_began"
    assert outcome.took_s == 86_400


def test_an_input_that_does_not_fit_is_refused() -> None:
    outcome = run_workflow(ORDER, {"total": "much"})
    assert outcome.status == "refused"
    assert outcome.failure is not None and "input.total" in outcome.failure.message


def test_mistakes_of_a_definition_are_told_with_their_places(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("workflow: wrong\nsteps:\n  a: {task: t, needs: [b]}\n")
    with pytest.raises(DefinitionWrong, match=r"wrong\.yaml:3:.*\"b\""):
        run_workflow(file)


def test_children_are_runs_of_their_own(tmp_path: Path) -> None:
    child = tmp_path / "child.yaml"
    child.write_text("workflow: child\nsteps: {a: {task: t}}\noutput: ${{ steps.a.output }}\n")
    parent = "workflow: parent\nsteps:\n  c: {workflow: child}\noutput: ${{ steps.c.output }}\n"
    outcome = run_workflow(parent, tasks={"t": {"n": 1}}, children=[child])
    assert outcome.output == {"n": 1}
    assert [each.workflow for each in outcome.children] == ["child"]
    assert {each.workflow: each.percent for each in outcome.coverage} == {
        "parent": 100,
        "child": 100,
    }


YEAR = """
workflow: year
steps:
  months:
    repeat:
      until: ${{ loop.index == 11 }}
      steps:
        days:
          repeat:
            until: ${{ loop.index == 29 }}
            every: 1d
            steps: {tick: {task: meter.read}}
        pause: {wait: 1d12h, needs: [days]}
"""


def test_a_year_of_timers_takes_less_than_a_second() -> None:
    run_workflow(YEAR, tasks={"meter.read": {}}, until="1d")  # what is loaded once is not measured
    began = time.process_time()
    outcome = run_workflow(YEAR, tasks={"meter.read": Takes(1, {})})
    took_s = time.process_time() - began
    assert outcome.status == "completed"
    assert 360 * 86_400 < outcome.took_s < 370 * 86_400
    assert sum(1 for call in outcome.calls if call.task == "meter.read") == 360
    assert took_s < 1.0


BUILT_IN = """
workflow: built-in
steps:
  echo: {task: std.echo, with: {a: 1}}
  log: {task: std.log, with: {message: hi}}
  nap: {task: std.sleep, with: {duration: 2h}}
  doze: {task: std.sleep, with: {seconds: 5}}
  odd: {task: std.sleep, catch: [{steps: {x: {set: {}}}}]}
  fails:
    task: std.fail
    with: {type: Odd, message: as asked}
    catch: [{on: [Odd], steps: {y: {set: {}}}}]
"""


def test_built_in_tasks_do_what_they_do() -> None:
    outcome = run_workflow(BUILT_IN)
    assert outcome.status == "completed"
    assert outcome.step("echo").output == {"a": 1}
    assert outcome.step("log").output is None
    assert (outcome.step("nap").ended_s, outcome.step("doze").ended_s) == (7_200, 5)
    assert {"odd~catch.x", "fails~catch.y"} <= set(outcome.path)


def test_a_world_is_moved_by_hand() -> None:
    world = open_world(ORDER, tasks={"payment.charge": Held(), "carrier.ship": {"tracking": 1}})
    run = world.start("order", {"total": 60})
    assert [call.step for call in world.attempts] == ["charge"]
    world.advance(10)
    world.complete(run, "charge", {"id": 1})
    assert world.finish(run).output == {"tracking": 1}
    assert run.at("completed charge") == 10


def test_an_answer_may_be_worked_out_from_the_attempt() -> None:
    def charge(attempt: Attempt) -> object:
        return {"id": attempt.input["amount"] * 2}

    outcome = run_workflow(ORDER, {"total": 60}, tasks={**TASKS, "payment.charge": charge})
    assert outcome.step("charge").output == {"id": 120}


def test_without_the_services_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "ENGINE", "services_that_are_not_there")
    with pytest.raises(PermanentError, match="pip install"):
        run_workflow(ORDER, {"total": 1})
