"""The stand-in of the workflow service, with the definitions that many tests start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stretto.bus.connection import connect
from stretto.testkit.fake_workflow import FakeWorkflow

ECHO = "workflow: echo\nsteps:\n  one: {task: echo}\n  two: {task: upper}\n"
HOLD = "workflow: hold\nsteps:\n  wait: {task: hold}\n  after: {task: echo}\n"
FAIL = "workflow: fail\nsteps:\n  breaks: {task: fail}\n"


@asynccontextmanager
async def fake_workflow(nats_url: str) -> AsyncIterator[FakeWorkflow]:
    """Give one that knows ECHO, HOLD and FAIL."""
    async with await connect(nats_url, "fake") as connection, FakeWorkflow(connection) as fake:
        for source in (ECHO, HOLD, FAIL):
            fake.define(source)
        yield fake
