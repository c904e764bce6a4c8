"""Devices over a leaf node, WebSocket and MQTT: the examples, as they are but for their ports."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.testkit.nats_server import find_nats_server
from stretto.testkit.ports import free_port

from ..running import COMMAND, EXAMPLES, Dev, end, wait_for
from .conftest import begin, events, present, until

FOLDER = EXAMPLES / "devices"
READ = (FOLDER / "workflow.yaml").read_text()


class Hub:
    """The servers of the examples, on free ports, and the services beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {port: free_port() for port in ("4222", "4223", "7422", "8080", "1883")}
        self.processes: list[subprocess.Popen[str]] = []
        self.dev: Dev | None = None

    def serve(self, name: str, port: str) -> None:
        """Start a server with a configuration of the examples; return when it listens."""
        text = (FOLDER / name).read_text().replace("/tmp/stretto-hub", str(self.folder / "hub"))
        for usual, free in self.ports.items():
            text = re.sub(rf"(127\.0\.0\.1:){usual}\b", rf"\g<1>{free}", text)
        config = self.folder / name
        config.write_text(text)
        self.begin([str(find_nats_server()), "-c", str(config)])
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[port]), timeout=1).close()
            except OSError:
                assert time.monotonic() < deadline, f"{name} does not listen"
                time.sleep(0.05)
            else:
                return

    def begin(self, command: list[str], **told: str) -> None:
        with (self.folder / f"out-{len(self.processes)}").open("w") as out:
            self.processes.append(
                subprocess.Popen(
                    command, env={**os.environ, **told}, stdout=out, stderr=out, text=True
                )
            )

    def device(self, url: str, name: str) -> None:
        command = [*COMMAND, "worker", str(FOLDER / "device.py")]
        self.begin(command, STRETTO_NATS_URL=url, DEVICE=name)

    def url(self, port: str, scheme: str = "nats") -> str:
        return f"{scheme}://127.0.0.1:{self.ports[port]}"

    def said(self) -> str:
        """What the last process that was begun has said."""
        return (self.folder / f"out-{len(self.processes) - 1}").read_text()[-2_000:]

    def close(self) -> None:
        for process in reversed(self.processes):
            end(process)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    folder = Path(tempfile.mkdtemp(prefix="stretto-ways-"))
    made = Hub(folder)
    try:
        made.serve("hub.conf", "4222")
        ready = folder / "ready.json"
        command = ["dev", "--data", str(folder / "dev"), "--nats", made.url("4222")]
        made.begin([*COMMAND, *command, "--ready-file", str(ready)])
        made.dev = Dev(folder / "dev", wait_for(ready, made.processes[-1]))
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def read(hub: Hub, folder: Path, device: str) -> object:
    """Have a device read its meter, twice; what the second run gave."""
    dev = hub.dev
    assert dev is not None
    until(lambda: device in present(dev), hub.said)
    for _ in range(2):
        run = begin(dev, folder, READ, f'devices=["{device}"]')
        dev.call("watch", run)
    log = events(dev, run)
    assert [e["data"]["device"] for e in log if e["type"] == "step.bound"] == [device]
    [output] = log[-1]["data"]["output"]
    return output


def test_a_device_behind_a_leaf_node(hub: Hub, tmp_path: Path) -> None:
    hub.serve("leaf.conf", "4223")
    hub.device(hub.url("4223"), "edge-leaf")
    assert read(hub, tmp_path, "edge-leaf") == {"channel": "a", "value": 21.5, "by": "edge-leaf"}


def test_a_device_over_websocket(hub: Hub, tmp_path: Path) -> None:
    hub.device(hub.url("8080", "ws"), "edge-ws")
    assert read(hub, tmp_path, "edge-ws") == {"channel": "a", "value": 21.5, "by": "edge-ws"}


def test_a_device_over_mqtt(hub: Hub, tmp_path: Path) -> None:
    port = str(hub.ports["1883"])
    hub.begin([sys.executable, str(FOLDER / "mqtt_device.py"), "127.0.0.1", port, "meter-1"])
    assert read(hub, tmp_path, "meter-1") == {"value": 20.25, "by": "meter-1"}
