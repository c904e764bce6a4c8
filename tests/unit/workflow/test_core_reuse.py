"""The core: steps that look for what equal ones gave, in runs that are forked, moved and paused."""

import msgspec
import pytest

from services.workflow.causes import causes
from services.workflow.core import Run
from services.workflow.core import commands as cm
from services.workflow.core.effects import Seek
from services.workflow.core.statuses import NodeStatus
from services.workflow.parking import wakes_at
from services.workflow.slots import Slot, new_row
from services.workflow.sweeping import ASK_OVERDUE_S, has_cause, is_overdue
from stretto.contracts import events as ev
from stretto.contracts.events import TakenOver
from stretto.contracts.graph import Cache, StepPlan, TaskPlan
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import RUN_ID, START_US, Story, facts, graph, task
from tests.unit.workflow.test_core_migrating import move, version

CACHE = Cache(for_s=60.0, key="k")


def cached(name: str, **fields: object) -> StepPlan:
    return task(name, cache=CACHE, **fields)


def sought(story: Story, path: str, output: bytes | None) -> Story:
    """Answer a step that looks."""
    seek = next(e for e in story.effects[::-1] if isinstance(e, Seek) and e.path == path)
    found = None if output is None else cm.Found(output=output, run="r", step="s", at_us=1)
    return story.give(cm.Sought(path=path, turn=seek.turn, task=seek.task, found=found))


@pytest.mark.parametrize(("again", "anew"), [(None, False), ("a", True), ("gone", False)])
def test_what_a_fork_was_asked_to_do_again_is_done(again: str | None, anew: bool) -> None:
    plan = graph(cached("a"), cached("b", needs=(0,)), cached("c"))
    story = Story.__new__(Story)
    story.graph, story.run, story.now_us = plan, Run(RUN_ID, plan), START_US
    story.log, story.effects, story.rejections = [], [], []
    taken = {"c": TakenOver(status="completed", output=msgspec.Raw(b"1"))}
    fork = ev.RunForked(from_run="r", from_version=1, at_seq=9, step=again, taken=taken)

    story.give(cm.Start(namespace="default", input=b"{}", fork=fork))

    assert story.run.nodes["a"].status is (NodeStatus.SCHEDULED if anew else NodeStatus.SEEKING)
    story.complete("a") if anew else sought(story, "a", b"2")
    assert story.run.nodes["b"].anew is anew
    assert facts(story.replayed()) == facts(story.run)


def test_a_run_that_moved_to_another_task_does_not_take_what_the_old_one_gave() -> None:
    story = Story(version(1, cached("a")))
    other = msgspec.structs.replace(cached("a"), task=TaskPlan(name="other"))

    move(story, version(2, other))
    sought(story, "a", b"1")

    assert story.types()[-1] == "step.scheduled a"
    assert story.out() == ["a"]


def test_a_run_that_moved_takes_what_the_same_task_gave_though_it_has_no_cache_now() -> None:
    story = Story(version(1, cached("a")))

    move(story, version(2, task("a")))
    sought(story, "a", b"1")

    assert story.run.nodes["a"].output == b"1"
    assert story.run.phase.word == "completed"


def test_a_step_that_is_done_anew_waits_while_its_run_is_paused() -> None:
    story = Story(graph(cached("a"), task("b")))
    sought(story, "a", b"1")
    story.give(cm.Control(request=ControlRequest(command="pause")))
    story.give(cm.Control(request=ControlRequest(command="rewind", step="a")))
    assert story.run.nodes["a"].status is NodeStatus.PENDING

    story.give(cm.Control(request=ControlRequest(command="resume")))

    assert story.types()[-2:] == ["step.seeking a", "step.scheduled a"]


def test_a_step_that_looks_is_a_cause_that_is_asked_again_and_keeps_its_run_in_memory() -> None:
    story = Story(graph(cached("a")))
    slot = Slot(story.run, new_row(RUN_ID, "default", "wf", 1, START_US), 1, stored=True)

    [cause] = causes(story.run)

    assert (cause.cause, cause.owner) == ("reuse", "workflow")
    assert cause.sentence == "Step 'a' looks for what an equal step gave."
    assert has_cause(story.run)
    assert not is_overdue(slot, START_US + 1)
    assert is_overdue(slot, START_US + int(2 * ASK_OVERDUE_S * 1e6))
    assert wakes_at(story.run) == 0
