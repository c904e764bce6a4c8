"""How much of a queue waits, and how much is at work."""

import pytest

from stretto.cli.commands.fleet import waiting_and_at_work
from stretto.contracts.answers import QueueView


@pytest.mark.parametrize(
    ("waiting", "in_flight", "slots", "counts"),
    [
        (0, 290, 15, (275, 15)),
        (10, 15, 15, (10, 15)),
        (0, 3, 15, (0, 3)),
        (2, 5, 0, (7, 0)),
    ],
)
def test_what_was_sent_beyond_the_slots_waits(
    waiting: int, in_flight: int, slots: int, counts: tuple[int, int]
) -> None:
    queue = QueueView(
        namespace="default", queue="q", waiting=waiting, in_flight=in_flight, slots=slots
    )
    assert waiting_and_at_work(queue) == counts
