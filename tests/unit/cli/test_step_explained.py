"""`stretto explain RUN --step X` of a step that is under way: what it waits for, too."""

from __future__ import annotations

from typing import Any

import pytest

from stretto.client.decisions import Decision
from stretto.contracts.step_told import StepTold

from .runs import RUN_ID
from .test_commands_on_a_client import Client, run  # noqa: F401  (a fixture)

PENDING = [
    {
        "step": step,
        "cause": "attempt",
        "since": "2026-01-01T12:00:00Z",
        "sentence": f"worker 'w' runs {step}.",
        "remedy": "`stretto skip RUN` ends it.",
    }
    for step in ("a", "b")
]


@pytest.mark.parametrize(("status", "told"), [("scheduled", True), ("completed", False)])
def test_a_step_under_way_says_what_it_waits_for(
    run: Any,  # noqa: F811
    status: str,
    told: bool,
) -> None:
    async def decision(_step: str) -> Decision:
        step = StepTold(run_id=RUN_ID, step="a", kind="task", status=status)
        return Decision(None, None, told=step)

    async def explain() -> dict[str, Any]:
        assert told, "nothing more is asked of a step that has ended"
        return {"run_id": RUN_ID, "pending": PENDING}

    done = run(Client(decision=decision, explain=explain), "explain", RUN_ID, "--step", "a")

    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"a: task, {status}")
    assert ("• worker 'w' runs a." in done.output) is told
    assert (f"`stretto skip {RUN_ID}` ends it." in done.output) is told
    assert "runs b" not in done.output
