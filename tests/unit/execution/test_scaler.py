"""What the execution service says of its queues: what waits in its lanes, and who is present."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from services.execution import scaling
from services.execution.core.line import Line
from services.execution.core.roster import Roster
from services.execution.scaling import Scaler
from services.execution.settings import ExecutionSettings
from stretto.contracts.public import Presence
from stretto.contracts.scaling import Scaling
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics

S = 1_000_000


class Clock:
    """Gives way at every sleep; stands where it is put."""

    def __init__(self) -> None:
        self.us = 0

    def now_us(self) -> int:
        return self.us

    async def sleep(self, seconds: float) -> None:
        self.us += round(seconds * S)
        await asyncio.sleep(0)


class Bus:
    """Keeps what is published; fails as often as it is told."""

    is_connected = True

    def __init__(self) -> None:
        self.said: list[tuple[str, Scaling]] = []
        self.failures = 0

    async def publish(self, subject: str, data: bytes) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("bus.lost", "expected a connection, but it went")
        self.said.append((subject, msgspec.json.decode(data, type=Scaling)))


def line(waiting: int, out: int, mean_s: float = 0.0, queue: str = "q") -> Line:
    made = Line("default", queue)
    made.waiting, made.out, made.mean_us = waiting, out, mean_s * S
    return made


class Place:
    """A scaler with lanes whose lines are given."""

    def __init__(self, *lanes: list[Line] | None) -> None:
        self.clock, self.bus, self.metrics, self.roster = Clock(), Bus(), Metrics(), Roster()
        context: Any = SimpleNamespace(
            clock=self.clock,
            connection=self.bus,
            metrics=self.metrics,
            instance="execution-1",
            settings=ExecutionSettings(scale_target_s=10, scale_down_after_s=30),
        )
        self.lanes: list[Any] = [
            SimpleNamespace(
                desk=None if lines is None else SimpleNamespace(core=SimpleNamespace(lines=lines))
            )
            for lines in lanes
        ]
        self.scaler = Scaler(context, self.roster, cast(Any, self.lanes))

    def present(self, name: str, slots: int, busy: int = 0) -> None:
        word = Presence(device=name, queue="q", tasks=["t"], slots=slots, busy=busy)
        self.roster.hear("default", name, word, 0)


def test_what_waits_in_all_lanes_is_added_up() -> None:
    place = Place([line(100, 4, 0.5)], [line(300, 6, 1.0)], None)
    place.present("a", 2, busy=2)
    place.present("b", 2, busy=1)
    said = place.scaler.look()["default", "q"]
    assert (said.waiting, said.in_flight, said.workers, said.slots) == (400, 10, 2, 4)
    assert (said.busy, said.mean_ms, said.wanted) == (3, 1000, 21)
    assert said.wait_ms == pytest.approx(407 / 4 * 1000)
    assert (
        place.metrics.gauges()['stretto_scaling_wanted_workers{namespace="default",queue="q"}']
        == 21
    )


def test_a_queue_without_anything_is_still_told_and_falls_back() -> None:
    lines = [line(100, 0, 1.0)]
    place = Place(lines)
    assert place.scaler.look()["default", "q"].wanted == 1
    assert place.scaler.look()["default", "q"].wait_ms is None
    lines.clear()
    place.clock.us = 31 * S
    assert place.scaler.look()["default", "q"].wanted == 0


def test_so_many_queues_are_told_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "MAX_QUEUES", 2)
    place = Place([line(1, 0, queue=f"q{n}") for n in range(3)])
    assert len(place.scaler.look()) == 2
    assert len(place.scaler.look()) == 2


async def test_it_is_said_every_second_while_a_lane_is_ours_and_the_bus_is_there() -> None:
    place = Place(None)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        saying = group.create_task(place.scaler.run())

        async def until(seconds: float) -> None:
            end = place.clock.us + seconds * S
            while place.clock.us < end:  # noqa: ASYNC110 - a clock of our own
                await asyncio.sleep(0)

        await until(3)
        assert place.bus.said == []  # somebody else's lane
        place.lanes[0].desk = SimpleNamespace(core=SimpleNamespace(lines=[line(5, 0)]))
        place.bus.failures = 1
        await until(3)
        assert {subject for subject, _ in place.bus.said} == {"stretto.scaling.default.q"}
        count = len(place.bus.said)
        place.bus.is_connected = False
        await until(3)
        assert len(place.bus.said) <= count + 1
        saying.cancel()
