"""The core: a run follows another version of its workflow."""

from collections.abc import Callable

import msgspec
import pytest

from services.workflow.core import Run, apply
from services.workflow.core import commands as cm
from services.workflow.core.effects import Ask, Timer, is_asked
from services.workflow.core.migrating import changes, problems
from stretto.contracts import events as ev
from stretto.contracts.graph import (
    ApprovalPlan,
    Catch,
    ChildPlan,
    Repeat,
    ScopePlan,
    SignalPlan,
    SomeOf,
)
from stretto.contracts.public import ControlRequest
from tests.unit.workflow.builders import (
    ASK,
    START_US,
    Case,
    ForEach,
    Graph,
    StepPlan,
    Story,
    facts,
    graph,
    task,
    undoable,
)  # fmt: skip


def version(number: int, *steps: StepPlan, **fields: object) -> Graph:
    return msgspec.structs.replace(graph(*steps, **fields), version=number)


def group(name: str, *steps: StepPlan, **fields: object) -> StepPlan:
    made = StepPlan(name=name, kind="steps", body=graph(*steps).root)
    return msgspec.structs.replace(made, **fields)


def move(story: Story, to: Graph, *input_problems: str) -> Story:
    """Migrate, and see that the log folds to the same run."""
    known = story.run.graphs or {}
    story.run.graphs = known | {to.version: to}
    request = ControlRequest(command="migrate", by="ann", reason="newer")
    story.give(cm.Migrate(request=request, graph=to, input_problems=input_problems))
    assert facts(folded(story)) == facts(story.run)
    return story


def folded(story: Story) -> Run:
    run = Run(story.run.id, story.graph)
    run.graphs = dict(story.run.graphs or {})
    for seq, at_us, event in story.log:
        apply(run, event, seq, at_us)
    return run


def refusals(story: Story, to: Graph) -> list[str]:
    return [found.code for found in problems(story.run, to)]


def test_a_run_goes_on_by_the_steps_of_the_new_version() -> None:
    story = Story(version(1, task("a"), task("b", needs=(0,)), task("c", needs=(1,)))).complete("a")
    new = version(2, task("a"), task("x"), task("b", needs=(0,)), task("y", needs=(1, 2)))
    move(story, new)
    assert story.run.version == 2
    assert story.out() == ["b", "x"]
    story.complete("b")
    assert "y" not in story.out()
    story.complete("x").complete("y")
    assert story.run.phase.word == "completed"
    assert "step.scheduled c" not in story.types()
    event = next(e for _, _, e in story.log if isinstance(e, ev.RunMigrated))
    assert (event.from_version, event.to_version, event.by, event.reason) == (1, 2, "ann", "newer")
    assert facts(folded(story)) == facts(story.run)


def test_it_can_be_taken_back_while_the_same_holds() -> None:
    old = version(1, task("a"), task("b", needs=(0,)), task("c", needs=(1,)))
    new = version(2, task("a"), task("b", needs=(0,)), task("d", needs=(1,)))
    story = move(Story(old).complete("a"), new)
    move(story, old)
    assert story.run.version == 1
    story.complete("b").complete("c")
    assert story.run.phase.word == "completed"


def test_it_cannot_be_taken_back_when_a_new_step_has_begun() -> None:
    old = version(1, task("a"), task("b", needs=(0,)))
    new = version(2, task("a"), task("c", needs=(0,)), task("b", needs=(1,)))
    story = move(Story(old), new).complete("a")
    assert refusals(story, old) == ["step_vanished"]
    move(story, old)
    assert story.rejections[-1].code == "migration_refused"
    assert "step 'c' has begun and would vanish" in story.rejections[-1].message


def a_begun(**fields: object) -> Story:
    return Story(version(1, task("a", **fields), task("b", needs=(0,))))


def each(name: str, **fields: object) -> StepPlan:
    return task(name, for_each=ForEach(ask=ASK), **fields)


REFUSED: list[tuple[str, Callable[[], Story], Graph]] = [
    ("same_version", a_begun, version(1, task("a"))),
    ("step_vanished", a_begun, version(2, task("b"))),
    ("kind_changed", lambda: a_begun().complete("a"), version(2, each("a"), task("b", needs=(0,)))),
    (
        "kind_changed",
        lambda: a_begun().complete("a"),
        version(2, StepPlan(name="a", kind="set", value=b"1"), task("b", needs=(0,))),
    ),
    (
        "need_added",
        lambda: a_begun().complete("a"),
        version(2, task("a"), task("x"), task("b", needs=(0, 1))),
    ),
    (
        "task_changed",
        a_begun,
        version(2, msgspec.structs.replace(task("z"), name="a"), task("b", needs=(0,))),
    ),
    ("run_not_running", lambda: a_begun().fail("a"), version(2, task("a"))),
]  # fmt: skip


@pytest.mark.parametrize(("code", "story", "to"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_run_that_cannot_follow_a_version_says_why(
    code: str, story: Callable[[], Story], to: Graph
) -> None:
    assert code in refusals(story(), to)


def test_an_input_that_does_not_fit_is_a_reason() -> None:
    story = move(a_begun(), version(2, task("a"), task("b", needs=(0,))), "$.x: expected a number")
    assert "its input does not fit: $.x: expected a number" in story.rejections[-1].message
    assert story.run.version == 1


def test_a_run_that_is_on_its_way_back_stays() -> None:
    story = Story(version(1, undoable("a"), undoable("b", needs=(0,)))).complete("a")
    story.give(cm.Control(request=ControlRequest(command="rollback", to="a")))
    assert "rolling_back" in refusals(story, version(2, undoable("a")))


def test_many_reasons_are_counted() -> None:
    story = Story(version(1, *(task(f"s{i}") for i in range(8))))
    move(story, version(2, task("z")))
    assert story.rejections[-1].message.endswith("(and 3 more)")


def test_a_child_of_another_workflow_is_a_reason() -> None:
    here = StepPlan(name="k", kind="workflow", child=ChildPlan(workflow="one"))
    there = msgspec.structs.replace(here, child=ChildPlan(workflow="two"))
    assert refusals(Story(version(1, here)), version(2, there)) == ["task_changed"]


def test_what_is_being_decided_is_decided_again() -> None:
    story = Story(version(1, task("a", ask=ASK), each("f"), task("b", needs=(0,))))
    old = [e for e in story.effects if isinstance(e, Ask)]
    move(story, version(2, task("a", ask=ASK), each("f"), task("b", needs=(0,))))
    assert not any(is_asked(story.run, ask) for ask in old)
    again = [e for e in story.effects if isinstance(e, Ask) and is_asked(story.run, e)]
    assert sorted(e.path for e in again) == ["a", "f"]
    story.decided("a", output=b"1").decided("f", items=[]).complete("a").complete("b")
    assert story.run.phase.word == "completed"


def test_what_need_not_be_decided_any_more_begins() -> None:
    story = move(Story(version(1, task("a", ask=ASK))), version(2, task("a")))
    assert story.out() == ["a"]


def test_an_undecided_step_may_need_something_new_first_or_be_another_kind() -> None:
    story = Story(version(1, task("a", ask=ASK), task("b")))
    move(story, version(2, each("a", needs=(1,)), task("b")))
    assert "a" not in story.run.open
    story.complete("b").decided("a", items=[b"1"]).complete("a[0]")
    assert story.run.phase.word == "completed"


def test_items_that_are_being_decided_are_asked_again() -> None:
    fan = each("f", ask=ASK)
    story = Story(version(1, fan)).decided("f", items=[b"1", b"2"]).decided("f[0]", output=b"1")
    before = story.run.nodes["f[1]"].turn
    assert refusals(story, version(2, each("f"))) == ["item_undecided"]
    story.now_us += 1
    move(story, version(2, fan))
    assert story.run.nodes["f[1]"].turn != before
    story.decided("f[1]", output=b"2").complete("f[0]").complete("f[1]")
    assert story.run.phase.word == "completed"


def test_more_items_may_run_at_once() -> None:
    def fan(limit: int) -> StepPlan:
        return task("f", for_each=ForEach(ask=ASK, max_parallel=limit))

    story = Story(version(1, fan(1))).decided("f", items=[b"1", b"2", b"3"])
    move(story, version(2, fan(2)))
    assert story.out() == ["f[0]", "f[1]"]


def test_groups_move_inside() -> None:
    story = Story(version(1, group("g", task("x"), task("y", needs=(0,))))).complete("g.x")
    new = version(2, group("g", task("x"), task("y", needs=(0,)), task("z", needs=(1,))))
    move(story, new).complete("g.y").complete("g.z")
    assert story.run.phase.word == "completed"
    assert refusals(Story(version(1, group("g", task("x")))), version(2, group("g"))) == [
        "step_vanished"
    ]


def test_what_a_group_or_the_run_gives_is_asked_again() -> None:
    old = version(1, group("g", task("x"), output=ASK))
    story = move(Story(old).complete("g.x"), version(2, group("g", task("x"), output=ASK)))
    story.decided("g", output=b"7")
    assert story.run.nodes["g"].output == b"7"
    last = Story(version(1, task("a"), output=ASK)).complete("a")
    move(last, version(2, task("a"), task("b"), output=ASK))
    assert last.out() == ["b"]
    last.complete("b").decided("", output=b"1")
    assert last.run.phase.word == "completed"
    done = move(Story(version(1, task("a"), output=ASK)).complete("a"), version(2, task("a")))
    assert done.run.phase.word == "completed"


def test_loops_and_their_rounds_move() -> None:
    def loop(*more: StepPlan) -> StepPlan:
        body = graph(task("x"), *more).root
        return StepPlan(name="l", kind="repeat", body=body, repeat=Repeat(until=ASK))

    story = Story(version(1, loop())).complete("l[0].x")
    move(story, version(2, loop(task("y"))))
    story.complete("l[0].y") if "l[0].y" in story.run.open else None
    story.decided("l", skip=True)
    assert {"l[1].x", "l[1].y"} <= set(story.run.open)
    story.complete("l[1].x").complete("l[1].y").decided("l", skip=False)
    assert story.run.phase.word == "completed"


def test_a_handler_moves_or_is_a_reason() -> None:
    def caught(*steps: StepPlan, on: tuple[str, ...] = ()) -> StepPlan:
        return task("a", catch=(Catch(on=on, body=ScopePlan(steps=steps)),))

    story = Story(version(1, caught(task("fix")))).fail("a")
    assert refusals(story, version(2, caught(task("fix"), on=("X",)))) == ["handler_changed"]
    assert "handler_changed" in refusals(story, version(2, task("a")))
    move(story, version(2, caught(task("fix"), task("more"))))
    story.complete("a~catch.fix").complete("a~catch.more")
    assert story.run.phase.word == "completed"


def test_a_group_that_is_failing_stays_until_it_has_ended() -> None:
    def inner(**fields: object) -> StepPlan:
        return group("g", undoable("x"), task("y"), **fields)

    story = Story(version(1, inner(), on_failure="compensate")).fail("g.y")
    assert "group_failing" in refusals(story, version(2, inner(), on_failure="compensate"))


def test_a_switch_that_has_chosen_keeps_its_choice() -> None:
    def choose(*then: tuple[int, ...]) -> StepPlan:
        return StepPlan(name="s", kind="switch", ask=ASK, cases=tuple(Case(then=t) for t in then))

    old = version(1, choose((1,), (2,)), task("a", needs=(0,)), task("b", needs=(0,)))
    new = version(2, choose((1,), (2,), (3,)), task("b", needs=(0,)), task("a", needs=(0,)),
                  task("c", needs=(0,)))  # fmt: skip
    story = move(Story(old).decided("s", branch=0), new)
    assert story.out() == ["a"]
    story.complete("a")
    assert story.run.phase.word == "completed"
    assert story.run.nodes["c"].status.word == "skipped"


def test_partial_needs_and_skipped_ones_are_counted_as_before() -> None:
    def some(count: int) -> StepPlan:
        return task("j", needs=(0, 1, 2), some=SomeOf(of=(0, 1, 2), count=count))

    three = [task("a"), task("b"), task("c")]
    same = move(Story(version(1, *three, some(2))).complete("a"), version(2, *three, some(2)))
    assert "j" not in same.run.open
    assert "j" in same.complete("b").run.open
    fewer = move(Story(version(1, *three, some(2))).complete("a"), version(2, *three, some(1)))
    assert "j" in fewer.run.open


def test_waits_for_signals_go_on_by_the_new_name() -> None:
    def listen(name: str) -> StepPlan:
        return StepPlan(name="w", kind="signal", signal=SignalPlan(name=name))

    story = move(Story(version(1, listen("go"))), version(2, listen("start")))
    story.give(cm.Control(request=ControlRequest(command="signal", name="go")))
    assert story.run.phase.word == "running"
    story.give(cm.Control(request=ControlRequest(command="signal", name="start")))
    assert story.run.phase.word == "completed"


def test_a_signal_that_is_being_looked_at_is_looked_at_again() -> None:
    step = StepPlan(name="w", kind="signal", signal=SignalPlan(name="go", where=ASK))
    story = Story(version(1, step))
    story.give(cm.Control(request=ControlRequest(command="signal", name="go")))
    turn = story.run.nodes["w"].turn
    story.now_us += 1
    move(story, version(2, step))
    assert story.run.nodes["w"].turn != turn
    story.decided("w", output=b"1")
    assert story.run.phase.word == "completed"


def test_deadlines_and_waits_are_those_of_the_new_version() -> None:
    story = Story(version(1, task("a"), timeout_s=60.0))
    move(story, version(2, task("a"), timeout_s=600.0))
    timer = story.last(Timer)
    assert isinstance(timer, Timer) and timer.due_us == START_US + 600_000_000
    move(story, version(3, task("a")))
    assert story.run.deadline_us == 0
    asked = StepPlan(name="p", kind="approval", approval=ApprovalPlan())
    later = move(Story(version(1, asked)), version(2, asked))
    assert later.run.deadline_us == 0


def test_a_paused_run_moves_and_goes_on_when_resumed() -> None:
    story = Story(version(1, task("a"), task("b", needs=(0,))))
    story.give(cm.Control(request=ControlRequest(command="pause"))).complete("a")
    move(story, version(2, task("a"), task("x", needs=(0,)), task("b", needs=(1,))))
    assert list(story.run.todo) == ["x"]
    story.give(cm.Control(request=ControlRequest(command="resume")))
    assert story.out() == ["x"]


def test_the_dry_run_tells_what_would_change() -> None:
    story = Story(version(1, undoable("a"), task("b", needs=(0,)), task("c"))).complete("a")
    other = msgspec.structs.replace(task("z"), name="c", needs=(0,))
    new = version(2, task("a"), task("d", needs=(0,)), other)
    told = {(found.code, found.step) for found in changes(story.run, new)}
    assert told == {
        ("step_added", "d"), ("step_removed", "b"), ("step_changed", "c"), ("not_undone", "a"),
    }  # fmt: skip
    text = next(found.message for found in changes(story.run, new) if found.step == "c")
    assert text == "step 'c' runs 'do.z', needs a"


def test_what_has_completed_is_undone_by_the_new_version() -> None:
    old = version(1, undoable("a"), undoable("k"), task("b", needs=(0, 1)), on_failure="compensate")
    new = version(2, undoable("a"), task("k"), task("b", needs=(0, 1)), on_failure="compensate")
    story = move(Story(old).complete("a").complete("k"), new).fail("b")
    assert [p for p in story.out() if p.endswith("~compensate")] == ["a~compensate"]
