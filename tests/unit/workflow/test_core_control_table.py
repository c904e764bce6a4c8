"""Every command of a person on a run in every state: carried out, or refused with a code."""

from collections.abc import Callable

import msgspec
import pytest

from services.testing import Fails, Held, TestedRun, World
from services.workflow.core.controlling import COMMANDS
from stretto.client.remedies import REMEDIES
from stretto.contracts.codec import json_encode
from stretto.contracts.public import ControlRequest

DEFINITION = """
workflow: table
on_failure: compensate
steps:
  first:
    task: t.first
    compensate: {task: t.undo}
  work: {task: t.work, needs: [first], retry: {max_attempts: 2, interval: 1h}}
  asked: {approval: {}, needs: [first]}
  told: {signal: go, needs: [first]}
  last: {task: t.last, needs: [work, asked, told]}
"""
OK = ""
TRIED = (
    *("cancel", "terminate", "pause", "resume", "signal", "approve", "reject", "retry", "skip"),
    *("rewind", "rollback"),
)


def running(_world: World, _run: TestedRun) -> None:
    """`work` is out, `asked` and `told` wait, `last` has not begun."""


def retrying(world: World, run: TestedRun) -> None:
    world.fail(run, "work")


def paused(world: World, run: TestedRun) -> None:
    world.control(run, "pause")


def paused_retrying(world: World, run: TestedRun) -> None:
    world.fail(run, "work")
    world.control(run, "pause")


def undoing(world: World, run: TestedRun) -> None:
    world.tasks["t.undo"] = Held()
    world.control(run, "cancel")
    assert run.status == "compensating"


def blocked(world: World, run: TestedRun) -> None:
    world.tasks["t.undo"] = Fails(type="Jammed", retryable=False)
    world.control(run, "cancel")
    world.settle()
    assert "first~compensate" in run.run.open


def completed(world: World, run: TestedRun) -> None:
    world.complete(run, "work")
    world.control(run, "approve")
    world.signal(run, "go")
    assert run.status == "completed"


def failed(world: World, run: TestedRun) -> None:
    world.fail(run, "work", Fails(retryable=False))
    world.finish(run)
    assert run.status == "failed"


def cancelled(world: World, run: TestedRun) -> None:
    world.control(run, "cancel")
    world.finish(run)
    assert run.status == "cancelled"


def terminated(world: World, run: TestedRun) -> None:
    world.control(run, "terminate")


State = Callable[[World, TestedRun], None]
CLOSED = dict.fromkeys(TRIED, "run_closed")
UNDONE = CLOSED | dict.fromkeys(("retry", "rewind", "rollback"), "run_compensated")
STAYS = dict.fromkeys(("rewind", "rollback"), "run_not_resumable")
FAILING = (
    dict.fromkeys(("cancel", "pause", "resume", "skip"), "already_failing")
    | dict.fromkeys(("approve", "reject"), "approval_not_open")
    | STAYS
)

TABLE: list[tuple[State, dict[str, str]]] = [
    (running, {"resume": "not_paused", "retry": "step_not_failed"}),
    (retrying, {"resume": "not_paused"}),
    (paused, {"pause": "not_running", "retry": "step_not_failed"}),
    (paused_retrying, {"pause": "not_running", "retry": "not_running"}),
    (undoing, FAILING | {"retry": "step_not_failed"}),
    (blocked, FAILING),
    (completed, CLOSED | STAYS | {"retry": "step_not_failed"}),
    (failed, UNDONE),
    (cancelled, UNDONE | {"retry": "step_not_failed"}),
    (terminated, CLOSED | STAYS | {"retry": "step_not_failed"}),
]
FIELDS = {
    "signal": {"name": "go"},
    "skip": {"step": "work"},
    "rewind": {"step": "first"},
    "rollback": {"to": "first"},
}
CASES = [
    pytest.param(state, command, refusals.get(command, OK), id=f"{command}-{state.__name__}")
    for state, refusals in TABLE
    for command in TRIED
]


def test_every_command_is_in_the_table_or_has_tests_of_its_own() -> None:
    assert set(TRIED) <= set(COMMANDS)


def begun() -> tuple[World, TestedRun]:
    world = World(DEFINITION, tasks={"t.work": Held()})
    return world, world.start()


@pytest.mark.parametrize(("state", "command", "code"), CASES)
def test_a_command_is_carried_out_or_refused_with_a_code_and_a_remedy(
    state: State, command: str, code: str
) -> None:
    world, run = begun()
    state(world, run)
    before = len(run.log)
    refused = len(run.rejections)

    world.control(run, command, by="ada", reason="because", **FIELDS.get(command, {}))

    said = [rejection.code for rejection in run.rejections[refused:]]
    if code == OK:
        assert said == []
        assert len(run.log) > before
        told = json_encode([e for _, e in run.log[before:]]).decode()
        assert "ada" in told
        assert "because" in told
    else:
        assert said == [code]
        assert len(run.log) == before
        assert run.rejections[-1].message.startswith("expected ")
        assert code in REMEDIES


@pytest.mark.parametrize(
    ("command", "fields", "code"),
    [
        ("signal", {}, "signal_invalid"),
        ("skip", {}, "step_not_open"),
        ("skip", {"step": "last"}, "step_not_open"),
        ("rewind", {}, "step_unknown"),
        ("rewind", {"step": "nowhere"}, "step_unknown"),
        ("rewind", {"step": "last"}, "step_not_begun"),
        ("rollback", {}, "step_unknown"),
        ("rollback", {"to": "work"}, "step_not_completed"),
        ("retry", {"step": "work"}, "step_not_failed"),
        ("approve", {"step": "told"}, "approval_not_open"),
        ("explode", {}, "unknown_command"),
    ],
)
def test_a_command_with_wrong_fields_is_refused(
    command: str, fields: dict[str, str], code: str
) -> None:
    world, run = begun()
    world.control(run, command, **fields)
    assert [rejection.code for rejection in run.rejections] == [code]
    assert code in REMEDIES


def test_an_approval_of_a_step_that_does_not_wait_names_it() -> None:
    world, run = begun()
    world.control(run, "approve", step="tolt")
    assert run.rejections[-1].message.endswith("but 'tolt' does not wait")


@pytest.mark.parametrize("command", ["pause", "resume", "rewind", "rollback"])
def test_a_run_on_its_way_back_is_left_alone(command: str) -> None:
    world = World(
        DEFINITION.replace("work: {", "work: {compensate: {task: t.undo}, "),
        tasks={"t.work": Held()},
    )
    run = world.start()
    world.control(run, "rollback", to="first")
    assert run.run.rollback is not None
    world.control(run, command, step="first", to="first")
    assert [rejection.code for rejection in run.rejections] == ["rolling_back"]
    assert "rolling_back" in REMEDIES


def test_a_retry_without_a_step_hastens_all_that_wait_for_their_next_attempt() -> None:
    world, run = begun()
    world.fail(run, "work")
    world.control(run, "retry", by="ada")
    assert run.story("hastened", "scheduled")[-2:] == ["hastened work", "scheduled work"]
    assert run.run.nodes["work"].attempt == 2


def test_the_request_keeps_who_and_why() -> None:
    request = ControlRequest(command="skip", step="work", by="ada", reason="late")
    world, run = begun()
    world.control(run, "skip", step=request.step, by=request.by, reason=request.reason)
    [skipped] = [e for _, e in run.log if e.type == "step.skipped"]
    assert msgspec.to_builtins(skipped) == {
        "step": "work", "reason": "by_request", "by": "ada", "why": "late",
    }  # fmt: skip
