"""Where the way back comes to a step whose beginning is not on it."""

from __future__ import annotations

from stretto.profiling.stretch import Stay, Story, Stretch
from stretto.profiling.way import Bit, _Walk

from .stories import step, tell, worked


def test_what_a_step_did_before_the_time_that_is_looked_at_is_not_on_the_way() -> None:
    walk = _Walk(Story(tell(*worked("a", 0, (1, 2), 3), step(4, "opened", "b"))), {})
    stays = [Stay("decide", 0.0, 1.0), Stay("held", 1.0, 2.0), Stay("decide", 2.0, 4.0)]
    stretch = Stretch("a", 0.0, 4.0, stays=stays)

    assert list(walk._stretch(stretch, 1.5, 3.0)) == [
        Bit(stretch, "decide", 2.0, 3.0),
        Bit(stretch, "held", 1.5, 2.0),
    ]
    assert list(walk._stretch(stretch, 2.0, 4.0)) == [Bit(stretch, "decide", 2.0, 4.0)]
