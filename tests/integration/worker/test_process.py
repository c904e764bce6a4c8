"""A process of workers: runs until it is told to stop."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from .desk import PATIENCE_S, at_desk, task_of

ROOT = Path(__file__).parents[3]
TARGET = "tests.integration.worker.two_workers"
RUN = f"""
import sys
from stretto.worker import load_workers, run_workers
sys.exit(run_workers(load_workers({TARGET!r})))
"""


@asynccontextmanager
async def process(
    url: str, code: str = RUN, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    paths = os.pathsep.join([str(ROOT / "libs"), str(ROOT)])
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, "STRETTO_NATS_URL": url, **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def ended(child: asyncio.subprocess.Process) -> tuple[int | None, str]:
    async with asyncio.timeout(PATIENCE_S):
        _, errors = await child.communicate()
    return child.returncode, errors.decode()


async def test_all_workers_of_the_process_work_until_a_signal(nats_url: str) -> None:
    async with at_desk(nats_url) as desk, process(nats_url) as child:
        task = task_of("quick")
        await desk.send(task)
        assert (await desk.result(task)).worker == "quick"
        child.send_signal(signal.SIGINT)
        code, log = await ended(child)
    assert code == 0
    assert log.count("worker stopped") == 2


async def test_its_log_is_for_programs_where_that_is_asked_for(nats_url: str) -> None:
    async with process(nats_url, STRETTO_LOG_FORMAT="json") as child:
        assert child.stderr is not None
        line = b""
        async with asyncio.timeout(PATIENCE_S):
            while b"worker started" not in line:
                line = await child.stderr.readline()
        child.terminate()
        assert (await ended(child))[0] == 0
    assert json.loads(line)["service"] == "worker"


async def test_a_handler_that_blocks_for_ever_does_not_keep_the_process(nats_url: str) -> None:
    async with (
        at_desk(nats_url) as desk,
        process(nats_url, STRETTO_DRAIN_TIMEOUT_S="0.2") as child,
    ):
        task = task_of("stuck", accept=True)
        await desk.send(task, queue="stuck")
        await desk.until(lambda: desk.accepted == [task.id])
        child.terminate()
        code, log = await ended(child)
    assert code == 0
    assert "worker gives up attempts" in log


async def test_a_second_signal_ends_it_at_once(nats_url: str) -> None:
    async with at_desk(nats_url) as desk, process(nats_url) as child:
        task = task_of("stuck", accept=True)
        await desk.send(task, queue="stuck")
        await desk.until(lambda: desk.accepted == [task.id])
        child.terminate()
        line = b""
        async with asyncio.timeout(PATIENCE_S):
            while b"worker drains" not in line:
                assert child.stderr is not None
                line = await child.stderr.readline()
        child.terminate()
        code, log = await ended(child)
    assert code == 1
    assert "workers ended at once" in log


async def test_a_worker_that_the_bus_refuses_ends_the_process(nats_server_own) -> None:  # type: ignore[no-untyped-def]
    server = nats_server_own
    server._config = "authorization { user: u, password: p }"
    await server.start()
    url = server.url_for("u", "wrong")
    async with process(url) as child:
        code, log = await ended(child)
    assert code == 1
    assert "bus.not_authorized" in log


async def test_serve_runs_a_single_worker(nats_url: str) -> None:
    code = f"from {TARGET} import quick; quick.serve()"
    async with at_desk(nats_url) as desk, process(nats_url, code) as child:
        task = task_of("quick")
        await desk.send(task)
        await desk.result(task)
        child.terminate()
        assert (await ended(child))[0] == 0


@pytest.mark.slow
async def test_processes_of_cpu_bound_handlers_end_with_a_killed_worker(nats_url: str) -> None:
    code = """
from tests.integration.worker.cpu_worker import worker
worker.serve()
"""
    async with at_desk(nats_url) as desk, process(nats_url, code) as child:
        task = task_of("pid")
        await desk.send(task)
        pid = int(bytes((await desk.result(task)).output))
        assert pid != child.pid
        child.kill()
        await desk.until_true(lambda: not Path(f"/proc/{pid}").exists())
