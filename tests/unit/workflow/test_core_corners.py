"""Corners of the core: ends without a failed step, waits that are over, parts that are gone."""

import pytest

from services.workflow.core import apply
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure

from .builders import ASK, Story, facts, graph, task
from .fleets import begun, scheduled, update
from .test_core_migrating import group, version
from .test_core_rollback import back

NO_OUTPUT = Failure(type="ExpressionError", message="it has no value", retryable=False)


def test_a_run_that_failed_for_its_output_asks_for_it_again_when_it_goes_back_to_the_end() -> None:
    story = Story(graph(task("a"), output=ASK)).complete("a").decided("", error=NO_OUTPUT)
    assert story.run.phase.word == "failed"

    story.give(back("a"))

    assert story.run.phase.word == "finishing"
    story.decided("", output=b"1")
    assert (story.run.phase.word, story.run.output) == ("completed", b"1")
    assert facts(story.replayed()) == facts(story.run)


def test_a_path_into_a_step_that_holds_none_is_no_step() -> None:
    with pytest.raises(KeyError):
        Story(graph(task("a"))).run.node("a.x")


def test_a_migration_that_the_log_holds_is_followed_whatever_it_leaves_behind() -> None:
    """What is refused today may have been carried out by a build of before."""
    inside = group("g", task("x"))
    story = Story(version(1, inside, task("b")))
    story.run.graphs = {2: version(2, task("b"))}
    moved = ev.RunMigrated(from_version=1, to_version=2)

    apply(story.run, moved, story.run.seq + 1, story.now_us)

    assert "g" not in story.run.nodes
    assert story.complete("b").run.phase.word == "completed"


def test_a_rollout_whose_items_were_skipped_by_hand_says_that_none_failed() -> None:
    world, run = begun(update("{waves: [100%], abort: 2}"), 3)

    for number in range(2):
        world.control(run, "skip", step=f"install[{number}]")
    world.finish(run)

    assert run.failure is not None
    assert run.failure.type == "RolloutAborted"
    assert (
        "2 failures of all 3 end it; 0 of 3 are done, 2 failed, 1 were under way"
        in run.failure.message
    )
    assert "the first that failed" not in run.failure.message


def test_a_paused_rollout_that_is_completed_by_a_cancel_step_hears_no_signal() -> None:
    more = (
        "  ready: {wait: {for: 60s}}\n"
        "  stop: {needs: ready, cancel: {steps: install, complete: true}}\n"
        "  later: {needs: stop, wait: {for: 60s}}\n"
    )
    definition = update("{waves: [1, 100%], pause_after: {signal: go}}").rstrip() + f"\n{more}"
    world, run = begun(definition, 2)
    world.advance(90)
    assert run.step("install") == "completed"

    world.signal(run, "go")
    world.finish(run)

    assert run.status == "completed"
    assert len(scheduled(run)) == 1, "the second device is left as it is"
    assert run.run.signals["go"]
