"""A device: the same over TCP, a leaf node (another URL) and WebSocket (`ws://` in the URL).

DEVICE=edge-1 STRETTO_NATS_URL=ws://127.0.0.1:8080 stretto worker docs/examples/devices/device.py
"""

import os

from stretto import Worker

NAME = os.environ.get("DEVICE", "edge-1")

worker = Worker(name=NAME, slots=2, queue="edge", attributes={"site": "edge"})


@worker.task("meter.read")
def read(channel: str) -> dict[str, object]:
    """Read a meter, so to speak."""
    return {"channel": channel, "value": 21.5, "by": NAME}
