"""A fake workflow service and a client, in a NATS account of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stretto.bus.connection import connect
from stretto.client import Client
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.ports import free_port

ECHO = "workflow: echo\nsteps:\n  one: {task: echo}\n  two: {task: echo}\n"
HOLD = "workflow: hold\nsteps:\n  wait: {task: hold}\n  after: {task: echo}\n"
FAIL = "workflow: fail\nsteps:\n  breaks: {task: fail}\n"


@pytest.fixture
async def workflow(nats_url: str) -> AsyncIterator[FakeWorkflow]:
    async with await connect(nats_url, "fake") as connection, FakeWorkflow(connection) as fake:
        for source in (ECHO, HOLD, FAIL):
            fake.define(source)
        yield fake


@pytest.fixture
async def client(nats_url: str, workflow: FakeWorkflow) -> AsyncIterator[Client]:
    async with Client.connect(nats_url) as client:
        yield client


@pytest.fixture
def unused_port() -> int:
    return free_port()
