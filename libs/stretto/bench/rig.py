"""What the benchmark runs on: the stack, workers and a client, in a temporary directory."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from stretto.bench import handlers
from stretto.bench.accounting import cpu_seconds
from stretto.bench.definitions import definitions
from stretto.client import Client
from stretto.dev import DevOptions, DevStack, dev_stack
from stretto.dev.environment import OTLP_ENDPOINT
from stretto.dev.plan import DEFAULT_DATA
from stretto.dev.process import stopped, tail_of
from stretto.runtime.errors import PermanentError
from stretto.testkit.process import launched

DEFAULT_WORKERS = 1
"""Worker processes; see docs/performance.md for what two of them do."""

MAX_WORKERS = 16

TRACE_RATIO = "STRETTO_TRACE_RATIO"
PART_WORKER = "worker"
PART_BENCH = "bench"

PRESENT_TIMEOUT_S = 20.0
"""Workers tell that they are there every few seconds; the first time at once."""

IDLE_CORES = 0.15
"""Below this share of one core the stack does nothing but tell that it lives."""

_LOOK_EVERY_S = 0.1
_IDLE_LOOK_S = 0.5


class NoWorkers(PermanentError):
    """The worker processes did not come up."""


@dataclass(frozen=True)
class RigOptions:
    """How the stack is run.

    Attributes:
        scale: processes of a service, by name; one where nothing is said.
        workers: worker processes.
        computed: whether the expressions of steps are computed, not paths alone.
        logs: where the logs of all processes go if it fails.
    """

    scale: Mapping[str, int] = field(default_factory=dict)
    workers: int = DEFAULT_WORKERS
    computed: bool = False
    logs: Path = DEFAULT_DATA / "bench-logs"

    def __post_init__(self) -> None:
        """Refuse a number of workers that cannot be."""
        if not 1 <= self.workers <= MAX_WORKERS:
            raise ValueError(f"expected 1 to {MAX_WORKERS} workers, but got {self.workers}")


@dataclass(frozen=True)
class CatchUp:
    """What the stack did until it was idle: seconds, CPU seconds; `idle` False: it did not end."""

    seconds: float
    cpu_s: float
    idle: bool


class Rig:
    """A running stack with workers, all workflows of the benchmark registered."""

    def __init__(self, stack: DevStack, client: Client, workers: list[int]) -> None:
        self.client = client
        self.highest_runs_per_s: float | None = None
        """What B has reached on this rig: E is run at half of it."""
        self._stack = stack
        self._workers = workers

    @property
    def postgres(self) -> str:
        """The DSN of the log."""
        return self._stack.endpoints.postgres

    @property
    def nats(self) -> str:
        """Where the bus is."""
        return self._stack.endpoints.nats

    @property
    def data(self) -> Path:
        """Where the servers of the stack keep their state."""
        return self._stack.data

    def parts(self) -> dict[str, list[int]]:
        """Return the processes of each part that run now; the bench process is one of them."""
        return {
            **self._stack.pids(),
            PART_WORKER: self._workers,
            PART_BENCH: [os.getpid()],
        }

    async def settled(self, timeout_s: float) -> CatchUp:
        """Wait until the stack is idle, so that one workload does not pay for the one before."""
        began, first = time.perf_counter(), self._stack_cpu_s()
        before, looked = first, began
        while True:
            await asyncio.sleep(_IDLE_LOOK_S)
            now, used = time.perf_counter(), self._stack_cpu_s()
            idle = used - before < IDLE_CORES * (now - looked)
            if idle or now - began > timeout_s:
                # The last look found it idle: it was so from its beginning on.
                return CatchUp(looked - began if idle else now - began, used - first, idle)
            before, looked = used, now

    def _stack_cpu_s(self) -> float:
        used = cpu_seconds(self.parts())
        return sum(seconds for part, seconds in used.items() if part != PART_BENCH)


@asynccontextmanager
async def rig(options: RigOptions) -> AsyncIterator[Rig]:
    """Run everything in a temporary directory while the context is open.

    Only in the main thread. When it is left by an error, the logs are kept in `options.logs`, and
    the error comes out in a group.

    Raises:
        NotStarted, ServerFailed: a part of the stack did not come up.
        NoWorkers: the workers did not.
        DefinitionMistakes: the workflow service refuses a workflow of the benchmark.
    """
    with TemporaryDirectory(prefix="stretto-bench-") as name:
        data = Path(name)
        try:
            async with _running(options, data) as running:
                yield running
        except BaseException:
            keep_logs(data, options.logs)
            raise


@asynccontextmanager
async def _running(options: RigOptions, data: Path) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as opened:
        stack = await opened.enter_async_context(
            dev_stack(DevOptions(data=data, scale=options.scale, environment=environment()))
        )
        client = await opened.enter_async_context(
            Client.connect(stack.endpoints.nats, name="stretto-bench")
        )
        workers = [
            await opened.enter_async_context(_worker(stack, data / f"worker-{number}.log"))
            for number in range(1, options.workers + 1)
        ]
        await present(client, workers, data)
        for source in definitions(computed=options.computed).values():
            await client.register(source)
        yield Rig(stack, client, [process.pid for process in workers])


def keep_logs(data: Path, into: Path) -> None:
    """Copy the logs of all processes, in place of those that were kept before."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for log in data.rglob("*.log"):
        shutil.copy(log, into)


def environment() -> dict[str, str]:
    """Return what the processes get in place of what `stretto dev` would tell them.

    `stretto dev` traces every run; here it is as in production: the default ratio (an empty
    variable is one that is not set) and no receiver, unless the person's environment names them.
    """
    return {name: os.environ.get(name, "") for name in (TRACE_RATIO, OTLP_ENDPOINT)}


@asynccontextmanager
async def _worker(stack: DevStack, log_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-P", "-m", "stretto.cli.main", "worker", handlers.__name__)
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *launched(command, run_as=None, death_signal=signal.SIGKILL),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment(), "STRETTO_NATS_URL": stack.endpoints.nats},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await stopped(process)


async def present(client: Client, workers: list[asyncio.subprocess.Process], data: Path) -> None:
    """Wait until the execution service knows all workers.

    Raises:
        NoWorkers: one ended, or it does not hear of them in time.
    """
    deadline = time.monotonic() + PRESENT_TIMEOUT_S
    while True:
        known = [d for d in await client.devices() if handlers.NO_OP in d.tasks]
        if len(known) >= len(workers):
            return
        ended = any(process.returncode is not None for process in workers)
        if ended or time.monotonic() > deadline:
            why = "one ended" if ended else f"{len(known)} are known after {PRESENT_TIMEOUT_S:g} s"
            raise NoWorkers(
                "bench.no_workers",
                f"expected {len(workers)} workers to come up, but {why}; the end of the log of "
                f"the first:\n{tail_of(data / 'worker-1.log')}",
            )
        await asyncio.sleep(_LOOK_EVERY_S)
