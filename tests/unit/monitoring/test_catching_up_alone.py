"""Reading again what was missed, while the log or the stream is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from services.monitoring import catching_up as catching_up_module
from services.monitoring.catching_up import RETRY_S, CatchingUp
from stretto.runtime.errors import TransientError
from stretto.testkit.clock import FakeClock

AWAY = TransientError("workflow.not_reachable", "expected the log, but nobody gives it")


class World:
    """A store, a book and a log, of which some questions are not answered."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.open = [bytes([n]) * 16 for n in range(1, 4)]
        self.checked: list[bytes] = []
        self.fails = 0
        self.catching_up = CatchingUp(
            store=cast(Any, self),
            log=cast(Any, self),
            book=cast(Any, self),
            statistics=cast(Any, self),
            clock=self.clock,
            look=cast(Any, None),
        )

    async def open_runs(self, after: bytes, most: int) -> Sequence[bytes]:
        if self.fails:
            self.fails -= 1
            raise AWAY
        return [each for each in self.open if each > after][:most]

    def recheck(self, page: Sequence[bytes]) -> None:
        self.checked += page


async def test_open_runs_are_compared_page_by_page_and_tried_again_when_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(catching_up_module, "RECHECK_PAGE", 2)
    world = World()
    catching_up = world.catching_up
    assert not catching_up.active
    await catching_up.step()
    catching_up._recheck_after = bytes(16)
    world.fails = 1

    with caplog.at_level("INFO"):
        await catching_up.step()
    assert caplog.messages == ["waits for the log"]
    await catching_up.step()
    assert world.checked == [], "not before it has waited for a while"
    await world.clock.advance(RETRY_S)
    await catching_up.step()
    assert world.checked == world.open[:2] and catching_up.active
    await catching_up.step()

    assert world.checked == world.open
    assert not catching_up.active
