"""Payloads too large for a message, from a client through steps to a client, as people use them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from stretto import Client, Worker
from stretto.client.errors import Rejected, RunFailed
from stretto.contracts import subjects
from stretto.contracts.payload import MAX_STORED_BYTES
from tests.integration.running import Dev

MIB = 1024 * 1024
WITHIN_S = 60.0

LARGE = """
workflow: large
input:
  type: object
  required: [text]
  properties: {text: {type: string, maxLength: 30000000}, more: {type: integer}}
steps:
  double:
    task: large.double
    with: {text: "${{ input.text }}"}
  count:
    task: large.count
    with: {all: "${{ steps.double.output }}", label: "n ${{ input.more }}"}
output:
  doubled: ${{ steps.double.output }}
  count: ${{ steps.count.output }}
"""

LOOKS = """
workflow: looks
steps:
  size: {set: {n: "${{ input.text.size() }}"}}
output: ${{ steps.size.output.n }}
"""

TOLD = """
workflow: told
steps:
  heard: {signal: news}
  whole: {workflow: inner, with: {text: "${{ steps.heard.output.text }}"}}
output: ${{ steps.whole.output }}
"""

INNER = """
workflow: inner
steps:
  count: {task: large.count, with: {all: {text: "${{ input.text }}"}, label: inner}}
output:
  text: ${{ input.text }}
  n: ${{ steps.count.output }}
"""


def large_worker(url: str) -> Worker:
    worker = Worker(queue="large", url=url)

    @worker.task("large.double")
    async def double(text: str) -> dict[str, str]:
        return {"text": text + text}

    @worker.task("large.count")
    def count(all: dict[str, Any], label: str) -> int:  # noqa: A002 - its name in the definition
        return len(all["text"])

    return worker


@pytest.fixture
async def client(dev: Dev) -> AsyncIterator[Client]:
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group, Client.connect(dev.ready["nats"]) as client:
        group.create_task(large_worker(dev.ready["nats"]).run(stopping))
        for source in (LARGE, LOOKS, INNER, TOLD):
            await client.register(source)
        try:
            async with asyncio.timeout(WITHIN_S):
                yield client
        finally:
            stopping.set()


@pytest.mark.parametrize("size", [10, 400_000, 3 * MIB, 10 * MIB])
async def test_a_payload_of_any_size_goes_through_a_run(client: Client, size: int) -> None:
    run = await client.start("large", {"text": "x" * size, "more": 1})

    assert await run.result() == {"doubled": {"text": "xx" * size}, "count": 2 * size}


async def test_a_run_holds_references_and_the_log_their_values(client: Client) -> None:
    run = await client.start("large", {"text": "y" * MIB, "more": 1})
    await run.result()

    state = await run.state()

    assert state["input"]["more"] == 1
    assert state["input"]["text"]["bytes"] == MIB + 2
    step = next(s for s in state["steps"] if s["step"] == "double")
    assert step["output"]["text"].keys() == {"$payload", "bytes"}


async def test_what_the_object_store_lost_comes_from_the_log(client: Client, dev: Dev) -> None:
    # Given
    text = "z" * MIB
    run = await client.start("large", {"text": text, "more": 1})
    await run.result()
    # When
    reply = await client.connection.request(
        f"$JS.API.STREAM.PURGE.{subjects.STREAM_PAYLOADS}", b"{}"
    )
    assert b'"success":true' in reply.data
    # Then
    async with Client.connect(dev.ready["nats"]) as other:
        found = await other.get(run.id).result()
    assert found["doubled"]["text"] == text + text


async def test_an_expression_reads_a_payload_that_fits(client: Client) -> None:
    run = await client.start("looks", {"text": "x" * 2 * MIB})
    assert await run.result() == 2 * MIB


async def test_an_expression_over_a_payload_that_does_not_fit_says_so(client: Client) -> None:
    run = await client.start("looks", {"text": "x" * 6 * MIB})
    with pytest.raises(RunFailed, match=r"`input.text` .*expected at most \d+ bytes") as failed:
        await run.result()
    assert failed.value.failure is not None
    assert failed.value.failure.type == "TooLarge"


async def test_signals_and_children_carry_large_payloads(client: Client) -> None:
    run = await client.start("told")
    await run.signal("news", {"text": "s" * 5 * MIB})
    assert await run.result() == {"text": "s" * 5 * MIB, "n": 5 * MIB}


async def test_a_fork_takes_large_payloads_over(client: Client) -> None:
    run = await client.start("large", {"text": "f" * MIB, "more": 1})
    await run.result()
    fork = await client.fork(run.id, step="count")
    assert await fork.result() == {"doubled": {"text": "f" * 2 * MIB}, "count": 2 * MIB}


async def test_an_input_that_does_not_fit_its_schema_is_refused_whatever_its_size(
    client: Client,
) -> None:
    with pytest.raises(Rejected) as refused:
        run = await client.start("large", {"text": ["x" * MIB]}, wait_accepted=True)
        await run.result()
    assert refused.value.code == "input_invalid"


async def test_a_payload_above_every_limit_is_refused_by_the_client(client: Client) -> None:
    with pytest.raises(Rejected, match=f"expected at most {MAX_STORED_BYTES} bytes"):
        await client.start("large", {"text": "x" * MAX_STORED_BYTES})


async def test_a_reference_to_nothing_is_refused(client: Client) -> None:
    nothing = {"$payload": "0" * 64, "bytes": 10}
    with pytest.raises(Rejected) as refused:
        run = await client.start("large", {"text": nothing}, wait_accepted=True)
        await run.result()
    assert refused.value.code == "payload_missing"
