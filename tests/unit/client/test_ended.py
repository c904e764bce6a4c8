"""Why a run failed and what a person can do about it, in sentences."""

from typing import Any

import pytest

from stretto.client.ended import tell_ended

CARRIER = {"type": "NoCarrier", "message": "none goes\n there", "step": "ship"}


def told(status: str, controls: tuple[str, ...] = (), **failure: str) -> tuple[str, str]:
    found: dict[str, Any] = {"status": status, "controls": list(controls)}
    if failure:
        found["failure"] = failure
    tell_ended(found)
    return found.get("sentence", ""), found.get("remedy", "")


def test_a_failed_run_says_which_step_failed_why_and_that_it_can_be_tried_again() -> None:
    sentence, remedy = told("failed", ("retry",), **CARRIER)

    assert sentence == "Step 'ship' failed: NoCarrier: none goes there."
    assert [word in remedy for word in ("retry RUN`", "rewind RUN STEP`", "fork RUN`")] == [
        True
    ] * 3


def test_a_failed_run_that_was_undone_can_only_be_forked() -> None:
    _, remedy = told("failed", (), **CARRIER)

    assert "is undone" in remedy and "fork RUN`" in remedy and "retry" not in remedy


@pytest.mark.parametrize(
    ("status", "failure", "sentence", "remedy"),
    [
        ("running", {}, "", ""),
        ("failing", {"type": "Broken"}, "The run failed: Broken.", ""),
        ("completed", {}, "The run has completed: it waits for nothing.", ""),
        ("cancelled", {"type": "Cancelled", "message": "by ada"}, "The run was cancelled: by ada",
         "`stretto fork RUN` begins"),
        ("terminated", {"type": "Terminated"}, "The run was terminated.",
         "`stretto fork RUN` begins"),
    ],
)  # fmt: skip
def test_what_became_of_a_run_is_a_sentence(
    status: str, failure: dict[str, str], sentence: str, remedy: str
) -> None:
    said, can = told(status, (), **failure)

    assert said == sentence
    assert can.startswith(remedy) and bool(can) == bool(remedy)
