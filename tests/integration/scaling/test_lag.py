"""What KEDA reads: the lag of a queue's consumer, from the server's monitoring port."""

from __future__ import annotations

import asyncio
import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from stretto.testkit.servers import NatsServer
from tests.deployed import ROOT
from tests.integration.execution.world import execution, record, world

MANIFEST = ROOT / "deploy" / "keda" / "worker.yaml"


def lag(url: str, trigger: dict[str, str]) -> int | None:
    """The lag as KEDA counts it: what waits in the consumer and what is out at workers."""
    query = urllib.parse.urlencode(
        {"acc": trigger["account"], "consumers": "true", "config": "true"}
    )
    with urllib.request.urlopen(f"{url}/jsz?{query}", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    for account in found["account_details"]:
        for stream in account.get("stream_detail", []) if account["name"] == "$G" else []:
            for consumer in stream.get("consumer_detail", []):
                if (stream["name"], consumer["name"]) == (trigger["stream"], trigger["consumer"]):
                    return int(consumer["num_pending"] + consumer["num_ack_pending"])
    return None


async def test_the_lag_that_keda_reads_is_what_waits_in_the_queue(data_dir: Path) -> None:
    _, scaled = yaml.safe_load_all(MANIFEST.read_text())
    trigger = scaled["spec"]["triggers"][0]["metadata"]
    server = NatsServer(data_dir, monitoring_port=0)
    await server.start()
    try:
        url = server.monitoring_url
        assert url is not None
        async with world(server.url) as here, execution(server.url):
            await here.dispatch(*(record("charge", n=n, queue="payments") for n in range(7)))
            await here.until_lane(out=7)

            async def counted() -> bool:
                return await asyncio.to_thread(lag, url, trigger) == 7

            await here.until_true_async(counted)
    finally:
        await server.stop()
