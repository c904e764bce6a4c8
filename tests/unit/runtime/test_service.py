"""What has no place in a test of a whole life of a service."""

import asyncio
import signal
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stretto.runtime import service
from stretto.runtime.health import Component
from stretto.telemetry.metrics import Metrics


async def test_a_signal_before_anything_is_open_is_remembered() -> None:
    stop = service._Stop()
    stop.signalled(signal.SIGTERM)
    assert stop.asked.is_set()


async def test_a_signal_while_the_end_is_near_changes_nothing() -> None:
    stop, component = service._Stop(), Component("service", "starting")
    async with asyncio.timeout(None) as limit:
        stop.opens(limit, component)
        stop.works(600)
        stop.ended()
        stop.signalled(signal.SIGINT)
        stop.signalled(signal.SIGINT)
        await asyncio.sleep(0)
    assert not limit.expired()
    assert component.why == "stopping"


def test_where_uvloop_does_not_exist_the_usual_loop_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert service._loop_factory() is None


async def test_figures_of_a_time_without_a_connection_are_dropped_and_later_ones_come() -> None:
    class Cut:
        """A connection that is back when it is asked for the third time."""

        def __init__(self) -> None:
            self.asked = 0
            self.published = asyncio.Event()

        @property
        def is_connected(self) -> bool:
            self.asked += 1
            return self.asked >= 3

        async def publish(self, subject: str, _data: bytes) -> None:
            assert (subject, self.asked) == ("stretto.stats.decision", 3)
            self.published.set()
            await asyncio.Event().wait()

    connection = Cut()
    context = SimpleNamespace(
        service="decision",
        instance="one",
        connection=connection,
        metrics=Metrics(),
        settings=SimpleNamespace(stats_interval_s=0.001),
    )
    telling = asyncio.create_task(service._tell(cast(Any, context)))
    async with asyncio.timeout(20):
        await connection.published.wait()
    telling.cancel()
    await asyncio.wait([telling])
    assert telling.cancelled()
