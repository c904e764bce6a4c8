"""One `stretto dev` for all tests that want the whole product."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import COMMAND, EXAMPLES, Dev, end, wait_for


@pytest.fixture(scope="session")
def dev() -> Iterator[Dev]:
    data = Path(tempfile.mkdtemp(prefix="stretto-cli-"))
    ready_file = data / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "dev", "--data", str(data / "state"), "--ready-file", str(ready_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        ready = wait_for(ready_file, process)
        running = Dev(data / "state", ready)
        running.call("apply", *map(str, sorted(EXAMPLES.glob("*/workflow.yaml"))))
        yield running
    finally:
        if process.poll() is None:
            end(process)
        shutil.rmtree(data, ignore_errors=True)
    assert process.returncode == 0
