"""Migrations and ways back that leave parts of a run as they were: what is kept, dropped, told."""

import pytest

from services.workflow.core import commands as cm
from services.workflow.core.migrating import changes
from services.workflow.core.statuses import NodeStatus
from stretto.contracts.graph import Case, SomeOf
from stretto.contracts.public import ControlRequest

from .builders import ASK, Retry, StepPlan, Story, facts, graph, task, undoable
from .test_core_migrating import group, move, refusals, version


def asked(command: str, **fields: object) -> cm.Control:
    return cm.Control(request=ControlRequest(command=command, **fields))  # type: ignore[arg-type]


def told(story: Story, *steps: StepPlan) -> list[str]:
    return [found.message for found in changes(story.run, version(2, *steps))]


# --- to another version


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"version": 7}, "expected version 7 of 'wf' to be registered, but it is not"),
        ({"version_label": "stable"}, "expected version stable of 'wf' to be registered"),
        ({}, "expected version latest of 'wf' to be registered"),
    ],
)
def test_a_version_that_there_is_not_is_named_in_the_refusal(
    fields: dict[str, object], wanted: str
) -> None:
    story = Story(version(1, task("a")))
    request = ControlRequest(command="migrate", **fields)  # type: ignore[arg-type]

    story.give(cm.Migrate(request=request, graph=None))

    [refused] = story.rejections
    assert refused.code == "version_unknown"
    assert wanted in refused.message


def test_a_group_that_vanishes_while_it_is_open_is_told_with_nothing_of_its_inside() -> None:
    story = Story(version(1, group("g", task("x"), task("y", needs=(0,))), task("b")))

    assert set(refusals(story, version(2, task("b")))) == {"step_vanished"}
    assert told(story, task("b")) == ["step 'g' vanishes"]


def test_groups_inside_a_group_that_vanishes_are_gone_with_it() -> None:
    story = Story(version(1, group("g", group("h", task("x")))))

    assert told(story, task("b")) == ["step 'b' comes and will run", "step 'g' vanishes"]


def test_the_inside_of_a_group_that_has_ended_is_not_compared() -> None:
    story = Story(version(1, group("g", task("x")), task("b"))).complete("g.x")

    assert told(story, group("g", task("other")), task("b")) == []


def test_a_step_of_another_kind_or_with_other_retries_is_told() -> None:
    story = Story(version(1, task("a"), task("b", needs=(0,)), task("c", needs=(0,))))

    found = told(
        story,
        task("a"),
        group("b", task("x"), needs=(0,)),
        task("c", needs=(0,), retry=Retry(max_attempts=9)),
    )

    assert len(found) == 2
    assert found[0].startswith("step 'b' is ")
    assert found[1] == "step 'c' has other retries or timeouts"


def test_what_is_still_undone_is_not_told() -> None:
    story = Story(version(1, undoable("a"), task("b"))).complete("a")

    assert told(story, undoable("a"), task("b")) == []
    assert told(story, task("a"), task("b")) == ["step 'a' would not be undone any more"]


def test_a_step_that_was_only_asked_about_may_vanish() -> None:
    story = Story(version(1, task("a"), task("b", ask=ASK))).give(asked("pause"))
    move(story, version(2, task("a"), task("b", ask=ASK)))
    assert "b" not in story.run.open

    move(story, version(3, task("a")))

    assert "b" not in story.run.nodes
    story.give(asked("resume")).complete("a")
    assert story.run.phase.word == "completed"


def test_that_a_need_was_skipped_is_still_so_in_the_other_version() -> None:
    steps = (task("a", ask=ASK), task("b"), task("c", needs=(0, 1)))
    story = Story(version(1, *steps)).decided("a", skip=True)

    move(story, version(2, *steps))
    story.complete("b")

    assert story.run.nodes["c"].status is NodeStatus.SKIPPED
    assert story.run.phase.word == "completed"


# --- back


def test_going_back_to_a_choice_forgets_what_it_did_not_choose() -> None:
    choice = StepPlan(
        name="s", kind="switch", ask=ASK, cases=(Case(then=(1,)), Case(then=(2,)))
    )  # fmt: skip
    story = Story(graph(choice, task("a", needs=(0,)), task("b", needs=(0,)), task("z")))
    story.decided("s", branch=0)
    assert story.out() == ["z", "a"]

    story.give(asked("rewind", step="s"))
    story.decided("s", branch=1)

    assert story.out()[-1] == "b"
    assert story.run.nodes["a"].status is NodeStatus.SKIPPED
    assert facts(story.replayed()) == facts(story.run)


def test_going_back_to_a_join_that_cannot_be_met_skips_it_again() -> None:
    join = task("d", some=SomeOf(of=(0, 1), count=1), needs=(0, 1))
    story = Story(graph(task("a", ask=ASK), task("b", ask=ASK), join, task("z")))
    story.decided("a", skip=True).decided("b", skip=True)
    assert story.run.nodes["d"].status is NodeStatus.SKIPPED

    story.give(asked("rewind", step="d"))

    assert story.types().count("step.skipped d") == 2
    story.complete("z")
    assert story.run.phase.word == "completed"
    assert facts(story.replayed()) == facts(story.run)
