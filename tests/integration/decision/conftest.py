"""The decision service in this process, and who asks it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from services.decision.answering import Answering
from services.decision.caching.caches import open_caches
from services.decision.settings import DecisionSettings
from stretto.bus.connection import Connection, connect
from stretto.runtime.context import ServiceContext
from stretto.runtime.service import serve
from stretto.runtime.settings import read_settings
from tests.integration.decision.asking import DEADLINE_S, Asker


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Connection]:
    async with await connect(nats_url, "test") as connection:
        yield connection


@pytest.fixture
async def asker(bus: Connection) -> AsyncIterator[Asker]:
    asker = Asker(bus)
    await asker.open()
    yield asker
    await asker.close()


@dataclass
class Decision:
    """The service under test."""

    context: ServiceContext[DecisionSettings]
    answering: Answering


@asynccontextmanager
async def decision_service(nats_url: str, **settings: object) -> AsyncIterator[Decision]:
    """Run the service in this process until the block ends, then stop it with a signal."""
    began: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()

    async def main(context: ServiceContext[DecisionSettings]) -> None:
        async with open_caches(context) as caches:
            answering = Answering(context, caches=caches)
            began.set_result(Decision(context, answering))
            await answering.run()

    read = read_settings(DecisionSettings, nats_url=nats_url, **settings)
    task = asyncio.ensure_future(serve("decision", "decision-1", read, main))
    async with asyncio.timeout(DEADLINE_S):
        decision = await began
        while not decision.context.health.ready:  # noqa: ASYNC110 - said by the service
            await asyncio.sleep(0.01)
    yield decision
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(DEADLINE_S):
        assert await task == 0


@pytest.fixture
async def decision(nats_url: str) -> AsyncIterator[Decision]:
    async with decision_service(nats_url) as running:
        yield running
