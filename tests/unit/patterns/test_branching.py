"""Patterns of branching and synchronization: 1–9, 28–32, 37, 38, 41, 42."""

import pytest

from services.testing import Fails, Held, TestedRun, World
from tests.unit.patterns.patterns import definitions


def held(number: int, *tasks: str) -> World:
    """A world with the definitions of a pattern, in which some tasks are answered by the test."""
    return World(*definitions(number), tasks=dict.fromkeys(tasks, Held()))


def out(run: TestedRun) -> list[str]:
    return [path for path, status in run.steps.items() if status == "scheduled"]


def test_01_the_second_starts_only_after_the_first() -> None:
    world = held(1, "a")
    run = world.start()
    assert (out(run), run.step("b")) == (["a"], "pending")

    world.complete(run, "a")

    assert run.status == "completed"
    assert run.story("scheduled", "completed") == [
        "scheduled a", "completed a", "scheduled b", "completed b",
    ]  # fmt: skip


def test_02_both_branches_are_out_at_once() -> None:
    world = held(2, "b", "c")

    run = world.start()

    assert out(run) == ["b", "c"]
    world.complete(run, "c")
    world.complete(run, "b")
    assert run.status == "completed"


def test_03_the_join_starts_once_after_both() -> None:
    world = held(3, "b", "c")
    run = world.start()

    world.complete(run, "b")
    assert run.step("d") == "pending"
    world.complete(run, "c")

    assert run.story("scheduled").count("scheduled d") == 1
    assert run.status == "completed"


@pytest.mark.parametrize("large", [True, False])
def test_04_exactly_one_runs_by_data(large: bool) -> None:
    run = World(*definitions(4)).start(value={"large": large})

    chosen, other = ("b", "c") if large else ("c", "b")
    assert (run.step(chosen), run.step(other)) == ("completed", "skipped")


@pytest.mark.parametrize("large", [True, False])
def test_05_the_merge_runs_after_whichever_ran(large: bool) -> None:
    run = World(*definitions(5)).start(value={"large": large})

    assert run.story("scheduled") == ["scheduled b" if large else "scheduled c", "scheduled d"]
    assert run.status == "completed"


@pytest.mark.parametrize("wanted", ["b", "bc", "d", "bcd"])
def test_06_any_subset_runs(wanted: str) -> None:
    run = World(*definitions(6)).start(value={"wanted": list(wanted)})

    assert {name for name in "bcd" if run.step(name) == "completed"} == set(wanted)
    assert {name for name in "bcd" if run.step(name) == "skipped"} == set("bcd") - set(wanted)


@pytest.mark.parametrize("wanted", ["b", "c", "bc"])
def test_07_the_join_waits_for_the_branches_that_were_activated(wanted: str) -> None:
    world = held(7, "b", "c")
    run = world.start(value={"wanted": list(wanted)})

    for name in wanted:
        assert run.step("join") == "pending"
        world.complete(run, name)

    assert run.step("join") == "completed"


def test_08_what_follows_runs_once_for_each_branch_that_arrives() -> None:
    world = held(8, "b", "c")
    run = world.start()

    world.complete(run, "branches[1].c")
    assert run.step("branches[1].d") == "completed"
    assert run.step("branches[0].d") == "pending"
    world.complete(run, "branches[0].b")

    assert run.step("branches[0].d") == "completed"
    assert run.status == "completed"


@pytest.mark.parametrize(("first", "second"), ["bc", "cb"])
def test_09_the_first_branch_goes_on_and_the_other_is_ignored(first: str, second: str) -> None:
    world = held(9, "b", "c")
    run = world.start()

    world.complete(run, first)
    assert run.step("d") == "completed"
    assert (run.step(second), run.status) == ("scheduled", "running")
    world.complete(run, second)

    assert run.story("scheduled").count("scheduled d") == 1
    assert run.status == "completed"


def test_28_the_next_round_is_held_until_all_have_arrived() -> None:
    world = held(28, "b", "c")
    run = world.start()

    world.complete(run, "rounds[0].b")
    assert run.step("rounds[0].d") == "completed"
    assert run.step("rounds[1]") == "pending"
    world.complete(run, "rounds[0].c")

    assert out(run) == ["rounds[1].b", "rounds[1].c"]
    world.complete(run, "rounds[1].c")
    world.complete(run, "rounds[1].b")
    assert run.story("scheduled").count("scheduled rounds[1].d") == 1
    assert run.status == "completed"


def test_29_the_first_wins_and_the_others_are_cancelled() -> None:
    world = held(29, "b", "c")
    run = world.start()

    world.complete(run, "c")

    assert (run.step("b"), run.step("c"), run.step("d")) == ("cancelled", "completed", "completed")
    assert run.status == "completed"


def test_29_a_branch_that_fails_does_not_win() -> None:
    world = held(29, "b", "c")
    run = world.start()

    world.fail(run, "b", Fails("Down"))

    assert run.step("d") != "completed"
    assert run.status == "failed"


def test_30_two_of_three_are_enough_and_the_third_runs_on() -> None:
    world = held(30, "a", "b", "c")
    run = world.start()

    world.complete(run, "c")
    assert run.step("d") == "pending"
    world.complete(run, "a")
    assert (run.step("d"), run.step("b")) == ("completed", "scheduled")
    world.complete(run, "b")

    assert run.story("scheduled").count("scheduled d") == 1
    assert run.status == "completed"


def test_31_the_partial_join_is_armed_again_when_all_have_arrived() -> None:
    world = held(31, "a", "b", "c")
    run = world.start()

    world.complete(run, "rounds[0].a")
    world.complete(run, "rounds[0].b")
    assert run.step("rounds[0].d") == "completed"
    assert run.step("rounds[1].a") == "pending"
    world.complete(run, "rounds[0].c")
    world.complete(run, "rounds[1].b")
    assert run.step("rounds[1].d") == "pending"
    world.complete(run, "rounds[1].c")

    assert run.step("rounds[1].d") == "completed"
    world.complete(run, "rounds[1].a")
    assert run.status == "completed"


def test_32_a_quorum_goes_on_and_cancels_the_rest() -> None:
    world = held(32, "a", "b", "c")
    run = world.start()

    world.complete(run, "b")
    world.complete(run, "c")

    assert [run.step(name) for name in "abcd"] == [
        "cancelled",
        "completed",
        "completed",
        "completed",
    ]
    assert run.status == "completed"


@pytest.mark.parametrize(("wanted", "ran"), [("", "j"), ("a", "a2j"), ("b", "bj"), ("ab", "ab2oj")])
def test_37_the_join_knows_from_its_needs_which_branches_come(wanted: str, ran: str) -> None:
    run = World(*definitions(37)).start(value={"wanted": list(wanted)})

    names = {"a": "a", "2": "a2", "b": "b", "o": "both", "j": "join"}
    done = {path for path, status in run.steps.items() if status == "completed"}
    assert done == {names[c] for c in ran}
    assert run.status == "completed"


def test_38_the_join_in_a_loop_is_decided_anew_in_every_round() -> None:
    world = held(38, "b", "c")
    run = world.start()

    world.complete(run, "rounds[0].c")
    assert run.step("rounds[0].join") == "pending"
    world.complete(run, "rounds[0].b")
    assert run.step("rounds[0].join") == "completed"
    world.complete(run, "rounds[1].c")

    assert run.step("rounds[1].join") == "completed"
    assert run.status == "completed"


def test_41_many_threads_become_one() -> None:
    world = held(41, "work")
    run = world.start(value={"threads": [1, 2, 3]})

    for index in (2, 0, 1):
        assert run.step("d") == "pending"
        world.complete(run, f"threads[{index}]")

    assert run.story("scheduled").count("scheduled d") == 1


def test_42_one_thread_becomes_many_and_each_goes_its_way() -> None:
    world = held(42, "b", "c")
    run = world.start(value={"threads": [1, 2, 3]})

    world.complete(run, "threads[1].b")

    assert set(out(run)) == {
        "threads[0].b", "threads[2].b", "threads[1].c",
    }  # fmt: skip
