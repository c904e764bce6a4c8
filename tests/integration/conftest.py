"""One `stretto dev` for all tests that want the whole product.

A stack that nobody asks costs a tenth of a core all the same. So these tests come first, one after
the other, and what follows them is in other folders: then the stack is gone.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import COMMAND, EXAMPLES, Dev, end, wait_for


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "dev" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="package")
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
