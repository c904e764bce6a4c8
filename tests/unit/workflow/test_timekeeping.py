"""The clock of an instance goes by that of the database."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from services.workflow import timekeeping
from services.workflow.timekeeping import Timekeeping
from stretto.runtime.clock import SharedClock
from stretto.runtime.errors import TransientError


class Database:
    """One whose clock is `ahead_us` ahead of that of this machine."""

    def __init__(self, ahead_us: int = 0) -> None:
        self.right = SharedClock()
        self.right.put_right(-ahead_us)
        self.asked = 0
        self.away = False

    async def fetch(self, _sql: str) -> list[tuple[int]]:
        self.asked += 1
        if self.away:
            raise TransientError("postgres.not_reachable", "expected Postgres, but it is away")
        return [(self.right.now_us(),)]


def keeping(database: Database, clock: SharedClock) -> Timekeeping:
    return Timekeeping(cast(Any, database), clock)


@pytest.mark.parametrize("apart_us", [600_000_000, -600_000_000])
async def test_a_clock_that_is_far_off_is_put_right_at_the_beginning(
    apart_us: int, caplog: pytest.LogCaptureFixture
) -> None:
    database, clock = Database(apart_us), SharedClock()

    await keeping(database, clock).begin()

    assert abs(clock.now_us() - database.right.now_us()) < timekeeping.APART_US
    assert caplog.messages == ["clock put right"]
    assert database.asked == 1


async def test_what_is_near_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    database, clock = Database(200_000), SharedClock()

    assert await keeping(database, clock).look()

    assert database.right.now_us() - clock.now_us() > 100_000
    assert caplog.messages == []


async def test_an_answer_that_took_long_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timekeeping, "SURE_WITHIN_S", -1.0)
    database, clock = Database(600_000_000), SharedClock()

    await keeping(database, clock).begin()

    assert database.asked == timekeeping.FIRST_TRIES
    assert database.right.now_us() - clock.now_us() > 500_000_000


async def test_a_database_that_is_away_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    database, clock = Database(600_000_000), SharedClock()
    database.away = True
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        database.away = len(sleeps) < 2
        if len(sleeps) > 2:
            raise InterruptedError

    monkeypatch.setattr(timekeeping.asyncio, "sleep", sleep)  # type: ignore[attr-defined]

    with pytest.raises(InterruptedError):
        await keeping(database, clock).run()

    assert caplog.messages == ["clock not looked at", "clock put right"]
    assert sleeps == [timekeeping.LOOK_S] * 3
