"""What stops while parts of it are under way: loops, groups, for_eaches whose items run on."""

import msgspec

from services.testing import Attempt, Fails, Held, Takes, TestedRun, World
from services.workflow.core import Run, apply, signals
from services.workflow.core import commands as cm
from services.workflow.core.effects import Timer, open_effects
from services.workflow.core.lines import making_room
from services.workflow.core.statuses import NodeStatus
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure
from stretto.contracts.graph import ChildPlan, SignalPlan, StepPlan
from stretto.contracts.ids import run_id_text
from stretto.contracts.public import ControlRequest

from .builders import ASK, Story, facts, graph, task, undoable

HEAD = "workflow: w\nsteps:\n"
ANY = (
    HEAD + "  a: {task: work, for_each: [1, 2, 3], join: any, rest: run}\n"
    "  b: {task: hold, needs: a}\n"
)


def world(steps: str, **tasks: object) -> World:
    return World(HEAD + steps, tasks=tasks)


def first_only(attempt: Attempt) -> object:
    return {} if attempt.step == "a[0]" else Held()


def running_on(text: str = ANY) -> tuple[World, TestedRun]:
    """A run whose for_each is complete while two of its items run on."""
    here = World(text, tasks={"work": first_only, "hold": Held()})
    run = here.start()
    assert (run.step("a"), run.step("a[1]")) == ("completed", "scheduled")
    return here, run


# --- items that run on


def test_going_back_to_a_step_whose_items_run_on_cancels_them() -> None:
    here, run = running_on()

    here.control(run, "rewind", step="a")

    assert run.story("cancelled")[:2] == ["cancelled a[1]", "cancelled a[2]"]
    assert run.step("a[1]") == "scheduled", "it has begun anew"
    here.complete(run, "a[1]")
    here.complete(run, "a[2]")
    here.complete(run, "b")
    assert run.status == "completed"


def test_items_that_run_on_inside_what_is_gone_back_to_are_cancelled_too() -> None:
    here = world(
        "  g:\n    steps:\n      a: {task: work, for_each: [1, 2], join: any, rest: run}\n"
        "      b: {task: hold}\n",
        work=lambda attempt: {} if attempt.step == "g.a[0]" else Held(),
        hold=Held(),
    )
    run = here.start()
    assert (run.step("g.a"), run.step("g.a[1]")) == ("completed", "scheduled")

    here.control(run, "rewind", step="g")

    assert run.story("cancelled") == ["cancelled g.a[1]", "cancelled g.b", "cancelled g"]


def test_a_rollback_waits_for_items_that_run_on_and_undoes_what_they_did() -> None:
    here = world(
        "  z: {task: t}\n"
        "  a: {task: work, needs: z, for_each: [1, 2], join: any, rest: run,"
        " compensate: {task: undo}}\n"
        "  b: {task: hold, needs: a}\n",
        work=first_only,
        hold=Held(),
        undo=lambda _: {},
    )
    run = here.start()

    here.control(run, "rollback", to="z")
    assert run.run.rollback is not None, "an item is out that will have to be undone"
    here.complete(run, "a[1]")

    assert run.run.rollback is None
    undone = [told for told in run.story("completed") if told.endswith("~compensate")]
    assert sorted(undone) == ["completed a[0]~compensate", "completed a[1]~compensate"]


# --- loops


def test_a_loop_ends_cancelled_when_the_group_around_it_fails() -> None:
    here = world(
        "  g:\n    catch: [{output: caught}]\n    steps:\n"
        "      x: {repeat: {steps: {c: {task: hold}}, until: loop.index == 9}}\n"
        "      y: {task: bad}\n",
        hold=Held(),
        bad=Takes(5, Fails(retryable=False)),
    )
    run = here.start()

    here.finish()

    assert run.output_of("g") == "caught"
    assert run.story("cancelled") == [
        "cancelled g.x[0].c", "cancelled g.x[0]", "cancelled g.x",
    ]  # fmt: skip


def test_a_loop_fails_with_the_failure_of_its_round_and_begins_no_other() -> None:
    here = world(
        "  x: {repeat: {steps: {c: {task: bad}}, until: loop.index == 9}}\n",
        bad=Fails("Jammed", "no paper", retryable=False),
    )

    run = here.start()

    assert run.status == "failed"
    assert run.failure is not None and run.failure.type == "Jammed"
    assert run.run.nodes["x"].rounds == 1


# --- groups


def test_what_always_runs_runs_after_what_never_began_whatever_the_order_of_the_text() -> None:
    here = world(
        "  g:\n    catch: [{output: caught}]\n    steps:\n"
        "      last: {task: t, needs: b, if: always()}\n"
        "      a: {task: bad}\n      b: {task: t, needs: a}\n",
        bad=Fails(retryable=False),
    )

    run = here.start()

    assert run.output_of("g") == "caught"
    assert (run.step("g.b"), run.step("g.last")) == ("cancelled", "completed")


def test_to_complete_what_has_no_items_yet_cancels_it() -> None:
    here = world(
        "  a: {task: hold}\n"
        '  c: {task: t, for_each: "${{ steps.a.output }}", needs: a}\n'
        "  s: {cancel: {steps: [c], complete: true}}\n",
        hold=Held(),
    )
    run = here.start()
    assert run.step("c") == "cancelled"

    here.complete(run, "a", [1])

    assert (run.status, run.step("c")) == ("completed", "cancelled")


# --- signals


def test_a_signal_that_comes_while_a_step_is_being_stopped_is_left_for_others() -> None:
    here = world(
        "  g:\n    catch: [{output: caught}]\n    steps:\n"
        "      s: {signal: go}\n      x: {task: hold, compensate: {task: t}}\n"
        "      y: {task: bad}\n",
        hold=Held(),
        bad=Takes(5, Fails(retryable=False)),
    )
    run = here.start()
    here.control(run, "pause")
    here.advance(10)

    here.signal(run, "go", 1)
    here.control(run, "resume")

    assert run.step("g.s") != "completed"
    assert signals.buffered(run.run) == 1


def test_who_looked_at_a_later_signal_still_means_the_same_when_an_earlier_one_is_taken() -> None:
    """Both look at the first; one passes it over and looks at the second, then the first goes."""

    def waits(name: str) -> StepPlan:
        return StepPlan(name=name, kind="signal", signal=SignalPlan(name="go", where=ASK))

    story = Story(graph(waits("a"), waits("b")))
    for payload in (b"1", b"2"):
        request = ControlRequest(command="signal", name="go", payload=msgspec.Raw(payload))
        story.give(cm.Control(request=request))
    story.decided("b", skip=True)
    assert story.run.nodes["b"].candidate == 1

    story.decided("a")

    assert story.run.nodes["a"].status is NodeStatus.COMPLETED
    assert story.run.nodes["b"].candidate == 0
    story.decided("b")
    assert (story.run.nodes["b"].output, story.run.phase.word) == (b"2", "completed")
    assert facts(story.replayed()) == facts(story.run)


# --- what an open run waits for


def test_a_run_that_has_ended_or_a_step_of_it_waits_for_nothing() -> None:
    story = Story(graph(task("a"), task("b"))).complete("a")

    story.fire(Timer(story.now_us, "a", cm.TimerKind.ATTEMPT, 1))
    assert [r.code for r in story.rejections] == ["timer_stale"]
    story.complete("b")

    assert list(open_effects(story.run)) == []
    assert making_room(story.run) == []


def test_a_timer_of_a_wave_means_nothing_to_a_step_without_waves() -> None:
    story = Story(graph(task("a")))

    story.fire(Timer(story.now_us, "a", cm.TimerKind.WAVE))

    assert [r.code for r in story.rejections] == ["timer_stale"]


def test_a_question_about_the_output_is_asked_again_while_it_is_open() -> None:
    story = Story(graph(task("a"), output=ASK)).complete("a")

    [ask] = open_effects(story.run)

    assert ask == story.effects[-1]


def test_what_another_run_says_of_an_attempt_is_believed_of_its_child_only() -> None:
    child = StepPlan(name="c", kind="workflow", child=ChildPlan(workflow="other"))
    story = Story(graph(child))
    of = story.run.nodes["c"].child_run
    assert of is not None

    story.give(cm.Result(path="c", attempt=1, output=b"0", worker=cm.RUN_MARK + "f" * 32))
    assert [r.code for r in story.rejections] == ["parent_invalid"]
    story.give(cm.Result(path="c", attempt=1, output=b"1", worker=cm.RUN_MARK + run_id_text(of)))

    assert story.run.nodes["c"].output == b"1"


def test_an_old_log_says_that_a_compensation_failed_without_anybody_being_asked() -> None:
    plan = graph(undoable("a"), task("boom", needs=(0,)), on_failure="compensate")
    story = Story(plan).complete("a").fail("boom").fail("a~compensate")
    run = Run(story.run.id, plan)
    for seq, at_us, event in story.log[:-1]:
        apply(run, event, seq, at_us)
    old = ev.StepFailed(step="a~compensate", attempt=1, failure=Failure(type="Boom", message="x"))

    apply(run, old, run.seq + 1, story.now_us)

    assert run.uncompensated == ["a"]
    assert "" in run.todo, "the run ends"
