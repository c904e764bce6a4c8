"""`stretto worker FILE --reload`, as somebody who writes a worker uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stretto.client import Client

from ..running import Dev, end

WORKER = """\
from stretto import Worker

worker = Worker(queue="changing", name="changing")

@worker.task("changing.say")
async def say() -> str:
    return {word!r}
"""
WORKFLOW = """\
workflow: changing
steps:
  say: {task: changing.say, queue: changing}
output: "${{ steps.say.output }}"
"""
PATIENCE_S = 60.0


async def test_new_code_does_the_next_attempts(dev: Dev, tmp_path: Path) -> None:
    file = tmp_path / "workers.py"
    file.write_text(WORKER.format(word="old"))
    process = dev.begin("worker", str(file), "--reload")
    try:
        async with Client.connect(dev.ready["nats"]) as client:
            await client.register(WORKFLOW)

            async def says(word: str) -> None:
                async with asyncio.timeout(PATIENCE_S):
                    while await (await client.start("changing")).result() != word:
                        continue

            await says("old")
            file.write_text(WORKER.format(word="new"))
            await says("new")
    finally:
        said = await asyncio.to_thread(end, process)
    assert process.returncode == 0
    assert f"looking at the files in {tmp_path}" in said
    assert "workers.py has changed: the worker begins again" in said


def test_one_is_scaled_or_begun_again(dev: Dev) -> None:
    refused = dev.call("worker", "workers.py", "--reload", "--scale", "1..2", expect=2)
    assert "expected --scale or --reload, but got both" in refused.stderr
