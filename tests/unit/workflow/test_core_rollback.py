"""The core: going back to the end of a step, with everything that came of it undone."""

from services.workflow.core import commands as cm
from services.workflow.core.effects import Dispatch
from services.workflow.core.statuses import NodeStatus
from services.workflow.slots import public_status
from services.workflow.sweeping import has_cause, is_stalled
from stretto.contracts import events as ev
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK,
    ForEach,
    Graph,
    StepPlan,
    Story,
    Timer,
    facts,
    graph,
    task,
    undoable,
)  # fmt: skip


def back(to: str | None, **fields: object) -> cm.Control:
    request = ControlRequest(command="rollback", to=to, by="ann", reason="so", **fields)  # type: ignore[arg-type]
    return cm.Control(request=request)


def ask(command: str, **fields: object) -> cm.Control:
    return cm.Control(request=ControlRequest(command=command, **fields))  # type: ignore[arg-type]


def chain(**fields: object) -> Graph:
    """a → b → c → d, and e aside."""
    return graph(
        undoable("a"), undoable("b", needs=(0,)), undoable("c", needs=(1,)),
        task("d", needs=(2,)), task("e"), **fields,
    )  # fmt: skip


def at_d() -> Story:
    return Story(chain()).complete("a").complete("b").complete("c")


def test_what_came_of_a_step_is_undone_and_runs_again() -> None:
    story = at_d().give(back("a"))
    assert story.run.nodes["d"].status is NodeStatus.CANCELLED
    assert story.out()[-1] == "c~compensate"
    story.complete("c~compensate").complete("b~compensate")
    assert story.run.rollback is None
    assert story.run.phase.word == "running"
    assert story.run.undo == ["a"]
    assert story.run.nodes["b"].attempt == 2
    story.complete("b").complete("c").complete("d").complete("e")
    assert story.run.phase.word == "completed"
    asked = next(e for _, _, e in story.log if isinstance(e, ev.RunRollingBack))
    assert (asked.to, asked.steps, asked.by, asked.reason) == ("a", ["b", "c", "d"], "ann", "so")
    assert facts(story.replayed()) == facts(story.run)


def test_the_attempts_of_a_second_undoing_have_new_numbers() -> None:
    story = at_d().give(back("b")).complete("c~compensate").complete("c")
    story.give(back("b"))
    assert story.run.nodes["c~compensate"].attempt == 2
    sent = [e for e in story.effects if isinstance(e, Dispatch) and e.path == "c~compensate"]
    assert [e.attempt for e in sent] == [1, 2]
    assert facts(story.replayed()) == facts(story.run)


def test_the_attempts_of_items_have_new_numbers_after_a_way_back() -> None:
    fan = task("scan", needs=(0,), for_each=ForEach(ask=ASK))
    story = Story(graph(task("a"), fan)).complete("a").decided("scan", items=[b"1"])
    story.give(ask("rewind", step="scan")).decided("scan", items=[b"1"])
    assert story.run.nodes["scan[0]"].attempt == 2
    story.complete("scan[0]", attempt=1)
    assert story.rejections[-1].code == "attempt_not_open"
    assert story.complete("scan[0]").run.phase.word == "completed"
    assert facts(story.replayed()) == facts(story.run)


def test_it_may_stay_paused_there() -> None:
    story = at_d().give(back("b", pause=True)).complete("c~compensate")
    assert public_status(story.run) == "paused"
    assert not story.run.nodes.get("c") or story.run.nodes["c"].status is NodeStatus.PENDING
    story.give(ask("resume"))
    assert "c" in story.out()


def test_branches_that_did_not_come_of_it_go_on_meanwhile() -> None:
    story = Story(graph(undoable("a"), undoable("b", needs=(0,)), task("e"), task("f", needs=(2,))))
    story.complete("a").complete("b").give(back("a")).complete("e")
    assert "f" in story.out()
    story.complete("f").complete("b~compensate")
    assert story.run.nodes["f"].status is NodeStatus.COMPLETED
    assert "b" in story.out()
    assert story.complete("b").run.phase.word == "completed"


def test_a_branch_that_fails_meanwhile_fails_the_run_when_it_is_back() -> None:
    story = Story(graph(undoable("a"), undoable("b", needs=(0,)), task("e")))
    story.complete("a").complete("b").give(back("a")).fail("e")
    assert story.run.phase.word == "running"
    story.complete("b~compensate")
    assert story.run.phase.word == "failed"
    assert facts(story.replayed()) == facts(story.run)


def test_what_can_be_undone_and_is_out_is_waited_for_and_then_undone() -> None:
    story = Story(chain()).complete("a").give(back("a"))
    assert story.run.rollback is not None and story.run.rollback.waits
    assert has_cause(story.run)
    story.complete("b")
    assert story.out()[-1] == "b~compensate"
    story.complete("b~compensate")
    assert story.run.nodes["b"].attempt == 2
    assert facts(story.replayed()) == facts(story.run)


def test_one_that_fails_then_has_nothing_to_be_undone() -> None:
    story = Story(chain()).complete("a").give(back("a")).fail("b")
    assert story.run.rollback is None
    assert story.run.phase.word == "running"
    assert story.run.nodes["b"].attempt == 2


def test_groups_and_items_are_stopped_and_undone_too() -> None:
    inner = graph(undoable("x"), task("y", needs=(0,))).root
    group = StepPlan(name="g", kind="steps", body=inner, needs=(0,))
    fan = undoable("scan", needs=(0,), for_each=ForEach(ask=ASK))
    story = Story(graph(undoable("a"), group, fan)).complete("a")
    story.complete("g.x").decided("scan", items=[b"1", b"2"]).complete("scan[0]")
    story.give(back("a"))
    assert story.run.nodes["scan[1]"].status is NodeStatus.SCHEDULED
    story.complete("scan[1]")
    undone = sorted(p for p in story.out() if p.endswith("~compensate"))
    assert undone == ["g.x~compensate", "scan[0]~compensate", "scan[1]~compensate"]
    for path in undone:
        story.complete(path)
    assert story.run.rollback is None
    assert story.run.nodes["g.x"].attempt == 2
    assert facts(story.replayed()) == facts(story.run)


def test_a_blocked_compensation_holds_the_rollback_until_a_person_decides() -> None:
    story = at_d().give(back("b")).fail("c~compensate")
    assert public_status(story.run) == "blocked"
    story.give(ask("pause"))
    assert story.rejections[-1].code == "rolling_back"
    story.give(ask("skip", step="c"))
    assert story.run.rollback is None
    assert story.run.uncompensated == []
    assert story.run.nodes["c"].attempt == 2


def test_a_paused_run_is_rolled_back_and_stays_paused() -> None:
    story = Story(graph(undoable("a"), undoable("b", needs=(0,)), task("e"), task("f", needs=(2,))))
    story.complete("a").complete("b").give(ask("pause")).complete("e").give(back("a"))
    assert story.run.todo
    assert not is_stalled(story.run, story.now_us + 60_000_000)
    story.complete("b~compensate")
    assert story.run.paused
    assert sorted(story.run.todo) == ["b", "f"]
    story.give(ask("resume"))
    assert {"b", "f"} <= set(story.out())


def test_a_failed_run_that_was_not_undone_is_open_again_at_a_step() -> None:
    story = at_d().fail("d")
    assert story.run.phase.word == "failed"
    story.give(back("b")).complete("c~compensate")
    assert story.run.phase.word == "running"
    assert story.run.nodes["e"].status is not NodeStatus.CANCELLED
    story.complete("c").complete("d").complete("e")
    assert story.run.phase.word == "completed"
    assert facts(story.replayed()) == facts(story.run)


def test_a_run_that_was_undone_cannot_be_rolled_back() -> None:
    story = Story(chain(on_failure="compensate")).complete("a").complete("b").fail("c")
    story.complete("b~compensate").complete("a~compensate").give(back("a"))
    assert story.rejections[-1].code == "run_compensated"


def test_a_run_whose_output_is_worked_out_goes_back_too() -> None:
    story = Story(graph(undoable("a"), undoable("b", needs=(0,)), output=ASK))
    story.complete("a").complete("b")
    assert story.run.phase.word == "finishing"
    story.give(back("a")).complete("b~compensate").complete("b").decided("", output=b"1")
    assert story.run.phase.word == "completed"


def test_what_cannot_be_gone_back_to_is_refused_with_the_reason() -> None:
    story = at_d()
    for to, code in ((None, "step_unknown"), ("x", "step_unknown"), ("d", "step_not_completed")):
        story.give(back(to))
        assert story.rejections[-1].code == code
    story.complete("d").complete("e").give(back("a"))
    assert story.rejections[-1].code == "run_not_resumable"


def test_a_run_that_is_cancelled_on_its_way_ends_when_it_is_there() -> None:
    plan = chain(on_failure="compensate")
    story = Story(plan).complete("a").complete("b").complete("c").give(back("a", pause=True))
    story.give(ask("cancel", by="bob")).give(ask("cancel"))
    assert story.rejections[-1].code == "already_failing"
    assert not story.run.failing
    story.complete("c~compensate").complete("b~compensate")
    assert story.run.phase.word == "compensating"
    assert story.out()[-1] == "a~compensate"
    story.complete("a~compensate")
    assert story.run.phase.word == "cancelled"
    assert facts(story.replayed()) == facts(story.run)


def test_a_run_that_runs_out_of_time_on_its_way_fails_when_it_is_there() -> None:
    story = Story(chain(timeout_s=60.0))
    timer = story.last(Timer)
    assert isinstance(timer, Timer)
    story.complete("a").complete("b").complete("c").give(back("b"))
    story.fire(timer).fire(timer)
    assert story.rejections[-1].code == "timer_stale"
    story.complete("c~compensate")
    assert story.run.phase.word == "failed"
    assert story.run.failure is not None and story.run.failure.type == "WorkflowTimeout"


def test_a_last_step_has_nothing_after_it() -> None:
    story = Story(graph(task("a"), task("e"))).complete("a").give(back("a"))
    assert story.run.rollback is None
    assert story.complete("e").run.phase.word == "completed"


def test_steps_that_ask_to_run_always_do_not_run_on_the_way_back() -> None:
    clean = task("clean", needs=(1,), runs_on="always")
    story = Story(graph(undoable("a"), undoable("b", needs=(0,)), clean)).complete("a")
    story.give(back("a")).complete("b").complete("b~compensate").complete("b")
    assert [p for p in story.out() if p == "clean"] == ["clean"]
