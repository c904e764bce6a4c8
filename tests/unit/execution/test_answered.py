"""Results that were heard since a lane was taken."""

import pytest

from services.execution.core import answered as module
from services.execution.core.answered import Answered


def test_what_was_heard_is_known_until_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWERED", 2)
    heard = Answered()
    heard.note(["a", "b"])
    heard.note(["c"])
    assert "a" in heard and "b" in heard
    assert "c" not in heard, "over the limit"
    heard.clear()
    assert "a" not in heard and heard.open
    heard.note(["d"])
    heard.close()
    assert "d" not in heard and not heard.open
