"""The core: in which order steps are undone, and what happens when that fails."""

import msgspec
import pytest

from services.workflow.causes import causes
from services.workflow.core import Run, apply
from services.workflow.core import commands as cm
from services.workflow.core.commands import TimerKind
from services.workflow.core.effects import open_effects
from services.workflow.core.statuses import NodeStatus
from services.workflow.core.unwinding import Undoing
from services.workflow.parking import wakes_at
from services.workflow.slots import public_status
from services.workflow.sweeping import has_cause
from stretto.contracts import events as ev
from stretto.contracts.graph import Catch, Compensation, Repeat, ScopePlan
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK,
    ForEach,
    Retry,
    StepPlan,
    Story,
    TaskPlan,
    Timeouts,
    Timer,
    facts,
    graph,
    task,
    undoable,
)  # fmt: skip


def control(command: str, **fields: object) -> cm.Control:
    request = ControlRequest(command=command, by="ann", reason="so", **fields)  # type: ignore[arg-type]
    return cm.Control(request=request)


def undo(story: Story, *paths: str) -> Story:
    for path in paths:
        story.complete(f"{path}~compensate")
    return story


def undoing(story: Story) -> list[str]:
    out = dict.fromkeys(story.out())
    return [path.removesuffix("~compensate") for path in out if path.endswith("~compensate")]


def diamond() -> Story:
    """a → (b, c) → d → boom."""
    plan = graph(
        undoable("a"),
        undoable("b", needs=(0,)),
        undoable("c", needs=(0,)),
        undoable("d", needs=(1, 2)),
        task("boom", needs=(3,)),
        on_failure="compensate",
    )
    story = Story(plan)
    for path in "abcd":
        story.complete(path)
    return story.fail("boom")


def test_branches_are_undone_at_the_same_time_and_joins_before_and_after_them() -> None:
    story = diamond()
    assert undoing(story) == ["d"]
    assert undoing(undo(story, "d")) == ["c", "b"]
    assert undoing(undo(story, "b")) == ["c"]
    assert undoing(undo(story, "c")) == ["a"]
    assert undo(story, "a").run.phase.word == "failed"
    assert facts(story.replayed()) == facts(story.run)


def test_steps_that_do_not_need_one_another_are_undone_at_the_same_time() -> None:
    story = Story(
        graph(undoable("a"), undoable("b"), undoable("c"), task("boom"), on_failure="compensate")
    )
    story.complete("a").complete("b").complete("c").fail("boom")
    assert undoing(story) == ["c", "b", "a"]


def test_the_order_goes_through_steps_that_have_nothing_to_undo() -> None:
    story = Story(
        graph(undoable("a"), task("b", needs=(0,)), undoable("c", needs=(1,)),
              task("boom", needs=(2,)), on_failure="compensate")
    )  # fmt: skip
    story.complete("a").complete("b").complete("c").fail("boom")
    assert undoing(story) == ["c"]


def test_items_are_undone_together_as_many_as_ran_together() -> None:
    fan = undoable("scan", for_each=ForEach(ask=ASK, max_parallel=2))
    story = Story(graph(undoable("a"), fan_after(fan), task("boom", needs=(1,)),
                        on_failure="compensate"))  # fmt: skip
    story.complete("a").decided("scan", items=[b"1", b"2", b"3"])
    for index in range(3):
        story.complete(f"scan[{index}]")
    story.fail("boom")
    assert undoing(story) == ["scan[2]", "scan[1]"]
    assert undoing(undo(story, "scan[2]")) == ["scan[1]", "scan[0]"]
    assert undoing(undo(story, "scan[1]", "scan[0]")) == ["a"]


def fan_after(fan: StepPlan) -> StepPlan:
    return msgspec.structs.replace(fan, needs=(0,))


def test_many_items_meet_before_what_they_needed() -> None:
    fan = fan_after(undoable("scan", for_each=ForEach(ask=ASK)))
    story = Story(graph(undoable("a"), fan, task("boom", needs=(1,)), on_failure="compensate"))
    story.complete("a").decided("scan", items=[b"0"] * 30)
    for index in range(30):
        story.complete(f"scan[{index}]")
    story.fail("boom")
    event = next(e for _, _, e in story.log if isinstance(e, ev.CompensationStarted))
    assert event.joins == [list(range(30))]
    assert event.after is not None and event.after[-1] == [31]
    undo(story, *(f"scan[{i}]" for i in range(30)))
    assert undoing(story) == ["a"]
    assert facts(story.replayed()) == facts(story.run)


def test_later_rounds_of_a_loop_are_undone_before_earlier_ones() -> None:
    body = graph(undoable("x"), undoable("y")).root
    loop = StepPlan(name="loop", kind="repeat", body=body, repeat=Repeat(until=ASK))
    story = Story(graph(loop, task("boom", needs=(0,)), on_failure="compensate"))
    for number in range(2):
        story.complete(f"loop[{number}].x").complete(f"loop[{number}].y")
        story.decided("loop", skip=number == 0)
    story.fail("boom")
    assert undoing(story) == ["loop[1].y", "loop[1].x"]
    assert undoing(undo(story, "loop[1].y", "loop[1].x")) == ["loop[0].y", "loop[0].x"]


def test_what_a_handler_did_is_undone_before_what_it_handled() -> None:
    inner = graph(undoable("x"), task("y", needs=(0,))).root
    mend = ScopePlan(steps=(undoable("fix"),))
    group = StepPlan(name="g", kind="steps", body=inner, catch=(Catch(body=mend),))
    story = Story(graph(group, task("boom", needs=(0,)), on_failure="compensate"))
    story.complete("g.x").fail("g.y").complete("g~catch.fix").fail("boom")
    assert undoing(story) == ["g~catch.fix"]
    assert undoing(undo(story, "g~catch.fix")) == ["g.x"]


def test_an_old_log_without_an_order_is_undone_one_after_another() -> None:
    story = diamond()
    run = Run(story.run.id, story.graph)
    for seq, at_us, event in story.log:
        if isinstance(event, ev.CompensationStarted):
            apply(run, ev.CompensationStarted(steps=["d", "c", "b", "a"]), seq, at_us)
            break
        apply(run, event, seq, at_us)
    assert list(run.todo) == ["d~compensate"]
    ended = Undoing(["d", "c", "b", "a"], None, [])
    assert [list(ended.begin()), *(list(ended.ended(p)) for p in "dcba")] == [
        ["d~compensate"], ["c~compensate"], ["b~compensate"], ["a~compensate"], [],
    ]  # fmt: skip


# --- a compensation that fails for good


def blocked() -> Story:
    """a and b are done and independent; undoing b has failed for good, undoing a is under way."""
    story = Story(graph(undoable("a"), undoable("b"), task("boom"), on_failure="compensate"))
    return story.complete("a").complete("b").fail("boom").fail("b~compensate")


def test_a_compensation_that_fails_for_good_waits_for_a_person() -> None:
    story = undo(blocked(), "a")
    assert story.run.phase.word == "compensating"
    assert public_status(story.run) == "blocked"
    assert story.run.open["b~compensate"].status is NodeStatus.BLOCKED
    assert has_cause(story.run)
    [cause] = causes(story.run)
    assert (cause.cause, cause.owner) == ("compensation_failed", "person")
    assert "could not be undone (Boom: it broke)" in cause.sentence
    assert list(open_effects(story.run)) == []
    assert wakes_at(story.run) > story.now_us
    assert facts(story.replayed()) == facts(story.run)


@pytest.mark.parametrize("step", [None, "b", "b~compensate"])
def test_a_person_has_it_tried_again_with_all_its_attempts(step: str | None) -> None:
    story = undo(blocked(), "a").give(control("retry", step=step))
    assert public_status(story.run) == "failing"
    assert story.run.nodes["b~compensate"].attempt == 2
    assert undoing(story) == ["b"]
    undo(story, "b")
    assert story.run.phase.word == "failed"
    assert story.run.uncompensated == []
    assert [e.by for _, _, e in story.log if isinstance(e, ev.CompensationRetried)] == ["ann"]
    assert facts(story.replayed()) == facts(story.run)


def test_it_may_fail_again_and_be_blocked_again() -> None:
    story = undo(blocked(), "a").give(control("retry")).fail("b~compensate")
    assert public_status(story.run) == "blocked"


def test_a_person_does_without_it_and_the_end_of_the_run_says_so() -> None:
    story = undo(blocked(), "a").give(control("skip", step="b"))
    assert story.run.phase.word == "failed"
    assert story.run.uncompensated == ["b"]
    skipped = next(e for _, _, e in story.log if isinstance(e, ev.StepSkipped))
    assert (skipped.step, skipped.by, skipped.why) == ("b~compensate", "ann", "so")
    assert facts(story.replayed()) == facts(story.run)


def test_a_compensation_that_is_still_tried_may_be_skipped_too() -> None:
    story = blocked().give(control("skip", step="a")).give(control("skip", step="b"))
    assert story.run.uncompensated == ["a", "b"]
    assert story.run.phase.word == "failed"


def test_a_blocked_run_may_be_terminated() -> None:
    assert blocked().give(control("terminate")).run.phase.word == "terminated"


def test_a_skip_that_names_no_step_is_refused_while_the_run_fails() -> None:
    story = blocked().give(control("skip"))
    assert story.rejections[-1].code == "already_failing"


def test_the_total_time_of_a_compensation_blocks_it_and_is_counted_anew() -> None:
    undone = Compensation(
        task=TaskPlan(name="undo"), retry=Retry(max_attempts=9), timeouts=Timeouts(total_s=5.0)
    )
    story = Story(graph(task("a", compensate=undone), task("boom", needs=(0,)),
                        on_failure="compensate"))  # fmt: skip
    story.complete("a").fail("boom")
    timer = story.last(Timer)
    assert isinstance(timer, Timer) and timer.kind is TimerKind.STEP
    story.fire(timer)
    assert story.run.nodes["a~compensate"].status is NodeStatus.BLOCKED
    story.fire(timer)
    assert story.rejections[-1].code == "timer_stale"
    story.give(control("retry"))
    again = story.last(Timer)
    assert isinstance(again, Timer) and again.due_us == story.now_us + 5_000_000
