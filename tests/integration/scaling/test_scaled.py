"""`stretto worker MODULE --scale`: processes come with the backlog and go after it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from stretto.bench.rig import environment
from stretto.client import Client
from stretto.contracts import subjects
from stretto.contracts.scaling import Scaling
from stretto.dev import DevOptions, dev_stack

PATIENCE_S = 60.0

BACKLOG = """
workflow: backlog
steps:
  all:
    for_each: ${{ input.items }}
    task: few.pass
    queue: few
    with: {ms: 200}
output: {done: "${{ size(steps.all.output) }}"}
"""


@asynccontextmanager
async def scaled(url: str, range_: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stretto.cli.main", "worker", "tests.integration.scaling.workers"),
        *("--scale", range_, "--nats", url),
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


async def counted(process: asyncio.subprocess.Process, *until: int) -> list[int]:
    """Read the numbers of processes that are told, until these came one after the other."""
    assert process.stderr is not None
    wanted = list(until)
    seen: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while wanted:
            line = (await process.stderr.readline()).decode()
            assert line, seen
            found = re.match(r"(\d+) worker process", line)
            if found:
                seen.append(int(found.group(1)))
                if seen[-1] == wanted[0]:
                    wanted.pop(0)
    return seen


async def test_processes_come_with_the_backlog_and_go_after_it(data_dir: Path) -> None:
    quick = {"STRETTO_SCALE_TARGET_S": "1", "STRETTO_SCALE_DOWN_AFTER_S": "2"}
    options = DevOptions(
        data=data_dir, scale={"gateway": 0, "monitoring": 0}, environment=environment() | quick
    )
    async with dev_stack(options) as stack:
        url = stack.endpoints.nats
        async with Client.connect(url) as client, scaled(url, "1..3") as process:
            said: list[Scaling] = []

            def hear(_subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
                said.append(msgspec.json.decode(data, type=Scaling))

            await client.connection.subscribe(subjects.scaling("default", "few"), hear)
            await counted(process, 1)
            await client.register(BACKLOG)
            run = await client.start("backlog", {"items": list(range(60))})
            seen = await counted(process, 3, 1)
            assert await run.result(timeout=PATIENCE_S) == {"done": 60}
        # Up once and down once, in as many steps as it likes.
        top = seen.index(3)
        assert seen[: top + 1] == sorted(seen[: top + 1])
        assert seen[top:] == sorted(seen[top:], reverse=True)
        assert max(each.wanted for each in said) >= 3 and said[-1].wanted <= 1
        assert max(each.workers for each in said) == 3
        assert any(each.mean_ms > 150 and each.wait_ms for each in said)
        assert process.returncode == 0


async def test_a_range_that_is_none_is_refused() -> None:
    async with scaled("nats://127.0.0.1:1", "8..1") as process:
        _, said = await process.communicate()
    assert process.returncode == 2 and b"expected a range" in said
