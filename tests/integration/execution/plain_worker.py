"""A worker with nothing but a NATS client (nats-py), as `docs/protocol.md` describes it."""

import asyncio
import json
import os

import nats
from nats.js.api import ConsumerConfig


async def main() -> None:
    client = await nats.connect(os.environ["STRETTO_NATS_URL"])
    stream = client.jetstream()
    config = ConsumerConfig(filter_subject="stretto.work.default.plain", ack_wait=10)
    work = await stream.pull_subscribe(
        "stretto.work.default.plain",
        durable="work-default-plain",
        stream="STRETTO_WORK",
        config=config,
    )
    while True:
        try:
            messages = await work.fetch(1, timeout=5)
        except nats.errors.TimeoutError:
            continue
        for message in messages:
            for task in json.loads(message.data)["tasks"]:
                output = task["input"]["text"].upper()
                result = {"id": task["id"], "status": "completed", "output": output}
                await stream.publish(task["reply"], json.dumps({"results": [result]}).encode())
            await message.ack()


asyncio.run(main())
