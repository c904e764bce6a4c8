"""A device that is away: what was meant for it waits, whatever is restarted, and is done once."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stretto.testkit.servers import NatsServer, PostgresServer

from ..running import COMMAND, Dev, end, wait_for
from .conftest import Fleet, begin, events, told, until

INSTALL = """\
workflow: offline
steps:
  install:
    for_each: [off-1]
    task: fw.install
    with: {version: "2.1"}
    timeout: {queue: 5d, run: 1h}
    route: {where: "${{ device.name == item }}"}
"""


class House:
    """Servers, and services that are begun and ended as one likes."""

    def __init__(self, folder: Path, nats: NatsServer, postgres: PostgresServer) -> None:
        self.folder = folder
        self.nats = nats
        self.postgres = postgres
        self.process: subprocess.Popen[str] | None = None

    def begin(self) -> Dev:
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                *COMMAND, "dev", "--data", str(self.folder / "state"), "--ready-file", str(ready),
                "--nats", self.nats.url, "--postgres", self.postgres.dsn,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        return Dev(self.folder / "state", wait_for(ready, self.process))

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            end(self.process)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    folder = Path(tempfile.mkdtemp(prefix="stretto-fleet-"))
    nats = NatsServer(folder / "nats")
    postgres = PostgresServer(folder / "postgres")
    made = House(folder, nats, postgres)
    try:
        await nats.start()
        await postgres.start()
        yield made
    finally:
        made.end()
        await nats.stop()
        await postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def devices(house: House, tmp_path: Path) -> AsyncIterator[Fleet]:
    made = Fleet(lambda: {**os.environ, "STRETTO_NATS_URL": house.nats.url}, tmp_path)
    try:
        yield made
    finally:
        made.close()


def completed(dev: Dev, run: str) -> list[str]:
    return [e["step"] for e in events(dev, run) if e["type"] == "step.completed"]


async def test_what_was_sent_to_a_device_that_is_away_is_done_once_when_it_is_back(
    house: House, devices: Fleet, tmp_path: Path
) -> None:
    dev = house.begin()
    devices.start("off-1")
    until(lambda: "off-1" in [d["device"] for d in dev.json("devices")["devices"]])
    devices.kill("off-1")
    run = begin(dev, tmp_path, INSTALL)
    until(lambda: "waits for a device that fits" in told(dev, run), lambda: told(dev, run))

    house.end()
    await house.nats.stop()
    await house.postgres.stop()
    await house.postgres.start()
    await house.nats.start()
    dev = house.begin()

    until(lambda: "waits for" in told(dev, run), lambda: told(dev, run))
    assert devices.done == []
    devices.start("off-1")
    dev.call("watch", run)
    assert devices.done == ["off-1 install 2.1"]
    assert completed(dev, run) == ["install[0]", "install"]
    assert {e["data"]["attempt"] for e in events(dev, run) if e["type"] == "step.bound"} == {1}


@pytest.mark.long
async def test_a_device_that_was_cut_off_while_it_worked_reconciles_when_it_is_back(
    house: House, devices: Fleet, tmp_path: Path
) -> None:
    dev = house.begin()
    devices.start("off-1", seconds=6)
    run = begin(dev, tmp_path, INSTALL)
    until(lambda: devices.done == ["off-1 install 2.1"])
    device = devices.processes["off-1"]
    device.send_signal(signal.SIGSTOP)
    try:
        house.end()
        await house.nats.stop()
        await house.nats.start()
        dev = house.begin()
        until(lambda: "waits for" in told(dev, run), lambda: told(dev, run))
        assert "off-1" not in [d["device"] for d in dev.json("devices")["devices"]]
    finally:
        device.send_signal(signal.SIGCONT)

    dev.call("watch", run)
    assert devices.done == ["off-1 install 2.1"], "it was not done a second time"
    assert completed(dev, run) == ["install[0]", "install"]


@pytest.mark.long
async def test_a_device_that_never_comes_back_is_not_waited_for_past_its_deadline(
    house: House, devices: Fleet, tmp_path: Path
) -> None:
    dev = house.begin()
    run = begin(dev, tmp_path, INSTALL.replace("queue: 5d", "queue: 2s"))
    house.end()
    dev = house.begin()
    dev.call("watch", run, expect=1)
    failure = events(dev, run)[-1]["data"]["failure"]
    assert failure["type"] == "QueueTimeout"
    devices.start("off-1")
    until(lambda: "off-1" in [d["device"] for d in dev.json("devices")["devices"]])
    assert devices.done == []
