"""Large payloads with the rights of the deployment."""

import asyncio

import pytest

from stretto import Worker
from stretto.client import Client
from stretto.runtime.access import inbox_prefix

from .conftest import Deployed

PATIENCE_S = 60.0
TEXT = "x" * 2_000_000

PASSED_ON = """
workflow: passed-on
steps:
  twice: {task: rights.twice, with: {text: "${{ input.text }}"}}
output: ${{ steps.twice.output }}
"""


async def test_client_and_worker_may_carry_large_payloads(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given
    before = deployed.violations()
    stopping = asyncio.Event()
    monkeypatch.setenv("STRETTO_NATS_INBOX_PREFIX", inbox_prefix("worker"))
    worker = Worker(queue="rights", url=deployed.nats_as("worker"))

    @worker.task("rights.twice")
    async def twice(text: str) -> str:
        return text + text

    # When
    connecting = Client.connect(deployed.nats, inbox_prefix=inbox_prefix("client"))
    async with connecting as client, asyncio.TaskGroup() as group:
        group.create_task(worker.run(stopping))
        await client.register(PASSED_ON)
        async with asyncio.timeout(PATIENCE_S):
            run = await client.start("passed-on", {"text": TEXT})
            assert await run.result() == TEXT + TEXT
        stopping.set()
    # Then
    assert deployed.violations() == before
