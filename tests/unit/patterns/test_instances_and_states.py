"""Patterns of structure, instances, states, cancellation and triggers."""

import math

import pytest

from services.testing import Attempt, Takes, TestedRun, World
from tests.unit.patterns import test_branching
from tests.unit.patterns.patterns import SECTIONS, TEXT, definitions
from tests.unit.patterns.test_branching import held, out

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("enter", "ways", "path"),
    [
        ("draft", {"draft": ["check", "check"], "check": ["draft", "print"], "print": ["end"]},
         ["draft", "check", "draft", "check", "print"]),
        ("check", {"check": ["draft"], "draft": ["end"]}, ["check", "draft"]),
        ("print", {"print": ["check", "end"], "check": ["print"]}, ["print", "check", "print"]),
    ],
)  # fmt: skip
def test_10_it_is_entered_left_and_gone_back_to_anywhere(
    enter: str, ways: dict[str, list[str]], path: list[str]
) -> None:
    left = {name: list(following) for name, following in ways.items()}

    def go(attempt: Attempt) -> dict[str, str]:
        following = left[attempt.task]
        return {"next": following.pop(0)}

    world = World(*definitions(10), tasks=dict.fromkeys(("draft", "check", "print"), go))

    run = world.start(value={"enter": enter})

    assert run.status == "completed", run.failure
    assert [a.task for a in world.attempts if a.task != "std.echo"] == path


def test_21_it_goes_round_until_the_data_says_so() -> None:
    def read(attempt: Attempt) -> dict[str, bool]:
        return {"done": attempt.input["round"] == 3}

    world = World(*definitions(21), tasks={"read": read})
    run = world.start()

    world.finish()

    assert [a.input["round"] for a in world.attempts] == [0, 1, 2, 3]
    assert run.at("completed poll") == 90.0


def test_21_it_has_a_limit() -> None:
    world = World(*definitions(21), tasks={"read": {"done": False}})

    run = world.start()
    world.finish()

    assert run.failure is not None and run.failure.type == "LimitReached"
    assert len(world.attempts) == 10


def test_22_a_workflow_starts_itself() -> None:
    world = World(*definitions(22))

    run = world.start(value={"n": 6})

    assert run.output == math.factorial(6)
    assert len(world.runs) == 6


def test_22_its_depth_is_bounded() -> None:
    run = World(*definitions(22)).start(value={"n": 100})

    assert run.failure is not None and run.failure.type == "ChildRefused"


def test_11_the_run_ends_when_nothing_is_left() -> None:
    world = held(11, "a")
    run = world.start()

    world.advance(3_600)
    assert (run.step("b"), run.status) == ("completed", "running")
    world.complete(run, "a")

    assert run.status == "completed"


def test_43_reaching_a_step_ends_the_run_at_once() -> None:
    world = held(43, "a", "b")
    run = world.start()

    world.complete(run, "a")

    assert run.status == "completed"
    assert (run.step("b"), run.step("c")) == ("cancelled", "cancelled")


def test_12_children_are_started_and_not_waited_for() -> None:
    world = held(12, "work")

    run = world.start(value={"orders": [1, 2, 3]})

    assert run.status == "completed"
    assert [child.status for child in world.children(run)] == ["running"] * 3
    assert len({each["run_id"] for each in run.output_of("start")}) == 3


def test_13_three_instances_are_joined() -> None:
    world = held(13, "work")
    run = world.start()
    assert out(run) == ["work[0]", "work[1]", "work[2]"]

    for index in range(3):
        assert run.step("after") == "pending"
        world.complete(run, f"work[{index}]")

    assert run.status == "completed"


@pytest.mark.parametrize("count", [0, 1, 7])
def test_14_as_many_instances_as_were_found(count: int) -> None:
    run = World(*definitions(14), tasks={"find": {"found": list(range(count))}}).start()

    assert run.status == "completed"
    assert len([path for path in run.steps if path.startswith("work[")]) == count
    assert run.step("after") == "completed"


def test_15_instances_are_added_while_others_run_and_then_joined() -> None:
    world = held(15, "work")
    run = world.start()

    def instance_ends(index: int) -> None:
        told = len([a for a in world.attempts if a.task == "control.signal"])
        world.complete(world.children(run)[index], "work")
        tell = [a for a in world.attempts if a.task == "control.signal"][told]
        assert tell.input["name"] == "done"
        world.signal(run, tell.input["name"])

    world.signal(run, "next", {"last": False})
    world.signal(run, "next", {"last": False})
    assert [child.status for child in world.children(run)] == ["running", "running"]
    instance_ends(0)
    world.signal(run, "next", {"last": False})
    world.signal(run, "next", {"last": True})
    assert len(world.children(run)) == 3
    assert run.step("after") == "pending"
    instance_ends(2)
    assert run.step("after") == "pending"
    instance_ends(1)

    assert run.step("after") == "completed"
    assert run.status == "completed"


def test_34_it_goes_on_with_two_and_the_rest_runs_on() -> None:
    world = held(34, "work")
    run = world.start(value={"items": [1, 2, 3]})

    world.complete(run, "work[2]", 3)
    world.complete(run, "work[0]", 1)
    assert run.step("after") == "completed"
    assert run.output_of("work") == [1, None, 3]
    assert (run.step("work[1]"), run.status) == ("scheduled", "running")
    world.complete(run, "work[1]")

    assert run.step("work[1]") == "completed"
    assert run.status == "completed"


def test_35_it_goes_on_with_two_and_the_rest_is_cancelled() -> None:
    world = held(35, "work")
    run = world.start(value={"items": [1, 2, 3]})

    world.complete(run, "work[2]")
    world.complete(run, "work[1]")

    assert run.step("work[0]") == "cancelled"
    assert run.step("after") == "completed"
    assert run.status == "completed"


@pytest.mark.parametrize(
    ("event", "ran"), [("paid", "ship"), ("called", "talk"), ("late", "remind")]
)
def test_16_the_first_event_picks_the_branch(event: str, ran: str) -> None:
    world = World(*definitions(16))
    run = world.start()
    assert run.step("first") == "pending"

    if event == "late":
        world.advance(3 * DAY_S)
    else:
        world.signal(run, event)

    assert run.status == "completed"
    assert {s for s in ("ship", "talk", "remind") if run.step(s) == "completed"} == {ran}
    assert {s for s in ("paid", "called", "late") if run.step(s) == "cancelled"} == {
        "paid", "called", "late",
    } - {event}  # fmt: skip


def test_18_it_may_be_asked_for_while_the_state_lasts() -> None:
    world = held(18, "x", "y")
    run = world.start()
    world.complete(run, "x")

    world.signal(run, "b")

    assert run.step("b") == "completed"
    world.complete(run, "y")
    assert run.status == "completed"


def test_18_afterwards_it_may_not() -> None:
    world = held(18, "x", "y")
    run = world.start()
    assert run.step("ask") == "pending"

    world.complete(run, "x")
    world.complete(run, "y")

    assert (run.step("ask"), run.step("b")) == ("cancelled", "skipped")
    assert run.status == "completed"


def test_17_two_threads_interleave_and_never_two_steps_run_at_once() -> None:
    world = World(*definitions(17), tasks={"work": Takes(10, {})})

    run = world.finish(world.start())

    assert run.status == "completed"
    order = [a.input["do"] for a in world.attempts]
    assert sorted(order) == list("abcd")
    assert order.index("a") < order.index("b")
    assert order.index("c") < order.index("d")
    begun = sorted(child.at("scheduled do") + child_began(run, child) for child in sections(world))
    assert begun == [0, 10, 20, 30]


def sections(world: World) -> list[TestedRun]:
    """The runs that are steps of others."""
    return [run for run in world.runs.values() if run.run.parent is not None]


def child_began(run: TestedRun, child: TestedRun) -> float:
    """Seconds from the start of a run to that of another."""
    return (child.log[0][0] - run.log[0][0]) / 1e6


def test_39_sections_of_two_runs_never_run_at_once() -> None:
    tasks = {"printer.load": Takes(1, {}), "printer.run": Takes(5, {}), "prepare": {}}
    world = World(*definitions(39), tasks=tasks)
    first, second = world.start("critical-section"), world.start("critical-section")

    world.finish(first)
    world.finish(second)

    assert (first.status, second.status) == ("completed", "completed")
    spans = sorted(
        (
            child_began(first, c) + c.at("scheduled load"),
            child_began(first, c) + c.at("completed run"),
        )
        for c in sections(world)
    )
    assert spans == [(0, 6), (6, 12), (12, 18), (18, 24)]


def test_40_one_at_a_time_in_the_order_given() -> None:
    world = World(*definitions(40), tasks=dict.fromkeys("abc", Takes(10, {})))
    run = world.start(value={"order": ["c", "a", "b"]})

    world.finish()

    assert [a.task for a in world.attempts] == ["c", "a", "b"]
    assert [run.at(f"scheduled each[{i}].{task}") for i, task in enumerate("cab")] == [0, 10, 20]


def test_19_one_step_is_cancelled_and_the_rest_goes_on() -> None:
    world = held(19, "a", "b", "c")
    run = world.start()

    world.complete(run, "a")
    assert (run.step("b"), run.step("c"), run.status) == ("cancelled", "scheduled", "running")
    world.complete(run, "c")

    assert run.status == "completed"


def test_20_a_run_is_cancelled_with_all_that_it_waits_for() -> None:
    world = held(20, "a", "work")
    run = world.start()

    world.control(run, "cancel", by="ann")

    assert run.status == "cancelled"
    assert {run.step(name) for name in ("a", "w", "s", "child")} == {"cancelled"}
    assert [child.status for child in world.children(run)] == ["cancelled"]


def test_25_a_set_of_steps_is_cancelled_and_the_others_untouched() -> None:
    world = held(25, "a", "b", "d", "f")
    run = world.start()

    world.complete(run, "a")

    assert [run.step(name) for name in ("b", "c", "c.d", "f")] == [
        "cancelled", "cancelled", "cancelled", "scheduled",
    ]  # fmt: skip
    world.complete(run, "f")
    assert run.status == "completed"


def test_26_items_that_are_done_stay_and_the_rest_stops() -> None:
    world = held(26, "work")
    run = world.start(value={"items": [1, 2, 3]})
    world.complete(run, "work[1]", "done")

    world.signal(run, "enough")

    assert [run.step(f"work[{i}]") for i in range(3)] == ["cancelled", "completed", "cancelled"]
    assert (run.step("work"), run.output_of("work[1]")) == ("cancelled", "done")
    assert run.status == "completed"


def test_27_items_are_ended_early_as_a_success() -> None:
    world = held(27, "work")
    run = world.start(value={"items": [1, 2, 3]})
    world.complete(run, "work[1]", "done")

    world.signal(run, "enough")

    assert run.step("work") == "completed"
    assert world.attempts[-1].input == {"got": [None, "done", None]}
    assert run.status == "completed"


def test_23_a_signal_that_comes_before_is_lost() -> None:
    world = held(23, "a")
    run = world.start()

    world.signal(run, "go", 1)
    world.complete(run, "a")
    assert run.step("go") == "waiting"
    world.signal(run, "go", 2)

    assert run.output_of("go") == 2


def test_24_a_signal_that_comes_before_is_kept() -> None:
    world = held(24, "a")
    run = world.start()

    world.signal(run, "go", 1)
    world.complete(run, "a")

    assert run.output_of("go") == 1
    assert run.status == "completed"


def test_every_pattern_has_a_section_and_every_definition_a_test() -> None:
    here = [name for name in globals() if name.startswith("test_")]
    there = [name for name in vars(test_branching) if name.startswith("test_")]
    tested = {int(name[5:7]) for name in (*here, *there) if name[5:7].isdigit()}

    part = [number for number, (_, body) in SECTIONS.items() if "\nIn part" in body]
    not_shown = [number for number, (_, body) in SECTIONS.items() if "\nNot shown" in body]
    shown = 43 - len(part) - len(not_shown)

    assert set(SECTIONS) == set(range(1, 44))
    assert (
        f"Shown: {shown}. In part: {len(part)} ({', '.join(map(str, sorted(part)))}). "
        f"Not: {len(not_shown)} ({', '.join(map(str, sorted(not_shown)))})"
    ) in TEXT
    assert tested == {number for number in SECTIONS if definitions(number)}


def test_a_year_of_timers_takes_no_time() -> None:
    world = World(
        "workflow: w\nsteps:\n  a: {repeat: {steps: {b: {task: t}}, until: loop.index == 364, "
        "every: 1d}}\n"
    )

    run = world.start()
    world.finish()

    assert run.at("completed a") == 364 * DAY_S
