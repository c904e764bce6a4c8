"""Recorded histories against a definition that has changed: which runs would go otherwise."""

from typing import Any

import pytest

from services.testing import Fails, Held, Takes, World, replay
from services.testing.replaying import facts_of
from services.testing.tested_run import TestedRun
from services.workflow.core import commands as cm
from stretto.contracts.ids import run_id_text
from stretto.definition import compile_graph, load
from stretto.history import Difference, Fact
from stretto.testing import After
from stretto.testing.outline import paths_in
from stretto.testing.replayed import Recording, Replayed, sentence

ORDER = """
workflow: order
input: {type: object, properties: {total: {type: number}}}
on_failure: compensate
steps:
  charge:
    task: bank.charge
    with: {amount: "${{ input.total }}"}
    timeout: {queue: 1h}
    retry: {max_attempts: 3, interval: 5s}
    compensate: {task: bank.refund}
  size:
    needs: [charge]
    switch:
      - {if: "${{ input.total > 100.0 }}", then: review}
      - {else: ship}
  review: {approval: {by: [ann], escalate: {after: 1d, to: [bob]}}}
  ship: {task: carrier.ship, catch: [{on: [NoRoad], steps: {fly: {task: carrier.fly}}}]}
  paid: {signal: paid, needs: [charge]}
  pause: {wait: 2h, needs: [paid]}
  scan:
    for_each: ${{ [1, 2, 3] }}
    needs: [charge]
    task: scan.read
    with: {n: "${{ item }}"}
  again:
    needs: [charge]
    repeat: {until: "${{ loop.index == 1 }}", every: 1m, steps: {poll: {task: scan.poll}}}
output: {total: "${{ input.total }}", scans: "${{ steps.scan.output }}"}
"""
"""A bit of everything."""


def recorded(run: TestedRun) -> Recording:
    return Recording(run_id=run_id_text(run.run.id), facts=facts_of(run))


def record(
    source: str, value: Any, tasks: dict[str, Any] | None = None, *acts: Any, finish: bool = True
) -> Recording:
    world = World(source, tasks=tasks)
    run = world.start(None, value)
    began_us = world.now_us
    for act in acts:
        world.advance(act.at_s - (world.now_us - began_us) / 1e6)
        world.control(run, act.command, **act.fields)
    if finish:
        world.finish(run)
    return recorded(run)


def again(source: str, recording: Recording) -> Replayed:
    (found,) = replay(source, [recording])
    return found


def words(source: str, found: Replayed) -> list[str]:
    loaded = load(source)
    assert loaded.definition is not None
    known = paths_in(compile_graph(loaded.definition, 1))
    return [sentence(each, known) for each in found.differences]


PAID = After("10s").signal("paid")
SLOW = {
    "bank.charge": Takes(3, {"id": 1}),
    "scan.read": lambda attempt: Takes(attempt.input["n"], attempt.input),
}

RUNS = {
    "small": record(ORDER, {"total": 5}, SLOW, PAID),
    "large": record(ORDER, {"total": 500}, SLOW, PAID, After("2d").approve(by="bob")),
    "rejected": record(ORDER, {"total": 500}, SLOW, PAID, After("2h").reject(by="ann")),
    "retried": record(
        ORDER, {"total": 5}, {"bank.charge": lambda at: Fails() if at.number < 3 else {}}, PAID
    ),
    "failed": record(ORDER, {"total": 5}, {**SLOW, "carrier.ship": Fails("Lost")}, PAID),
    "handled": record(ORDER, {"total": 5}, {**SLOW, "carrier.ship": Fails("NoRoad")}, PAID),
    "timed out": record(ORDER, {"total": 5}, {"bank.charge": Held()}),
    "cancelled": record(ORDER, {"total": 5}, SLOW, After(4).cancel("enough")),
    "terminated": record(ORDER, {"total": 5}, SLOW, After(4).command("terminate", by="ann")),
    "skipped": record(ORDER, {"total": 500}, SLOW, PAID, After(60).command("skip", step="review")),
    "paused": record(
        ORDER, {"total": 5}, SLOW, After(5).command("pause"), PAID, After(60).command("resume")
    ),
    "hastened": record(
        ORDER,
        {"total": 5},
        {"bank.charge": lambda at: Fails() if at.number < 2 else {}},
        After(1).command("retry", step="charge"),
        PAID,
    ),
    "rewound": record(ORDER, {"total": 500}, SLOW, PAID, After(60).command("rewind", step="scan")),
    "retried by a person": record(
        ORDER,
        {"total": 5},
        {**SLOW, "carrier.ship": Fails("Lost"), "scan.poll": Fails("Dark")},
        PAID,
        After("1d").command("retry", by="ann"),
    ),
    "open": record(ORDER, {"total": 500}, SLOW, PAID, finish=False),
    "just begun": record(ORDER, {"total": 500}, SLOW, finish=False),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_history_goes_the_same_way_by_its_own_definition(name: str) -> None:
    found = again(ORDER, RUNS[name])
    assert words(ORDER, found) == []
    assert (found.verdict, found.beyond, found.refused) == ("same", [], [])
    assert found.first is None


def slower(recording: Recording) -> Recording:
    """The same, from an installation in which every event takes its time."""
    facts = [fact._replace(at_us=fact.at_us + 700 * fact.seq) for fact in recording.facts]
    return Recording(run_id=recording.run_id, facts=facts)


@pytest.mark.parametrize("name", RUNS)
def test_that_services_take_their_time_is_no_difference(name: str) -> None:
    found = again(ORDER, slower(RUNS[name]))
    assert (found.verdict, words(ORDER, found), found.refused) == ("same", [], [])


def changed(old: str, new: str) -> str:
    assert old in ORDER
    return ORDER.replace(old, new)


SKIPPED = "would be skipped (condition), but was completed"
FAILED = "would be failed, but was completed"


@pytest.mark.parametrize(
    ("old", "new", "run", "first"),
    [
        ("> 100.0", "> 1.0", "small", "step size would choose review instead of ship"),
        ("> 100.0", "> 1000.0", "large", "step size would choose ship instead of review"),
        (
            'amount: "${{ input.total }}"',
            'amount: "${{ input.total * 2.0 }}"',
            "small",
            'step charge would have another input: {"amount":10.0} instead of {"amount":5}',
        ),
        ("[1, 2, 3]", "[1, 2]", "small", "step scan would have 2 items instead of 3"),
        ("max_attempts: 3", "max_attempts: 2", "retried", f"step charge {FAILED}"),
        ("wait: 2h, ", "wait: 2h, if: '${{ false }}', ", "small", f"step pause {SKIPPED}"),
        ("paid: {", "paid: {if: '${{ false }}', ", "small", f"step paid {SKIPPED}"),
        ("on: [NoRoad]", "on: [Other]", "handled", f"step ship {FAILED}"),
        (
            'output: {total: "${{ input.total }}", ',
            "output: {",
            "small",
            "the run would have another output: ",
        ),
        ("{queue: 1h}", "{queue: 2s}", "small", f"step charge {FAILED}"),
    ],
)
def test_what_would_go_otherwise_is_told(old: str, new: str, run: str, first: str) -> None:
    source = changed(old, new)
    found = again(source, RUNS[run])
    assert found.verdict == "otherwise"
    assert words(source, found)[0].startswith(first), words(source, found)


def test_steps_that_are_gone_or_new_are_told_and_what_is_not_known_ends_it() -> None:
    source = changed(
        "  pause: {wait: 2h, needs: [paid]}\n", "  call: {task: call, needs: [paid]}\n"
    )
    found = again(source, RUNS["small"])
    assert found.verdict == "otherwise"
    said = words(source, found)
    assert "step pause was completed, but is not in the definition any more" in said or any(
        "step call would run" in each for each in said
    )
    assert "step call would run, but the run did not come to it; what it gives is not known" in said
    assert found.beyond == ["attempt 1 of step call: there was none"]
    assert not any(each.startswith("the run") for each in said), "how it would end is not known"


@pytest.mark.parametrize("limit", ["timeout: 3h", "defaults: {timeout: {total: 1h}}"])
def test_no_time_is_up_while_it_is_not_known_how_long_something_takes(limit: str) -> None:
    # given: a step that has another name now, and nothing recorded of it
    source = changed("  scan:\n", "  read:\n").replace("steps.scan", "steps.read")
    source = source.replace("on_failure:", f"{limit}\non_failure:", 1)
    # when
    found = again(source, RUNS["small"])
    # then: neither it nor the run is said to time out, and nothing is said to be undone
    said = words(source, found)
    assert found.beyond == [f"attempt 1 of step read[{n}]: there was none" for n in range(3)]
    assert "step read[0] would run, but the run did not come to it" in " ".join(said)
    assert not any("cancelled" in each or "failed" in each or "~" in each for each in said), said


def test_a_step_that_is_not_in_the_definition_any_more_is_told() -> None:
    source = changed("  pause: {wait: 2h, needs: [paid]}\n", "")
    assert words(source, again(source, RUNS["small"])) == [
        "step pause was completed, but is not in the definition any more"
    ]


def test_the_answer_of_another_task_is_not_taken() -> None:
    found = again(changed("task: carrier.ship", "task: carrier.sail"), RUNS["small"])
    assert found.beyond == [
        "attempt 1 of step ship: it was one of carrier.ship, not of carrier.sail"
    ]


def test_an_attempt_that_was_cut_off_has_no_answer_beyond_its_timeout() -> None:
    found = again(changed("{queue: 1h}", "{queue: 20h}"), RUNS["timed out"])
    assert found.verdict == "same", "it fails in the same way, only later"
    assert again(changed("timeout: {queue: 1h}", "queue: bank"), RUNS["timed out"]).beyond == [
        "attempt 1 of step charge: nobody answered it"
    ]


def test_what_people_did_and_could_not_do_now_is_told() -> None:
    source = changed("by: [ann], escalate: {after: 1d, to: [bob]}", "by: [ann]")
    found = again(source, RUNS["large"])
    assert found.verdict == "otherwise"
    assert found.refused[0].startswith("approve: expected one of ann to decide about 'review'")


def test_an_input_that_would_be_refused_is_told() -> None:
    found = again(changed("{type: object, ", "{type: object, required: [who], "), RUNS["small"])
    assert found.verdict == "refused"
    assert "who" in found.why


def test_an_open_run_differs_only_in_what_had_ended() -> None:
    found = again(changed("> 100.0", "> 1000.0"), RUNS["open"])
    assert found.verdict == "otherwise"
    assert [d.step for d in found.differences] == ["size", "review", "ship"]
    assert again(changed("wait: 2h", "wait: 3h"), RUNS["open"]).verdict == "same"


PARENT = """
workflow: parent
steps:
  wait: {workflow: child}
  go: {workflow: {name: child, wait: false}}
"""


def test_children_answer_as_they_did() -> None:
    world = World(PARENT, "workflow: child\nsteps: {a: {set: {n: 1}}}\noutput: 7\n")
    run = world.finish(world.start("parent"))
    assert run.status == "completed"
    assert again(PARENT, recorded(run)).verdict == "same"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([], "expected a history"),
        ([Fact(1, "run.resumed", 0, {})], "expected run.started first"),
        ([Fact(1, "run.sung", 0, {})], "this build is older"),
        (
            [
                RUNS["small"].facts[0],
                Fact(2, "step.completed", 0, {"step": "a", "attempt": 1, "output": 1}),
            ],
            "expected attempt ('a', 1) to have been scheduled",
        ),
    ],
)
def test_what_cannot_be_played_is_told(facts: list[Fact], why: str) -> None:
    found = again(ORDER, Recording(run_id=RUNS["small"].run_id, facts=facts))
    assert found.verdict == "not_replayed"
    assert why in found.why


def test_a_run_of_another_workflow_is_not_played() -> None:
    found = again("workflow: other\nsteps: {a: {task: t}}\n", RUNS["small"])
    assert (found.verdict, found.why) == (
        "not_replayed",
        "expected a run of 'other', but it is one of 'order'",
    )


LINED = """
workflow: lined
concurrency: {key: "one", limit: 1}
steps:
  a: {task: t}
"""


def test_a_run_that_waited_for_its_place_in_a_line_waits_again() -> None:
    world = World(LINED, tasks={"t": Takes(5, {})})
    first, second = world.start("lined"), world.start("lined")
    world.finish(second)
    assert (first.status, second.status) == ("completed", "completed")
    for run in (first, second):
        assert again(LINED, recorded(run)).verdict == "same"


GROUPS = """
workflow: groups
on_failure: compensate
steps:
  a: {task: t, compensate: {task: undo}}
  told: {needs: [a], signal: {name: go, where: "${{ signal.ok }}"}}
  b: {needs: [told], task: u, timeout: {run: 5s}, retry: {max_attempts: 2, interval: 1s}}
"""


def test_what_was_accepted_looked_at_undone_and_rolled_back_is_played_again() -> None:
    world = World(GROUPS, tasks={"t": {}, "u": Held(), "undo": {}})
    run = world.start("groups")
    world.signal(run, "go", {"ok": False})
    world.signal(run, "go", {"ok": True})
    world.advance(2)
    world._give(run, cm.Accepted(path="b", attempt=1, worker="w1"))
    world.advance(20)
    world._give(run, cm.Accepted(path="b", attempt=2, worker="w1"))
    world.finish(run)
    assert run.status == "failed"
    assert "undo" in [attempt.task for attempt in world.attempts]
    assert again(GROUPS, recorded(run)).verdict == "same"


def test_a_failed_run_that_was_retried_in_several_steps_is_played_again() -> None:
    source = "workflow: two\nsteps: {a: {task: t}, b: {task: t, if: '${{ always() }}'}}\n"
    world = World(source, tasks={"t": Takes(3, Fails("Odd", retryable=False))})
    run = world.start("two")
    world.finish(run)
    world.advance(60)
    world.tasks["t"] = {}
    world.control(run, "retry", by="ann")
    world.finish(run)
    found = again(source, recorded(run))
    assert (found.verdict, words(source, found), found.refused) == ("same", [], [])


def test_who_went_back_to_several_steps_and_undid_some_is_played_again() -> None:
    fails = {"t": {}, "u": Fails("Odd", retryable=False), "undo": {}}
    source = GROUPS.replace("on_failure: compensate\n", "")
    world = World(source, tasks=fails)
    run = world.start("groups")
    world.signal(run, "go", {"ok": True})
    world.finish(run)
    world.advance(60)
    world.control(run, "retry", by="ann")
    world.advance(60)
    world.control(run, "rollback", to="a", by="ann")
    world.advance(60)
    found = again(source, recorded(run))
    assert (found.verdict, words(source, found), found.refused) == ("same", [], [])


def test_differences_of_every_kind_have_their_words() -> None:
    known = {"a"}
    for what, left, right, said in (
        ("attempts", 1, 2, "step a would be tried 2 times instead of 1"),
        ("failure", "Odd", "Even", "step a would fail with Even instead of Odd"),
        ("branch", ["b"], [], "step a would choose nothing instead of b"),
        ("way", "completed", "not come to", "but the run would not come to it"),
    ):
        assert said in sentence(Difference("a", what, left, right), known)


def test_a_replay_without_an_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.testing.world.MAX_EVENTS", 3)
    assert "at most 3 events" in again(ORDER, RUNS["small"]).why
