"""What people are offered: only what would be carried out."""

from services.workflow.core import commands as cm
from services.workflow.core.offering import offered
from stretto.contracts.graph import ApprovalPlan
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import START_US, Graph, Story, graph, task, undoable


def asked(command: str, **fields: str) -> cm.Control:
    return cm.Control(request=ControlRequest(command=command, **fields))  # type: ignore[arg-type]


def offers(story: Story, step: str | None = None) -> list[str]:
    return offered(story.run, START_US, step)


def chain(**fields: object) -> Graph:
    return graph(undoable("a"), task("b", needs=(0,)), task("c", needs=(1,)), **fields)


def test_a_failed_run_may_be_retried_unless_something_was_undone() -> None:
    failed = Story(chain()).complete("a").fail("b")
    undone = Story(chain(on_failure="compensate")).complete("a").fail("b")
    undone.complete("a~compensate")

    assert (failed.run.phase.word, undone.run.phase.word) == ("failed", "failed")
    assert offers(failed) == ["retry"]
    assert offers(failed, "b") == ["retry", "rewind"]
    assert offers(failed, "a") == ["rewind", "rollback"]
    assert [offers(undone, step) for step in (None, "a", "b")] == [[], [], []]


def test_a_running_run_may_be_paused_and_a_paused_one_resumed() -> None:
    story = Story(chain())

    assert offers(story) == ["signal", "pause", "cancel", "terminate"]
    assert offers(story, "a") == ["skip", "rewind"]
    story.give(asked("pause"))
    assert offers(story) == ["resume", "signal", "cancel", "terminate"]


def test_a_completed_run_takes_nothing_and_neither_does_a_step_that_is_none() -> None:
    story = Story(chain()).complete("a").complete("b").complete("c")

    assert (offers(story), offers(story, "a"), offers(story, "nobody")) == ([], [], [])


def test_a_run_that_is_being_undone_may_only_be_terminated() -> None:
    story = Story(chain(on_failure="compensate")).complete("a").fail("b")

    assert offers(story) == ["terminate"]


def test_an_approval_is_offered_also_to_those_who_may_not_give_it() -> None:
    plan = task("ask", kind="approval", task=None, approval=ApprovalPlan(by=("ann",)))

    story = Story(graph(plan))

    assert offers(story, "ask") == ["approve", "reject", "skip", "rewind"]
    assert offers(story)[:2] == ["approve", "reject"]
