"""The monitoring service beside a fake workflow service, with a client to ask it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest

from services.monitoring import intake, service
from services.monitoring.service import main
from services.monitoring.settings import MonitoringSettings
from stretto.client import Client
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.isolation import Databases
from stretto.testkit.service_host import Hosted, hosted
from tests.integration.schemas import monitoring_database
from tests.integration.stand_in import fake_workflow

T = TypeVar("T")

WITHIN_S = 15.0


async def eventually(
    ask: Callable[[], Awaitable[T]], wanted: Callable[[T], bool], within_s: float = WITHIN_S
) -> T:
    """Ask until the answer is as wanted; an AssertionError shows the last one."""
    last: T | None = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                last = await ask()
                if wanted(last):
                    return last
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"still {last}") from None


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look around more often than it would."""
    monkeypatch.setattr(intake, "LOOK_S", 0.1)
    monkeypatch.setattr(intake, "STATISTICS_S", 0.2)
    monkeypatch.setattr(service, "TAKE_OVER_S", 0.1)


@pytest.fixture
async def monitoring_dsn(databases: Databases) -> AsyncIterator[str]:
    async with monitoring_database(databases) as dsn:
        yield dsn


@pytest.fixture
def settings(nats_url: str, monitoring_dsn: str) -> MonitoringSettings:
    here = os.getpriority(os.PRIO_PROCESS, 0)
    return MonitoringSettings(nats_url=nats_url, postgres_dsn=monitoring_dsn, nice=here)


@pytest.fixture
async def workflow(nats_url: str) -> AsyncIterator[FakeWorkflow]:
    async with fake_workflow(nats_url) as fake:
        yield fake


@pytest.fixture
async def monitoring(
    settings: MonitoringSettings, workflow: FakeWorkflow
) -> AsyncIterator[Hosted[MonitoringSettings]]:
    async with hosted("monitoring", settings, main) as host:
        await host.ready()
        yield host


@pytest.fixture
async def client(nats_url: str, workflow: FakeWorkflow) -> AsyncIterator[Client]:
    async with Client.connect(nats_url) as client:
        yield client
