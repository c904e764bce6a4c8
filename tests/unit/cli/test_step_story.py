"""How one step of a run stands, told in lines."""

import pytest

from stretto.cli.commands.runs import MAX_CAUSES, say_pending
from stretto.cli.decision_story import decision_lines
from stretto.cli.step_story import failure_line
from stretto.client.decisions import Decision
from stretto.contracts.failures import Failure
from stretto.contracts.step_told import ItemsTold, StepTold

from .runs import RUN_ID


def lines(status: str, **fields: object) -> list[str]:
    step = StepTold(run_id="r", step="a", kind="task", status=status, **fields)  # type: ignore[arg-type]
    return list(decision_lines(Decision(None, None, told=step)))


def test_what_became_of_the_items_is_counted() -> None:
    items = ItemsTold(count=9, completed=2, open=3, failed=1, left_out=1, to_come=2)

    assert lines("open", items=items) == [
        "a: task, open",
        "  9 items: 2 done, 3 open, 1 failed, 1 cancelled or skipped, 2 to come",
    ]
    assert (
        lines("open", items=ItemsTold(count=1, open=1))[1] == "  1 item: 0 done, 1 open, 0 failed"
    )


def test_a_failure_and_a_reuse_are_told() -> None:
    broken = Failure(type="Broken", message="no")

    assert lines("failed", attempt=2, failure=broken) == ["a: task, failed, attempt 2: Broken: no"]
    assert lines("pending") == ["a: task, not begun"]
    [_, reused] = lines("completed", reused_run="r2", reused_step="b")
    assert reused == "  not done again: what step 'b' of run r2 gave was reused (`cache:`)"


def test_why_a_run_failed_is_told_with_what_can_be_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    say_pending(
        {"run_id": RUN_ID, "workflow": "w", "status": "failed", "pending": [],
         "sentence": "Step 'a' failed: Broken.", "remedy": "`stretto retry RUN` tries again."}
    )  # fmt: skip

    assert capsys.readouterr().out.splitlines()[1:] == [
        "Step 'a' failed: Broken.",
        f"`stretto retry {RUN_ID}` tries again.",
    ]


def test_no_failure_is_no_line() -> None:
    assert failure_line(None) == ""
    assert failure_line(Failure(type="Boom", message="", retryable=True)) == "Boom"


SINCE = "2026-01-01T00:00:00Z"


def test_what_a_run_waits_for_is_told_up_to_a_limit_and_then_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    causes = [{"sentence": f"It waits for {n}.", "since": SINCE} for n in range(MAX_CAUSES + 2)]

    say_pending({"status": "running", "pending": causes, "controls": ["cancel"]})
    many = capsys.readouterr().out
    say_pending({"status": "failed", "sentence": "It failed.", "remedy": "retry RUN",
                 "run_id": "r1"})  # fmt: skip
    failed = capsys.readouterr().out
    say_pending({"status": "completed"})

    assert many.count("It waits for") == MAX_CAUSES
    assert "and 2 more; --json has all of them" in many
    assert "The run as a whole takes now: cancel." in many
    assert "It failed." in failed and "retry r1" in failed
    assert "The run has ended: it waits for nothing." in capsys.readouterr().out
