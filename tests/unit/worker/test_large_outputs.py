"""Outputs that go by way of the object store."""

from types import SimpleNamespace
from typing import Any, cast

import msgspec

from stretto.contracts.failures import Failure
from stretto.runtime.errors import NotReachable
from stretto.worker.runner import Runner


async def test_an_output_that_cannot_be_put_away_fails_its_attempt_and_frees_its_slot() -> None:
    said: list[Any] = []

    async def away(_output: object) -> None:
        raise NotReachable("bus.not_reachable", "expected the object store, but it is away")

    def fail(_attempt: object, failure: Failure, _started_at: str) -> None:
        said.append(failure.message)

    runner = SimpleNamespace(
        _sent=away,
        _fail=fail,
        fill=lambda: said.append("fill"),
        _freed=lambda: said.append("freed"),
    )

    await Runner._end_large(cast(Any, runner), cast(Any, None), msgspec.Raw(b'"x"'), "now")

    assert said == [
        "expected the object store, but it is away [bus.not_reachable]",
        "fill",
        "freed",
    ]
