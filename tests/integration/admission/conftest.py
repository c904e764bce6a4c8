"""The whole product with named resources and rates, and a worker of four slots."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..running import COMMAND, Dev, end, wait_for
from ..whole.conftest import Whole

WORKERS = Path(__file__).with_name("workers.py")
MODULES = ("workers.py", "slow_workers.py")
SETTINGS = {
    "STRETTO_RESOURCES": '{"gpu": 2, "licence/cad": 1}',
    "STRETTO_RATES": '{"admission-slow": "10/s"}',
}


@contextmanager
def developing(settings: dict[str, str]) -> Iterator[Dev]:
    """Run `stretto dev` with these settings until the block ends."""
    data = Path(tempfile.mkdtemp(prefix="stretto-admission-"))
    ready_file = data / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "dev", "--data", str(data / "state"), "--ready-file", str(ready_file)],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Dev(data / "state", wait_for(ready_file, process))
    finally:
        if process.poll() is None:
            end(process)
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="package")
def limited() -> Iterator[Dev]:
    with developing(SETTINGS) as dev:
        yield dev


@pytest.fixture(scope="package")
def worker(limited: Dev) -> Iterator[None]:
    workers = [limited.begin("worker", str(WORKERS.with_name(name))) for name in MODULES]
    try:
        for queue in ("admission ", "admission-slow "):  # what is sent before counts as gone out
            limited.eventually("devices", until=queue)
        yield
    finally:
        for process in workers:
            end(process)


@pytest.fixture
def whole(limited: Dev, worker: None, tmp_path: Path) -> Whole:
    return Whole(limited, tmp_path)
