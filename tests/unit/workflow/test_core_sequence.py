"""The core: sequences, joins, conditions, switches, output."""

from services.workflow.core.effects import Ask, Dispatch
from services.workflow.core.statuses import NodeStatus, RunPhase
from stretto.contracts.failures import Failure
from tests.unit.workflow.builders import ASK, Case, StepPlan, Story, facts, graph, task


def test_steps_in_a_row_run_one_after_the_other_and_complete_the_run() -> None:
    story = Story(graph(task("a"), task("b", needs=(0,)), task("c", needs=(1,))))
    assert story.out() == ["a"]
    story.complete("a")
    assert story.out() == ["b"]
    story.complete("b").complete("c")
    assert story.run.phase is RunPhase.COMPLETED
    assert story.types() == [
        "run.started",
        "step.scheduled a",
        "step.completed a",
        "step.scheduled b",
        "step.completed b",
        "step.scheduled c",
        "step.completed c",
        "run.completed",
    ]


def test_a_join_waits_for_all_of_its_needs() -> None:
    story = Story(graph(task("a"), task("b"), task("c", needs=(0, 1))))
    assert story.out() == ["a", "b"]
    story.complete("b")
    assert story.out() == ["a"]
    story.complete("a")
    assert story.out() == ["c"]


def test_a_step_with_an_expression_is_decided_before_it_is_scheduled() -> None:
    story = Story(graph(task("a", ask=ASK)))
    assert story.effects == [Ask("a", story.run.nodes["a"].turn, ASK)]
    story.decided("a", output=b'{"x":1}')
    dispatch = story.last(Dispatch)
    assert isinstance(dispatch, Dispatch)
    assert (dispatch.input, dispatch.attempt) == (b'{"x":1}', 1)


def test_a_false_condition_skips_the_step_and_those_that_need_it() -> None:
    story = Story(graph(task("a", ask=ASK), task("b", needs=(0,)), task("c")))
    story.decided("a", skip=True).complete("c")
    assert "step.skipped a" in story.types()
    assert "step.skipped b" in story.types()
    assert story.run.phase is RunPhase.COMPLETED


def test_an_answer_of_an_earlier_turn_is_rejected() -> None:
    story = Story(graph(task("a", ask=ASK)))
    story.decided("a", output=b"{}").decided("a", output=b"{}")
    assert [r.code for r in story.rejections] == ["decision_not_open"]


def test_a_repeated_result_is_rejected_and_changes_nothing() -> None:
    story = Story(graph(task("a"), task("b", needs=(0,))))
    story.complete("a", b"1")
    before = facts(story.run)
    story.complete("a", b"2", attempt=1)
    assert facts(story.run) == before
    assert [r.code for r in story.rejections] == ["attempt_not_open"]


def test_a_switch_runs_the_chosen_step_and_skips_the_others() -> None:
    cases = (Case(then=(1,)), Case(then=(2,)))
    choice = StepPlan(name="pick", kind="switch", ask=ASK, cases=cases)
    story = Story(graph(choice, task("a", needs=(0,)), task("b", needs=(0,))))
    story.decided("pick", branch=1)
    assert story.out() == ["b"]
    assert story.run.nodes["a"].status is NodeStatus.SKIPPED
    story.complete("b")
    assert story.run.phase is RunPhase.COMPLETED


def test_the_output_of_the_run_is_asked_for_when_every_step_has_ended() -> None:
    story = Story(graph(task("a"), output=ASK))
    story.complete("a")
    assert story.last(Ask) == Ask("", story.run.turn, ASK)
    story.decided("", output=b'{"done":true}')
    assert story.run.phase is RunPhase.COMPLETED
    assert story.run.output == b'{"done":true}'


def test_an_output_that_cannot_be_worked_out_fails_the_run() -> None:
    story = Story(graph(task("a"), output=ASK))
    story.complete("a").decided("", error=Failure(type="ExpressionError", message="no"))
    assert story.run.phase is RunPhase.FAILED


def test_replay_gives_the_same_run() -> None:
    story = Story(graph(task("a", ask=ASK), task("b", needs=(0,))))
    story.decided("a", output=b"{}").complete("a", b"7")
    assert facts(story.replayed()) == facts(story.run)
