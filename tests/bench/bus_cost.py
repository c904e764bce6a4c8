"""What the bus costs: `python -m tests.bench.bus_cost [--json]`; about five seconds.

CPU is this process's own (client side), per message. Latency is a message that is published,
pulled, answered by another publish and pulled again, one at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2] / "libs"))

from stretto.bus.connection import Connection, connect
from stretto.bus.ensure import ensure
from stretto.bus.message import ack_all
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.pull import PullLoop
from stretto.bus.topology import Consumer, Stream
from stretto.testkit.servers import NatsServer

PAYLOAD = b"x" * 200
BURST = 20_000
ROUNDS = 3
TRIPS = 700

STREAMS = [
    Stream(name=name, subjects=(f"{name}.*",), storage=storage, retention="workqueue")
    for name, storage in (("memory", "memory"), ("file", "file"))
]
CONSUMERS = [
    Consumer(stream=name, name=side, filter_subjects=(f"{name}.{side}",))
    for name in ("memory", "file")
    for side in ("there", "back")
]


async def cpu_us(action: Callable[[], Awaitable[None]], messages: int) -> tuple[float, float]:
    """Return microseconds of CPU and of time for each message."""
    cpu, clock = time.process_time(), time.perf_counter()
    await action()
    return (
        (time.process_time() - cpu) / messages * 1e6,
        (time.perf_counter() - clock) / messages * 1e6,
    )


async def throughput(bus: Connection, publisher: Publisher) -> dict[str, float]:
    """Publish in bursts with a window, pull and acknowledge in batches."""
    results: dict[str, float] = {}

    async def publish() -> None:
        base = publisher._last
        await publisher.publish_many(
            Outgoing("memory.there", PAYLOAD, f"m-{base}-{n}") for n in range(BURST)
        )

    async def pull() -> None:
        left = BURST
        while left:
            batch = await loop.next_batch()
            ack_all(batch)
            left -= len(batch)

    async with PullLoop(bus, "memory", "there") as loop:
        for _ in range(ROUNDS):
            published, pulled = await cpu_us(publish, BURST), await cpu_us(pull, BURST)
            for name, (cpu, clock) in (("publish", published), ("pull+ack", pulled)):
                results[f"{name} cpu µs"] = min(results.get(f"{name} cpu µs", 1e9), cpu)
                results[f"{name} time µs"] = min(results.get(f"{name} time µs", 1e9), clock)
    return results


async def round_trips(bus: Connection, publisher: Publisher, stream: str) -> dict[str, float]:
    """Publish → pull → publish → pull, one at a time."""
    async with PullLoop(bus, stream, "there") as there, PullLoop(bus, stream, "back") as back:

        async def answer() -> None:
            for _ in range(TRIPS):
                [message] = await there.next_batch()
                await publisher.publish(f"{stream}.back", message.data)
                message.ack()

        took: list[float] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(answer())
            for _ in range(TRIPS):
                began = time.perf_counter()
                sent = await publisher.send(f"{stream}.there", PAYLOAD)
                [message] = await back.next_batch()
                took.append((time.perf_counter() - began) * 1e3)
                message.ack()
                await sent
    took.sort()
    return {
        f"{stream} trip p50 ms": took[len(took) // 2],
        f"{stream} trip p99 ms": took[len(took) * 99 // 100],
    }


async def measure() -> dict[str, float]:
    """Start a server, measure, and stop it."""
    with tempfile.TemporaryDirectory(prefix="stretto-bench-") as directory:
        server = NatsServer(directory)
        await server.start()
        try:
            async with await connect(server.url, "bench") as bus:
                await ensure(bus, STREAMS, CONSUMERS)
                async with Publisher(bus) as publisher:
                    results = await throughput(bus, publisher)
                    for stream in STREAMS:
                        results |= await round_trips(bus, publisher, stream.name)
        finally:
            await server.stop()
    return results


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    results = uvloop.run(measure())
    if arguments.json:
        print(json.dumps({name: round(value, 3) for name, value in results.items()}))
        return
    for name, value in results.items():
        print(f"{name:24} {value:8.2f}")


if __name__ == "__main__":
    main()
