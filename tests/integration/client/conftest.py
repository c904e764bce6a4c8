"""A fake workflow service and a client, in a NATS account of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stretto.client import Client
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.ports import free_port
from tests.integration.stand_in import fake_workflow


@pytest.fixture
async def workflow(nats_url: str) -> AsyncIterator[FakeWorkflow]:
    async with fake_workflow(nats_url) as fake:
        yield fake


@pytest.fixture
async def client(nats_url: str, workflow: FakeWorkflow) -> AsyncIterator[Client]:
    async with Client.connect(nats_url) as client:
        yield client


@pytest.fixture
def unused_port() -> int:
    return free_port()
