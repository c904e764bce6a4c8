"""What was promised to others is kept: `tests/golden/contracts` grows, and nothing leaves it."""

from scripts.generate import promised, shapes
from stretto.proto.shapes import broken


def test_no_promise_is_broken() -> None:
    assert broken(promised(), shapes()) == []


def test_every_public_message_is_promised() -> None:
    assert set(promised()) == set(shapes())
