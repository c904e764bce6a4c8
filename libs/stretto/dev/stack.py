"""All of it, in order: servers, then services; and back the other way."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stretto.dev.environment import KEEP_A_LOG, OTLP_ENDPOINT, service_environment
from stretto.dev.keeping import Kept, Report, keep
from stretto.dev.plan import USUAL_HTTP_PORT, DevOptions, Endpoints, ServicePlan, port_near
from stretto.dev.ports import moved, ports_of, read_ports, write_ports
from stretto.dev.process import NotStarted, ServiceProcess, keep_small
from stretto.dev.ready_file import FILE_NAME, read_ready, remove_ready, write_ready
from stretto.dev.room import check_room, watch_room
from stretto.dev.servers import Nats, Postgres, Server
from stretto.dev.traces import TraceReceiver
from stretto.runtime.errors import PermanentError
from stretto.testkit.ports import LOOPBACK, free_port, is_free

GATEWAY = "gateway"
LOGS_LOOKED_AT_EVERY_S = 30.0
"""How long a log may be larger than it should."""


class DataDirInUse(PermanentError):
    """Another stack runs on this data directory."""


class Silent:
    """A report for who does not want one."""

    def up(self, name: str, seconds: float, where: str | None = None) -> None:
        """Say nothing."""

    def down(self, name: str, exit_code: int | None, pause_s: float) -> None:
        """Say nothing."""

    def note(self, sentence: str) -> None:
        """Say nothing."""


class DevStack:
    """What runs. Made by `dev_stack`; alive until that context ends."""

    def __init__(self, options: DevOptions, report: Report) -> None:
        self.options = options
        self.data = options.data.resolve()
        self._report = report
        self._address = self.data / FILE_NAME
        self._ready_file = options.ready_file.resolve() if options.ready_file else None
        self._before = before = read_ports(self.data)
        self._nats = Nats(self.data / "nats", options.nats, before.nats)
        self._postgres = Postgres(self.data / "postgres", options.postgres, before.postgres)
        self._receiver: TraceReceiver | None = None
        self._services: list[tuple[str, ServiceProcess]] = []
        self._endpoints: Endpoints | None = None
        self._not_up: set[str] = set()

    @property
    def endpoints(self) -> Endpoints:
        """Where everything is."""
        if self._endpoints is None:
            raise AssertionError("the endpoints are known once the servers are up")
        return self._endpoints

    @property
    def log_dir(self) -> Path:
        """Where each process of a service has its log."""
        return self.data / "logs"

    @property
    def trace_dir(self) -> Path:
        """Where spans are kept that go nowhere else."""
        return self.data / "traces"

    @property
    def ready(self) -> bool:
        """Whether every process is up."""
        return self._endpoints is not None and not self._not_up

    def pids(self) -> dict[str, list[int]]:
        """Return the processes that run now, by service; none for a server of somebody else."""
        found: dict[str, list[int]] = {name: [] for name in self._names()}
        running = [(name, process.pid) for name, process in self._services]
        running += [(server.name, server.pid) for server in (self._nats, self._postgres)]
        for name, pid in running:
            if pid is not None:
                found[name].append(pid)
        return found

    def _names(self) -> list[str]:
        return [service.name for service in self.options.services] + ["nats", "postgres"]

    async def start(self) -> None:
        """Start everything; return when all of it is ready.

        Raises:
            NotStarted, ServerFailed: something did not come up.
            NotReachable: a given server does not answer.
            PermanentError: the disk is about full.
        """
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._tell_nothing()
        check_room(self.data)
        await self._timed(self._nats)
        if not (self.options.environment.get(OTLP_ENDPOINT) or os.environ.get(OTLP_ENDPOINT)):
            self._receiver = TraceReceiver(self.trace_dir)
            await self._receiver.start(self._before.otlp)
        instances = self.options.instances()
        has_gateway = any(service.name == GATEWAY for service, _ in instances)
        self._endpoints = Endpoints(
            nats=self._nats.url,
            postgres="",
            http=_http_url(port_near(USUAL_HTTP_PORT, self._before.http)) if has_gateway else None,
            otlp=self._receiver.url if self._receiver else None,
        )
        # Making a cluster takes as long as importing a service: those without tables need not wait.
        without = [each for each in instances if each[0].name not in KEEP_A_LOG]
        await _all([self._start_services(without), self._start_log(instances)])
        self._keep_ports()
        self._tell()

    def _keep_ports(self) -> None:
        """Keep the ports for the next start; say which could not be had again."""
        now = ports_of(self.endpoints, nats=self._nats.embedded, postgres=self._postgres.embedded)
        for sentence in moved(self._before, now):
            self._report.note(sentence)
        write_ports(self.data, now)

    async def _start_log(self, instances: list[tuple[ServicePlan, str]]) -> None:
        """Start Postgres, then the services that have tables in it."""
        await self._timed(self._postgres)
        self._endpoints = replace(self.endpoints, postgres=self._postgres.dsn)
        await self._start_services([each for each in instances if each[0].name in KEEP_A_LOG])

    async def _start_services(self, instances: list[tuple[ServicePlan, str]]) -> None:
        await _all(self._start_service(service, name) for service, name in instances)

    async def _start_service(self, service: ServicePlan, name: str, tries: int = 3) -> None:
        environment_of = service_environment(self.endpoints, self.options.environment)
        process = ServiceProcess(
            name,
            service.command,
            self.log_dir / f"{name}.log",
            environment_of(service.name),
            answers=service.answers,
        )
        self._services.append((service.name, process))
        try:
            await self._timed(process)
        except NotStarted:
            if service.name != GATEWAY or tries == 1 or self._http_port_is_free():
                raise
            # Somebody took the port between our look and the start.
            self._services.remove((service.name, process))
            self._endpoints = replace(self.endpoints, http=_http_url(free_port()))
            await self._start_service(service, name, tries - 1)

    def _http_port_is_free(self) -> bool:
        return is_free(urlsplit(self.endpoints.http or "").port or 0)

    async def _timed(self, one: Server | ServiceProcess) -> None:
        began = time.monotonic()
        await one.start(self.options.start_timeout_s)
        self._report.up(one.name, time.monotonic() - began, self._where(one.name))

    def _where(self, name: str) -> str | None:
        match name:
            case "nats":
                return self._nats.shown
            case "postgres":
                return self._postgres.shown
            case _:
                return self.endpoints.http if name == GATEWAY else None

    async def keep_running(self) -> None:
        """Start again whatever ends; never returns."""
        own: list[Kept] = [one for one in (self._nats, self._postgres) if one.embedded]
        async with asyncio.TaskGroup() as group:
            for kept in [*own, *(process for _, process in self._services)]:
                group.create_task(keep(kept, self._report, self._changed))
            group.create_task(self._keep_logs_small())
            if self._nats.embedded:
                group.create_task(watch_room(self.data, self._report.note, self._nats.kill))

    async def _keep_logs_small(self) -> None:
        while True:
            for log in self.log_dir.glob("*.log"):
                keep_small(log)
            await asyncio.sleep(LOGS_LOOKED_AT_EVERY_S)

    def _changed(self, name: str, up: bool) -> None:
        (self._not_up.discard if up else self._not_up.add)(name)
        self._tell()

    def _tell(self) -> None:
        """Write where everything is; the ready file only while all of it is up."""
        told = [self._address]
        if self._ready_file is not None and self.ready:
            told.append(self._ready_file)
        write_ready(told, self.endpoints, self.pids(), ready=self.ready)
        if self._ready_file is not None and not self.ready:
            remove_ready([self._ready_file])

    def _tell_nothing(self) -> None:
        remove_ready([self._address, *([self._ready_file] if self._ready_file else [])])

    async def stop(self) -> None:
        """Stop everything: services first, all at once, then the servers they need."""
        self._tell_nothing()
        try:
            await _all(process.stop() for _, process in self._services)
        finally:
            if self._receiver is not None:
                await self._receiver.stop()
            await _all([self._nats.stop(), self._postgres.stop()])


@asynccontextmanager
async def dev_stack(options: DevOptions, report: Report | None = None) -> AsyncIterator[DevStack]:
    """Run everything while the context is open: ready when it is entered, gone when it is left.

    Only in the main thread: the processes die with the thread that made them.

    Raises:
        DataDirInUse: another stack has the data directory.
        NotStarted, ServerFailed, NotReachable: see `DevStack.start`.
    """
    stack = DevStack(options, report or Silent())
    with _locked(stack.data):
        try:
            await stack.start()
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(stack.keep_running())
                try:
                    yield stack
                finally:
                    keeping.cancel()
        finally:
            await stack.stop()


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Hold the data directory, so that no second stack starts on it."""
    data.mkdir(parents=True, exist_ok=True)
    lock = os.open(data / "dev.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = read_ready(data)
            where = f" (bus: {other.nats}, process {other.supervisor})" if other else ""
            raise DataDirInUse(
                "dev.data_dir_in_use",
                f"expected to run in {data}, but another `stretto dev` runs there{where}: "
                "use it, stop it, or give another --data",
            ) from None
        yield
    finally:
        os.close(lock)


def _http_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do several things at once; when one fails, raise its error and give up the others."""
    try:
        async with asyncio.TaskGroup() as group:
            for one in work:
                group.create_task(one)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors.exceptions[0].__cause__
