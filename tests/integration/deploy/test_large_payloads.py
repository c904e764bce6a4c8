"""Large payloads with the rights of the deployment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stretto import Worker
from stretto.client import Client, Run
from stretto.client.connecting import Connecting
from stretto.runtime.access import inbox_prefix
from stretto.runtime.errors import TransientError

from .conftest import Deployed

PATIENCE_S = 60.0
SWEPT_S = 120.0
"""What was lost with the store is sent again by the sweep at the latest, after a minute or so."""

POLL_S = 0.05
TEXT = "x" * 2_000_000

PASSED_ON = """
workflow: passed-on
steps:
  twice: {task: rights.twice, with: {text: "${{ input.text }}"}}
output: ${{ steps.twice.output }}
"""

LATER = """
workflow: later
steps:
  told: {signal: go}
  twice:
    needs: [told]
    task: rights.twice
    with: {text: "${{ input.text }}"}
output: ${{ steps.twice.output }}
"""


@asynccontextmanager
async def working(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Run a worker with the rights of workers."""
    monkeypatch.setenv("STRETTO_NATS_INBOX_PREFIX", inbox_prefix("worker"))
    stopping = asyncio.Event()
    worker = Worker(queue="rights", url=deployed.nats_as("worker"))

    @worker.task("rights.twice")
    async def twice(text: str) -> str:
        return text + text

    async with asyncio.TaskGroup() as group:
        group.create_task(worker.run(stopping))
        yield
        stopping.set()


def client_of(deployed: Deployed) -> Connecting[Client]:
    return Client.connect(deployed.nats, inbox_prefix=inbox_prefix("client"))


async def test_client_and_worker_may_carry_large_payloads(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given
    before = deployed.violations()
    async with working(deployed, monkeypatch), client_of(deployed) as client:
        await client.register(PASSED_ON)
        async with asyncio.timeout(PATIENCE_S):
            # When
            run = await client.start("passed-on", {"text": TEXT})
            # Then
            assert await run.result() == TEXT + TEXT
    assert deployed.violations() == before


async def test_a_payload_outlives_the_whole_message_store(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: a run that waits, accepted by the log
    async with client_of(deployed) as client:
        await client.register(LATER)
        run = await client.start("later", {"text": TEXT}, wait_accepted=True)
        # When
        await deployed.bus.wipe_store()
        # Then
        async with working(deployed, monkeypatch):
            async with asyncio.timeout(PATIENCE_S):
                await _told_when_possible(run)
            try:
                assert await run.result(SWEPT_S) == TEXT + TEXT
            except TimeoutError:
                waits = (await run.explain())["pending"]
                pytest.fail(f"{waits}\n{deployed.log('workflow')}\n{deployed.log('execution')}")


async def _told_when_possible(run: Run) -> None:
    """Signals are refused while their stream is being made again."""
    while True:
        try:
            await run.signal("go")
        except TransientError:
            await asyncio.sleep(POLL_S)
        else:
            return
