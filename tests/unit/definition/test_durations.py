"""A length of time is written as people do, or in seconds."""

import pytest

from stretto.contracts.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2), ("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400), ("1h30m", 5400),
        ("1d2h3m4s5ms", 93784.005), ("1.5h", 5400), ("0s", 0), ("0.5ms", 0.0005),
    ],
)  # fmt: skip
def test_units_in_falling_order_are_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "m5", "5 m", "1m1h", "1h1h", "-5s", "5S", "١s", "1e3s", "9" * 80 + "s"]
)
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration like 200ms, 30s, 5m or 1h30m, but"):
        parse_duration(text)
