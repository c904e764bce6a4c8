"""Tests of workflows, in virtual time: the real language, the real core, no servers.

::

    from stretto.testing import After, Calls, Fails, run_workflow

    def test_a_payment_that_times_out_once_is_tried_again():
        outcome = run_workflow(
            "order.yaml",
            {"total": 12},
            tasks={"payment.charge": Calls(Fails("Timeout"), {"id": 7})},
            script=[After("2h").signal("packed")],
        )
        assert outcome.status == "completed"
        assert outcome.path == ["charge", "packed", "ship"]

Nothing waits: a year of timers takes as long as the steps between them. The same from YAML, with
`stretto test FILE`: docs/testing.md.

Layout::

    replies   what mocked tasks answer            document  a file of tests, and its mistakes
    scene     what is played, what came of it     expecting what is expected, and the differences
    stage     where: the cores, loaded by name    files     files of tests: find, run, add up
    running   run_workflow                        report, junit  what is said of it

Invariants

1. The engine is the core of the services; nothing of it is written a second time here.
2. Nothing happens unless the test says so or the clock is moved; the same test gives the same log.
3. The log of every run that has ended is folded again and gives the same state.
"""

from stretto.testing.replies import (
    Attempt,
    Calls,
    Fails,
    Given,
    Held,
    Replies,
    Reply,
    Reused,
    Takes,
    When,
)
from stretto.testing.running import open_world, run_workflow
from stretto.testing.scene import Act, After, Coverage, Outcome, Scene, StepOutcome
from stretto.testing.stage import PlayedRun, World

__all__ = [
    "Act",
    "After",
    "Attempt",
    "Calls",
    "Coverage",
    "Fails",
    "Given",
    "Held",
    "Outcome",
    "PlayedRun",
    "Replies",
    "Reply",
    "Reused",
    "Scene",
    "StepOutcome",
    "Takes",
    "When",
    "World",
    "open_world",
    "run_workflow",
]
