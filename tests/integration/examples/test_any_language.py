"""A start and a worker without any of our code: a TCP socket and the NATS protocol, in
JavaScript."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from stretto.bench.rig import environment
from stretto.dev import DevOptions, dev_stack

WORKER = Path(__file__).parents[3] / "docs" / "examples" / "any-language" / "worker.mjs"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="needs Node.js, which the README does not ask for")
async def test_a_worker_in_javascript_with_nothing_but_a_socket_completes_a_run(
    data_dir: Path,
) -> None:
    options = DevOptions(data=data_dir, scale={"gateway": 0}, environment=environment())
    async with dev_stack(options) as stack:
        end = await _run(NODE or "node", str(WORKER), stack.endpoints.nats)
        assert (end["status"], end["output"]) == ("completed", {"text": "ADA!"})


async def _run(*command: str) -> dict[str, object]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()
    end: dict[str, object] = json.loads(out.decode().splitlines()[-1])
    return end
