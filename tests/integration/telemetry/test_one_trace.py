"""A run is one trace over workflow, decision, execution and worker, read back as a tree of
spans."""

import asyncio
import os
import sys
import time
from pathlib import Path

from stretto.bench.handlers import NO_OP
from stretto.bench.rig import present
from stretto.client import Client
from stretto.dev import DevOptions, dev_stack
from stretto.dev.environment import client_environment
from stretto.dev.process import stopped
from stretto.dev.traces.span import Span
from stretto.dev.traces.store import TraceStore

SOURCE = f"""
workflow: traced
steps:
  one: {{task: {NO_OP}, with: {{n: "${{{{ input.n }}}}"}}}}
  two: {{task: {NO_OP}, with: {{n: "${{{{ steps.one.output.n + 1 }}}}"}}}}
"""
WANTED = {
    ("run traced", "stretto-workflow", None),
    *((f"step {step}", "stretto-workflow", "run traced") for step in ("one", "two")),
    ("decide", "stretto-decision", "step two"),  # what step one asks for stands in the run
    *(("dispatch", "stretto-execution", f"step {step}") for step in ("one", "two")),
}


def edges(spans: list[Span]) -> set[tuple[str, str, str | None]]:
    """Name, service and the parent's name of every span."""
    names = {span.span_id: span.name for span in spans}
    return {(span.name, span.service, names.get(span.parent or "")) for span in spans}


async def test_a_run_is_one_trace_over_all_services(data_dir: Path) -> None:
    async with dev_stack(DevOptions(data=data_dir, scale={"gateway": 0})) as stack:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "stretto.cli.main", "worker", "stretto.bench.handlers"),
            env={**os.environ, **client_environment(stack.endpoints)},
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with Client.connect(stack.endpoints.nats) as client:
                await present(client, [worker], data_dir)
                await client.register(SOURCE)
                run = await client.start("traced", {"n": 1})
                await run.result(timeout=30)
            spans = await _spans(stack.trace_dir, run.id)
        finally:
            await stopped(worker)
    assert edges(spans) >= WANTED, edges(spans)
    attempts = [edge for edge in edges(spans) if edge[0].startswith("attempt")]
    assert {parent for _, _, parent in attempts} == {"step one", "step two"}
    assert not any(service.startswith("stretto-e") for _, service, _ in attempts), "of the worker"


async def _spans(directory: Path, run_id: str) -> list[Span]:
    """The spans of a run, as soon as all are exported (in batches, some seconds later)."""
    deadline = time.monotonic() + 30
    while True:
        spans = TraceStore.read_from(directory, run_id.replace("-", ""))
        if len(spans) >= 9 or time.monotonic() > deadline:
            return spans
        await asyncio.sleep(0.1)
