import time
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from stretto.contracts.frames import ServiceName
from stretto.runtime import clock, service
from stretto.testkit.clock import START_US, FakeClock


def test_an_instant_is_written_with_microseconds_and_z() -> None:
    assert clock.rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert clock.rfc3339(1_795_352_520_000_001) == "2026-11-22T13:02:00.000001Z"


def test_an_instant_before_the_epoch_is_written_too() -> None:
    assert clock.rfc3339(-1) == "1969-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("us", [10**18, -(10**18), 10**30])
def test_an_instant_outside_of_the_calendar_is_refused(us: int) -> None:
    with pytest.raises(ValueError, match="expected an instant in the years 1 to 9999, but got"):
        clock.rfc3339(us)


@pytest.mark.parametrize("us", [0, -1, 1, 1_795_352_520_123_456, 253_402_300_799_999_999])
def test_what_is_written_is_read_back(us: int) -> None:
    assert clock.parse_rfc3339(clock.rfc3339(us)) == us
    assert clock.instant_of(clock.datetime_of(us)) == us


def test_an_instant_with_another_offset_is_the_same_instant() -> None:
    assert clock.parse_rfc3339("1970-01-01T02:00:00+02:00") == 0
    moment = datetime(1970, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    assert clock.instant_of(moment) == 0


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T13:02:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected an instant like 2026-11-22T13:02:00Z, but got"):
        clock.parse_rfc3339(text)


async def test_the_system_clock_agrees_with_the_machine() -> None:
    system = clock.SystemClock()
    before = datetime.now(UTC)
    now = clock.datetime_of(system.now_us())
    assert before - timedelta(microseconds=1) <= now <= datetime.now(UTC)
    assert abs(clock.now_us() - system.now_us()) < 1_000_000

    started = system.monotonic()
    await system.sleep(0.001)
    assert system.monotonic() - started >= 0.001


def test_a_steady_clock_runs_on_when_the_clock_of_the_machine_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall_ns, steady_ns = 1_795_352_520_000_000_000, 5_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: steady_ns)
    steady = clock.SteadyClock()
    assert steady.now_us() == clock.SystemClock().now_us() == 1_795_352_520_000_000

    wall_ns -= 3_600 * 1_000_000_000
    steady_ns += 2_000_000_000

    assert steady.now_us() == 1_795_352_522_000_000


async def test_a_fake_clock_stands_still_until_it_is_advanced() -> None:
    fake = FakeClock()
    assert (fake.now_us(), fake.monotonic()) == (START_US, 0.0)

    await fake.advance(1.5)

    assert (fake.now_us(), fake.monotonic()) == (START_US + 1_500_000, 1.5)


async def test_sleepers_of_a_fake_clock_wake_in_the_order_they_are_due() -> None:
    import asyncio

    fake, woke = FakeClock(), list[tuple[str, float]]()

    async def sleeper(name: str, seconds: float) -> None:
        await fake.sleep(seconds)
        woke.append((name, fake.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 3))
        group.create_task(sleeper("early", 1))
        group.create_task(sleeper("now", 0))
        cancelled = group.create_task(sleeper("cancelled", 2))
        await fake.until_sleeping(3)
        cancelled.cancel()
        await fake.advance(10)

    assert woke == [("now", 0.0), ("early", 1.0), ("late", 3.0)]
    assert fake.sleeping == 0


def test_a_shared_clock_runs_on_when_that_of_the_machine_is_set_and_is_put_right_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall_ns, steady_ns = 1_795_352_520_000_000_000, 5_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: steady_ns)
    shared = clock.SharedClock()
    assert shared.now_us() == 1_795_352_520_000_000

    wall_ns += 3_601 * 1_000_000_000
    steady_ns += 1_000_000_000
    assert shared.now_us() == 1_795_352_521_000_000
    wall_ns -= 2 * 3_600 * 1_000_000_000
    assert shared.now_us() == 1_795_352_521_000_000

    shared.put_right(60_000_000)

    assert shared.now_us() == 1_795_352_461_000_000


def test_who_measures_has_a_steady_clock_and_who_writes_instants_down_that_of_the_machine() -> None:
    clocks = {name: type(service._clock_of(name)) for name in get_args(ServiceName)}
    assert {name for name, kind in clocks.items() if kind is clock.SteadyClock} == {
        "execution",
        "decision",
    }
    assert {name for name, kind in clocks.items() if kind is clock.SharedClock} == {"workflow"}
