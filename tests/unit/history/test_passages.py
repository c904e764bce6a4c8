"""A history read step by step, and two of them compared."""

from typing import Any

import pytest

from stretto.history import Fact, Passage, compare, passage_of


def facts(*told: tuple[str, dict[str, Any]], every_s: float = 1.0) -> list[Fact]:
    """Events a second apart; a run's start comes first by itself."""
    start = ("run.started", {"workflow": "w", "version": 3, "input": {"n": 1}})
    return [
        Fact(seq, kind, round(seq * every_s * 1e6), data)
        for seq, (kind, data) in enumerate((start, *told), 1)
    ]


def step(kind: str, name: str, **data: Any) -> tuple[str, dict[str, Any]]:
    return f"step.{kind}", {"step": name, **data}


FAILURE = {"type": "Odd", "message": "so"}


def test_a_history_is_read_step_by_step() -> None:
    passage = passage_of(
        facts(
            step("activated", "a"),
            step("scheduled", "a", attempt=1, task="t", input={"n": 1}),
            step("failed", "a", attempt=1, failure=FAILURE, retry_at="2030-01-01T00:00:00Z"),
            step("scheduled", "a", attempt=2, task="t"),
            step("started", "a", attempt=2),
            step("completed", "a", attempt=2, output=5),
            step("chosen", "b", branch=1, then=["c"]),
            step("skipped", "d", reason="not_chosen"),
            step("expanded", "c", items=[1, 2]),
            ("run.completed", {"output": 6}),
        ),
        "r1",
    )
    a = passage.steps["a"]
    assert (a.status, a.attempts, a.task, a.input, a.output) == ("completed", 2, "t", {"n": 1}, 5)
    assert (a.seq, a.took_s) == (2, 5.0)
    assert (passage.steps["b"].then, passage.steps["d"].reason) == (["c"], "not_chosen")
    assert (passage.steps["c"].items, passage.steps["c"].status) == (2, "open")
    assert passage.steps["c"].took_s is None
    assert (passage.run_id, passage.workflow, passage.version) == ("r1", "w", 3)
    assert (passage.status, passage.output, passage.took_s) == ("completed", 6, 10.0)


def test_what_a_step_gave_is_known_from_its_parts() -> None:
    passage = passage_of(
        facts(
            step("expanded", "each", items=[1, 2, 3]),
            step("completed", "each[0]", output={"n": 1}),
            step("failed", "each[1]", failure=FAILURE),
            step("completed", "each"),
            step("opened", "g"),
            step("completed", "g.a", output=1),
            step("approved", "g.b", by="ann"),
            step("skipped", "g.c", reason="condition"),
            step("completed", "g.a~compensate", output=9),
            step("completed", "g", derived=True),
            step("opened", "l[0]"),
            step("completed", "l[0]", output=1),
            step("opened", "l[1]"),
            step("completed", "l[1].r", output=2),
            step("completed", "l[1]", derived=True),
            step("completed", "l", derived=True),
            step("expanded", "h", items=[1]),
            step("failed", "h", failure=FAILURE, handler=0),
            step("completed", "h", output="instead"),
        )
    )
    given = {path: found.output for path, found in passage.steps.items()}

    assert given["each"] == [{"n": 1}, None, None]
    assert given["g"] == {"a": 1, "b": {"approved": True, "by": "ann", "reason": None}}
    assert given["l"] == given["l[1]"] == {"r": 2}
    assert given["h"] == "instead"


def test_what_a_step_gave_twice_is_what_it_gave_last() -> None:
    passage = passage_of(
        facts(
            step("completed", "g.a", output=1),
            step("completed", "g", derived=True),
            step("completed", "g.a", output=2),
            step("completed", "g", derived=True),
        )
    )

    assert passage.steps["g"].output == {"a": 2}


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (step("failed", "a", failure=FAILURE, handler=0), "handled"),
        (step("failed", "a", failure=FAILURE), "failed"),
        (step("failed", "a", failure=FAILURE, retry_at="x"), "backoff"),
        (step("signalled", "a", asked=True), "deciding"),
        (step("signalled", "a"), "completed"),
        (step("approved", "a", by="ann"), "completed"),
        (step("seeking", "a", key="k"), "seeking"),
        (step("reused", "a", output=1), "completed"),
        (step("waiting", "a"), "waiting"),
        (step("opened", "a"), "open"),
        (step("finishing", "a"), "deciding"),
        (step("repeated", "a"), "open"),
        (step("cancelled", "a", reason="settled"), "cancelled"),
        (step("escalated", "a"), "pending"),
        (step("of_a_newer_build", "a"), "pending"),
    ],
)
def test_every_event_of_a_step_has_its_status(event: tuple[str, Any], status: str) -> None:
    assert passage_of(facts(event)).steps["a"].status == status


def test_what_was_open_when_its_run_was_terminated_ended_with_it() -> None:
    passage = passage_of(
        facts(
            step("completed", "a", attempt=1, output=5),
            step("failed", "b", failure=FAILURE, handler=0),
            step("opened", "c"),
            ("run.terminated", {"failure": FAILURE}),
        )
    )
    assert [each.status for each in passage.steps.values()] == ["completed"] + ["cancelled"] * 2
    assert (passage.steps["c"].reason, passage.steps["a"].reason) == ("terminated", None)
    assert passage.steps["c"].ended_us == passage.ended_us


@pytest.mark.parametrize(
    ("event", "status", "failure"),
    [
        (("run.paused", {}), "paused", None),
        (("run.resumed", {}), "running", None),
        (("run.failing", {"failure": FAILURE, "ending": "failed"}), "failing", None),
        (("run.failed", {"failure": FAILURE}), "failed", "Odd"),
        (("run.cancelled", {"failure": FAILURE}), "cancelled", "Odd"),
        (("run.terminated", {"failure": FAILURE}), "terminated", "Odd"),
        (("run.finishing", {}), "running", None),
        (("run.rolling_back", {"step": "a"}), "running", None),
        (("run.rolled_back", {"paused": True}), "paused", None),
        (("run.rolled_back", {}), "running", None),
    ],
)
def test_every_event_of_a_run_has_its_status(
    event: tuple[str, Any], status: str, failure: str | None
) -> None:
    passage = passage_of(facts(event))
    assert (passage.status, passage.failure) == (status, failure)


def test_a_run_that_went_back_is_open_again() -> None:
    passage = passage_of(facts(("run.failed", {"failure": FAILURE}), ("run.rewound", {})))
    assert (passage.status, passage.failure, passage.took_s) == ("running", None, None)


def test_a_run_that_was_migrated_is_of_its_new_version() -> None:
    moved = facts(("run.migrated", {"from_version": 3, "to_version": 5}))

    assert passage_of(moved).version == 5


def test_a_step_that_failed_in_two_ways_differs_in_its_failure() -> None:
    odd, even = (
        passage_of(facts(step("failed", "a", failure={**FAILURE, "type": kind})))
        for kind in ("Odd", "Even")
    )

    assert told(odd, even) == [("a", "failure", "Odd", "Even", 2)]


def told(left: Passage, right: Passage) -> list[tuple[str, str, Any, Any, int]]:
    return [(d.step, d.what, d.left, d.right, d.seq) for d in compare(left, right)]


def test_runs_that_went_the_same_way_at_another_speed_are_the_same() -> None:
    way = [step("scheduled", "a", attempt=1, task="t", input=1), step("completed", "a", output=2)]
    end = ("run.completed", {"output": 3})
    assert told(passage_of(facts(*way, end)), passage_of(facts(*way, end, every_s=9))) == []


def test_differences_come_in_the_order_in_which_the_steps_began() -> None:
    left = passage_of(
        facts(
            step("scheduled", "a", attempt=1, task="t", input={"x": 1}),
            step("completed", "a", attempt=1, output=1),
            step("chosen", "b", branch=0, then=["c"]),
            step("scheduled", "c", attempt=1, task="t", input=7),
            step("completed", "c", attempt=1),
            step("skipped", "d", reason="not_chosen"),
            step("expanded", "e", items=[1]),
            ("run.completed", {"output": 1}),
        )
    )
    right = passage_of(
        facts(
            step("scheduled", "a", attempt=1, task="t", input={"x": 2}),
            step("scheduled", "a", attempt=2, task="t"),
            step("completed", "a", attempt=2, output=2),
            step("chosen", "b", branch=1, then=["d"]),
            step("skipped", "c", reason="not_chosen"),
            step("failed", "d", failure=FAILURE),
            step("completed", "f"),
            step("expanded", "e", items=[1, 2]),
            ("run.failed", {"failure": FAILURE}),
        )
    )
    assert told(left, right) == [
        ("a", "input", {"x": 1}, {"x": 2}, 2),
        ("a", "attempts", 1, 2, 2),
        ("a", "output", 1, 2, 2),
        ("b", "branch", ["c"], ["d"], 4),
        ("c", "way", "completed", "skipped (not_chosen)", 5),
        ("d", "way", "skipped (not_chosen)", "failed", 7),
        ("e", "items", 1, 2, 8),
        ("f", "way", "not come to", "completed", 8),
        ("", "status", "completed", "failed", 9),
        ("", "failure", None, "Odd", 9),
        ("", "output", 1, None, 9),
    ]
    assert "step b: branch: ['c'] here, ['d'] there" in map(str, compare(left, right))


def test_a_step_that_is_done_after_a_rollback_has_no_reason_any_more() -> None:
    went = facts(step("cancelled", "a", reason="rolled_back"), step("completed", "a", output=1))
    assert (passage_of(went).steps["a"].status, passage_of(went).steps["a"].reason) == (
        "completed",
        None,
    )


def test_what_a_fork_took_over_is_as_it_was_in_the_other_run() -> None:
    done = [step("scheduled", "a", attempt=1, task="t", input=1), step("completed", "a", output=2)]
    skipped = step("skipped", "b", reason="by_request")
    taken = {"a": {"status": "completed", "output": 2}, "b": {"status": "skipped"}}
    left = passage_of(facts(*done, skipped))
    assert told(left, passage_of(facts(("run.forked", {"taken": taken})))) == []
    other = {"a": {"status": "completed", "output": 3}, "b": {"status": "completed"}}
    assert told(left, passage_of(facts(("run.forked", {"taken": other})))) == [
        ("a", "output", 2, 3, 2),
        ("b", "way", "skipped (by_request)", "completed", 4),
    ]


def test_inputs_that_differ_come_first_and_a_step_of_one_only_where_it_began() -> None:
    left = passage_of(facts(step("completed", "a"), step("completed", "c")))
    right = passage_of(facts(step("completed", "a"), step("completed", "b"), every_s=0.6))
    right.input = 2
    assert told(left, right)[0][:2] == ("", "input")
    assert str(compare(left, right)[0]).startswith("the run: input")
    assert [d[0] for d in told(left, right)[1:]] == ["b", "c"]
