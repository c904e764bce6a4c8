"""Workflows in virtual time: the real language, the real core, the real expressions; no servers.

::

    world = World(DEFINITION, tasks={"payment.charge": Replies(Fails("Timeout"), {"id": 7})})
    run = world.start("order", {"total": 12})
    world.signal(run, "paid", {"by": "card"})
    world.finish()
    assert run.status == "completed"

It puts the pure cores of two services together, so it stands beside them and none of them knows it.
A year of timers takes as long as the steps between them. What people use of it is
`stretto.testing`, which loads this package by its name (docs/adr/0012).

Invariants

1. Nothing happens unless the test says so or the clock is moved; the same test gives the same log.
2. What is asked of the outside is answered in the order in which it was asked.
3. The log of every run that has ended is folded again and gives the same state.
"""

from services.testing.playing import play
from services.testing.replaying import replay
from services.testing.tested_run import TestedRun
from services.testing.world import World
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

__all__ = [
    "Attempt",
    "Calls",
    "Fails",
    "Given",
    "Held",
    "Replies",
    "Reply",
    "Reused",
    "Takes",
    "TestedRun",
    "When",
    "World",
    "play",
    "replay",
]
