"""From which size on values go by reference."""

import pytest

from stretto.contracts.payload import INLINE_BYTES
from stretto.payloads.carrier import INLINE_VARIABLE, inline_bytes


@pytest.mark.parametrize(("said", "limit"), [("", INLINE_BYTES), ("1024", 1024), ("5000", 5000)])
def test_the_environment_says_what_is_sent_by_reference(
    monkeypatch: pytest.MonkeyPatch, said: str, limit: int
) -> None:
    monkeypatch.setenv(INLINE_VARIABLE, said)
    assert inline_bytes() == limit


@pytest.mark.parametrize("said", ["1023", "1048577", "-1", "much", "9" * 100])
def test_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(INLINE_VARIABLE, said)
    with pytest.raises(ValueError, match=f"expected {INLINE_VARIABLE} to be 1024 to 1048576"):
        inline_bytes()
