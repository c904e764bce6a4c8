"""What has no place in a test of a whole life of a service."""

import asyncio
import signal
import sys

import pytest

from stretto.runtime import service
from stretto.runtime.health import Component


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
