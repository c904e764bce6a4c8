"""Rollouts in virtual time: waves, thresholds, pauses, rates, what is undone, what is told."""

import msgspec
import pytest

from services.workflow.causes import causes
from services.workflow.core import Rejection, apply, decide
from services.workflow.core.commands import Migrate
from services.workflow.core.nodes import Node, Scope
from services.workflow.core.rolling import each_of, name_of, progress
from services.workflow.core.statuses import Role
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask
from stretto.contracts.graph import Amount, ForEach, RolloutPlan, ScopePlan, StepPlan
from stretto.contracts.public import ControlRequest

from .fleets import begun, scheduled, told, update


def test_a_rollout_over_200_devices_of_which_a_tenth_fail_stops_at_the_threshold() -> None:
    definition = update("{waves: [1, 10%, 50%, 100%], success: 95%}", "max_parallel: 20")
    broken = [number for number in range(200) if number % 10 == 9 and number > 20]
    world, run = begun(definition, 200, broken)

    world.finish(run)

    assert run.status == "failed"
    assert run.failure is not None and run.failure.type == "RolloutAborted"
    assert run.failure.step == "install", "the step has failed, not one of its devices"
    message = run.failure.message
    assert "5 of the 80 devices of wave 3 of 4 failed, and 95 % of a wave must succeed" in message
    assert "(d-029, d-039, d-049, d-059, d-069)" in message
    assert "the first that failed: no room" in message
    assert "19 were under way, 111 not begun" in message
    began = len(scheduled(run))
    assert 70 <= began <= 90, "what was not begun was not"
    done = [p for p, s in run.steps.items() if s == "completed" and p.endswith("]")]
    undone = {p.removesuffix("~compensate") for p in run.steps if p.endswith("~compensate")}
    assert undone == set(done)
    assert (
        len(done) + sum(status == "failed" for p, status in run.steps.items() if "[" in p) == began
    )
    assert {run.steps[f"{path}~compensate"] for path in done} == {"completed"}


def test_a_rollout_that_succeeds_goes_through_its_waves_and_keeps_what_each_device_gave() -> None:
    world, run = begun(update("{waves: [1, 10%, 50%, 100%], success: 90%}"), 50, [10])

    world.finish(run)

    assert run.status == "completed"
    waves = [e for _, e in run.log if isinstance(e, ev.RolloutAdvanced)]
    assert [(e.wave, e.waves, e.upto) for e in waves] == [(2, 4, 5), (3, 4, 25), (4, 4, 50)]
    begin = scheduled(run)
    assert [begin.count(s) for s in (0.0, 10.0, 20.0, 30.0)] == [1, 4, 20, 25]
    output = run.output_of("install")
    assert output[10] is None and output[4] == {"ok": True} and len(output) == 50


def test_how_far_it_is_is_told() -> None:
    world, run = begun(update("{waves: [1, 20%, 100%], success: 75%}"), 50, [1])
    world.advance(15)
    assert told(run).sentence == (
        "Step 'install' is in wave 2 of 3: 10 of 50 devices, 1 done, 0 failed, 9 under way; "
        "goes on at 75 % of the wave."
    )
    assert told(run).owner == "worker"


def test_so_many_failures_of_all_end_it_whatever_the_waves_say() -> None:
    world, run = begun(update("{waves: [50%, 100%], abort: 3}", "max_parallel: 1"), 20, range(5))

    world.finish(run)

    assert run.failure is not None
    assert "3 failures of all 20 end it" in run.failure.message
    assert len(scheduled(run)) == 3


def test_a_share_of_failures_ends_it_and_fewer_do_not() -> None:
    rollout = "{waves: [100%], abort: 10%}"
    _, enough = begun(update(rollout), 20, [0, 1])
    world, fewer = begun(update(rollout), 20, [0])
    world.finish(fewer)
    assert fewer.status == "completed"

    world, enough = begun(update(rollout), 20, [0, 1])
    world.finish(enough)
    assert enough.failure is not None and "2 failures of all 20" in enough.failure.message


def test_a_pause_lasts_and_then_the_next_wave_begins() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: 1h}"), 3)
    world.advance(600)
    assert told(run).owner == "timer" and "waits for the pause to be over" in told(run).sentence
    assert told(run).until is not None
    world.finish(run)
    assert run.status == "completed" and scheduled(run) == [0.0, 3610.0, 3610.0]


def test_a_person_shortens_a_pause_and_its_instant_then_means_nothing() -> None:
    world, run = begun(update("{waves: [1, 2, 100%], pause_after: 1h}"), 3)
    world.advance(60)
    world.control(run, "approve", by="ada", reason="all quiet")
    assert scheduled(run) == [0.0, 60.0]
    world.finish(run)
    assert scheduled(run) == [0.0, 60.0, 3670.0]


def test_a_signal_lets_it_go_on_also_one_that_came_before() -> None:
    world, run = begun(update("{waves: [1, 2, 3, 100%], pause_after: {signal: go}}"), 4)
    world.signal(run, "go")
    world.advance(10)
    assert scheduled(run) == [0.0, 10.0], "the signal that had come was taken"
    world.advance(30)
    assert told(run).signal == "go" and "waits for the signal 'go'" in told(run).sentence
    world.control(run, "pause")
    world.signal(run, "go")
    assert len(scheduled(run)) == 2
    world.control(run, "resume")
    assert len(scheduled(run)) == 3
    world.advance(10)
    world.control(run, "approve")
    world.finish(run)
    assert run.status == "completed" and not run.run.signals["go"]
    assert not run.run.listeners["go"]


def test_only_those_who_may_let_it_go_on() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: {by: [ops]}}"), 3)
    world.control(run, "approve", by="ops")
    assert run.rejections[-1].code == "approval_not_open", "the first wave is under way"
    world.advance(10)
    assert told(run).owner == "person" and "the approval of ops" in told(run).sentence
    world.control(run, "approve", by="eve", step="install")
    assert run.rejections[-1].code == "not_allowed"
    world.control(run, "approve", by="ops", step="install")
    world.finish(run)
    assert run.status == "completed"


def test_a_person_ends_it_and_what_was_done_is_undone() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: {by: []}}"), 3)
    world.advance(10)
    world.control(run, "reject", by="ada", reason="it smokes")
    world.finish(run)
    assert run.status == "failed" and run.failure is not None
    assert run.failure.type == "Rejected"
    assert run.failure.message == (
        "it smokes (by ada, after wave 1 of 2: 1 of 3 devices are done, 0 failed)"
    )
    assert run.step("install[0]~compensate") == "completed"


def test_the_rate_says_how_many_begin_at_a_time() -> None:
    world, run = begun(update("{waves: [2, 100%], rate: 5/m}"), 12)
    world.advance(30)
    assert "its rate lets the next ones begin later" in told(run).sentence
    world.finish(run)
    assert run.status == "completed"
    begin = scheduled(run)
    assert [begin.count(s) for s in sorted(set(begin))] == [2, 3, 5, 2]
    assert sorted(set(begin)) == [0.0, 10.0, 60.0, 120.0]


def test_a_paused_run_lets_nothing_begin_when_its_time_comes() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: 1m}"), 2)
    world.advance(20)
    world.control(run, "pause")
    world.advance(600)
    assert len(scheduled(run)) == 1
    world.control(run, "resume")
    assert len(scheduled(run)) == 2


def test_no_device_is_an_empty_list() -> None:
    world, run = begun(update("{waves: [1, 100%]}"), 0)
    world.finish(run)
    assert run.status == "completed" and run.output_of("install") == []


def test_waves_that_add_nothing_are_left_out() -> None:
    world, run = begun(update("{waves: [1, 10%, 2, 50%, 100%]}"), 2)
    world.finish(run)
    assert run.status == "completed" and scheduled(run) == [0.0, 10.0]


def test_too_few_devices_fail_and_say_why() -> None:
    definition = update("{waves: [100%]}").replace("' }}\"", "' }}\", at_least: 3", 1)
    world, run = begun(definition, 2)
    world.finish(run)
    assert run.failure is not None and run.failure.type == "TooFewDevices"
    assert "expected at least 3 devices that fit, but 2 do (2 present" in run.failure.message


def test_a_quorum_settles_a_rollout() -> None:
    rollout = "{waves: [20%, 100%], success: 0%}"
    world, run = begun(update(rollout, "join: {at_least: 60%}"), 10, [0, 1])
    world.finish(run)
    assert run.status == "completed"
    world, run = begun(update(rollout, "join: {at_least: 60%}"), 10, range(2, 8))
    world.finish(run)
    assert run.failure is not None and "6 of 10 items" in run.failure.message


def test_cancelling_a_paused_rollout_undoes_what_is_done() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: {signal: go}}"), 3)
    world.advance(20)
    world.control(run, "cancel")
    world.signal(run, "go")
    world.finish(run)
    assert run.status == "cancelled" and run.step("install[0]~compensate") == "completed"
    assert len(scheduled(run)) == 1


def test_a_handler_takes_over_from_a_rollout_that_was_aborted() -> None:
    definition = update("{waves: [1, 100%]}", "catch: [{on: RolloutAborted, output: stopped}]")
    world, run = begun(definition, 3, [0])
    world.finish(run)
    assert run.status == "completed" and run.output_of("install") == "stopped"


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_two_paused_rollouts_have_to_be_named(command: str) -> None:
    definition = update("{waves: [1, 100%], pause_after: {by: []}}")
    other = definition.split("steps:")[1].replace("install:", "again:", 1)
    world, run = begun(definition + other, 2)
    world.advance(20)
    world.control(run, command)
    assert "2 steps wait; name one" in run.rejections[-1].message
    assert ControlRequest(command=command).step is None
    assert len([c for c in causes(run.run) if c.cause == "rollout"]) == 2


def test_going_back_to_a_rollout_that_is_paused_begins_it_anew() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: {signal: go}}"), 2)
    world.advance(20)
    world.control(run, "rewind", step="install")
    assert not run.run.listeners["go"]
    world.signal(run, "go")
    assert len(scheduled(run)) == 2, "the first device again"
    world.finish(run)
    assert run.status == "completed" and len(scheduled(run)) == 3


def test_a_rollout_that_is_skipped_hears_no_signal() -> None:
    world, run = begun(update("{waves: [1, 100%], pause_after: {signal: go}}"), 2)
    world.advance(20)
    world.control(run, "skip", step="install")
    world.signal(run, "go")
    world.finish(run)
    assert run.step("install") == "skipped" and len(scheduled(run)) == 1


def test_a_run_that_moves_while_its_signal_has_come_goes_on() -> None:
    definition = update("{waves: [1, 100%], pause_after: {signal: go}}")
    world, run = begun(definition, 2)
    world.advance(20)
    world.control(run, "pause")
    world.signal(run, "go")
    graph = msgspec.structs.replace(run.run.graph, version=2)
    run.run.graphs = {2: graph}
    asked = ControlRequest(command="migrate", version=2)
    outcome = decide(run.run, Migrate(request=asked, graph=graph), world.now_us)
    assert not isinstance(outcome, Rejection), outcome
    for event in outcome:
        apply(run.run, event, run.run.seq + 1, world.now_us)
    world.control(run, "resume")
    assert len(scheduled(run)) == 2


def test_a_signal_that_two_rollouts_wait_for_lets_one_go_on() -> None:
    definition = update("{waves: [1, 100%], pause_after: {signal: go}}")
    other = definition.split("steps:")[1].replace("install:", "again:", 1)
    world, run = begun(definition + other, 2)
    world.advance(20)
    world.signal(run, "go")
    assert len(scheduled(run)) == 3
    world.signal(run, "go")
    assert len(scheduled(run)) == 4


def test_items_without_names_are_called_by_their_numbers() -> None:
    definition = update("{waves: [1, 100%], abort: 1}").replace(
        "{devices: \"${{ device.attributes.site == 'north' }}\"}", "[5, {name: d-001}, d-009]"
    ).replace('"${{ item.name }}"', '"d-000"')  # fmt: skip
    world, run = begun(definition, 1, [0])
    world.advance(5)
    assert told(run).sentence.endswith("1 under way; goes on when the wave has ended.")
    world.finish(run)
    assert run.failure is not None and "the 1 items of wave 1" in run.failure.message
    assert "1 failed (number 0)" in run.failure.message
    assert [name_of(b'{"name":"x"}', 1), name_of(b'"d"', 2)] == ["x", "d"]


def test_a_rollout_that_was_stopped_says_so_while_others_are_waited_for() -> None:
    world, run = begun(update("{waves: [100%]}"), 3, [0])
    world.advance(3)
    world.fail(run, "install[0]")
    assert "2 under way; it was stopped" in told(run).sentence
    world.finish(run)
    assert run.step("install[1]~compensate") == "completed"


def test_a_rollout_over_nothing_says_so() -> None:
    node = Node("a", StepPlan(name="a", kind="task"), Scope(ScopePlan(steps=())), 0, Role.EACH)
    plan = RolloutPlan(waves=(Amount(share=1.0),))
    node.each = each_of(ForEach(ask=Ask(plan=b"{}"), rollout=plan), [])
    assert progress(node) == "there are no items"
