"""What `stretto list` and `show` say of steps: how many stand how, who decided about one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.cli.calling import Call
from stretto.cli.commands.runs import _in_turn, _row, _step_row, say_pending
from stretto.cli.main import commands
from stretto.cli.shortened import MAX_ALIKE
from stretto.contracts.answers import AttemptView, RunSummary, RunView, StepView
from stretto.contracts.failures import Failure

from .runs import RUN_ID

AT = "2026-01-01T12:00:00Z"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ({}, ""),
        ({"open": 3}, "3 open"),
        ({"open": 1, "skipped": 2, "completed": 7}, "7 done, 2 skipped, 1 open"),
        ({"failed": 1, "completed": 1}, "1 done, 1 failed"),
    ],
)
def test_steps_are_counted_in_words(steps: dict[str, int], told: str) -> None:
    run = RunSummary(
        run_id="r", namespace="default", workflow="w", version=1, status="running", started_at=AT,
        steps=steps,
    )  # fmt: skip

    assert _row(run, "r")[4] == told
    assert sum(count for _, count in _in_turn(steps)) == sum(steps.values())


FAILED = AttemptView(
    attempt=1, status="failed", scheduled_at=AT, failure=Failure(type="Boom", message="it broke")
)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, ""),
        ({"reason": "not_chosen", "status": "skipped"}, "not chosen"),
        ({"reason": "by_request", "status": "skipped", "by": "ann"}, "by request of ann"),
        ({"by": "ann"}, "approved by ann"),
        ({"by": "ann", "reason": "it is_fine"}, "approved by ann: it is_fine"),
        ({"by": "ann", "status": "failed"}, "rejected by ann"),
        ({"reused_run": "r-1"}, "reused from r-1"),
        ({"attempts": [FAILED], "status": "failed"}, "Boom: it broke"),
    ],
)
def test_who_decided_about_a_step_is_shown_with_it(fields: dict[str, Any], told: str) -> None:
    step = StepView(**{"step": "a", "status": "completed", "activated_at": AT} | fields)

    assert _step_row(step)[-1] == told


def test_of_many_items_that_stand_alike_some_are_shown_and_the_others_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = RunSummary(
        run_id=RUN_ID, namespace="default", workflow="w", version=1, status="running",
        started_at=AT, closed_at=AT,
    )  # fmt: skip
    names = [f"scan[{n}]" for n in range(MAX_ALIKE + 5)]
    steps = [StepView(step=name, status="completed", activated_at=AT) for name in names]

    async def show(_run_id: str) -> RunView:
        return RunView(run=run, steps=steps)

    @asynccontextmanager
    async def connected(_call: Call) -> AsyncIterator[Any]:
        yield SimpleNamespace(show=show, get=lambda id_: SimpleNamespace(id=id_))

    monkeypatch.setattr(Call, "client", connected)

    done = CliRunner().invoke(commands, ["show", RUN_ID])

    assert done.exit_code == 0, done.output
    assert done.output.count("scan[") == MAX_ALIKE + 1
    assert "… 5 more scan[…]" in done.output
    assert "--json has all of them." in done.output + done.stderr


def test_causes_of_items_that_say_the_same_are_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    causes = [
        {"step": f"scan[{n}]", "cause": "attempt", "since": AT,
         "sentence": f"Step 'scan[{n}]' waits for a worker."}
        for n in range(3)
    ]  # fmt: skip

    say_pending({"workflow": "w", "status": "running", "pending": causes})

    told = capsys.readouterr().out
    assert told.count("•") == 1
    assert "scan[1]" in told and "scan[2]" in told


def test_a_cause_of_an_hour_to_come_says_that_clocks_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cause = {
        "step": "a",
        "cause": "timer",
        "sentence": "It waits.",
        "since": "2999-01-01T12:00:00Z",
    }

    say_pending({"workflow": "w", "status": "running", "pending": [cause]})

    assert "ahead of this machine's clock: two clocks differ" in capsys.readouterr().out
