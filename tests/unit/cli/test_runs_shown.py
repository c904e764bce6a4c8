"""What `stretto list` and `show` say of steps: how many stand how, who decided about one."""

from typing import Any

import pytest

from stretto.cli.commands.runs import _in_turn, _row, _step_row
from stretto.contracts.answers import AttemptView, RunSummary, StepView
from stretto.contracts.failures import Failure

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
