"""What is said of a failure that says nothing of itself: its type."""

import pytest

from services.testing import Fails, World

ITEMS = "workflow: w\nsteps: {each: {for_each: [1, 2], task: t, with: {n: '${{ item }}'}}}\n"


@pytest.mark.parametrize(("message", "said"), [("", "Broken"), ("no ink", "no ink")])
def test_the_first_item_that_failed_is_told_by_its_message_or_else_its_type(
    message: str, said: str
) -> None:
    run = World(ITEMS, tasks={"t": Fails("Broken", message, retryable=False)}).start("w")

    assert run.failure is not None
    assert run.failure.message.endswith(f"the first that failed: {said}")
