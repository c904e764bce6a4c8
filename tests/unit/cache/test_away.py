"""A shared cache that goes away."""

from __future__ import annotations

from typing import Any, cast

import pytest

from stretto.cache.shared import SharedCache


async def test_that_a_shared_cache_is_away_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    cache = SharedCache("redis://127.0.0.1:1", "test:1")
    cache._redis = cast(Any, "up")

    cache._lost("expected an answer, but the line is dead")
    cache._lost("expected an answer, but it was closed")

    assert caplog.messages == ["shared cache is away"]
    assert cache.why_away == "expected an answer, but the line is dead"
    assert not cache.is_up
