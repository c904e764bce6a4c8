"""`Worker`: handlers for tasks, and the ways to run them."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from stretto.bus.connection import Connection, connect
from stretto.bus.credentials import credentials_of
from stretto.bus.publisher import Publisher
from stretto.contracts.ids import run_id_text, uuid7
from stretto.contracts.public import Task
from stretto.runtime.clock import SystemClock
from stretto.runtime.errors import NotReachable
from stretto.runtime.settings import read_settings
from stretto.telemetry import names
from stretto.telemetry.tracing import make_tracer
from stretto.worker.attendance import Profile
from stretto.worker.context import Context
from stretto.worker.errors import HandlerRefused
from stretto.worker.handler import Function, Handler, is_async
from stretto.worker.outcome import encode_output
from stretto.worker.session import Session
from stretto.worker.settings import WorkerSettings, checked_name, checked_slots, own_name

CONNECT_TRY_S = 10.0
EXPORT_TIMEOUT_S = 3.0

F = TypeVar("F", bound=Function)

logger = logging.getLogger(__name__)


class Worker:
    """Pulls attempts of one queue and runs their handlers.

    Args:
        queue: the queue it shares with other workers.
        slots: how many attempts run at once in this process, 1 to 10 000.
        namespace: whose runs it works for.
        name: what results and presence call it; unique. Not given: host, process, random digits.
        url: where the bus is; not given: `STRETTO_NATS_URL`, else nats://127.0.0.1:4222.
        capabilities, attributes, labels: what routing may ask for.
        resources: named resources that it brings, with amounts: tasks may ask for them.

    Raises:
        ValueError: a name or the number of slots cannot be used.
    """

    def __init__(
        self,
        queue: str = "default",
        slots: int = 100,
        namespace: str = "default",
        *,
        name: str | None = None,
        url: str | None = None,
        capabilities: Sequence[str] = (),
        attributes: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        resources: Mapping[str, int] | None = None,
    ) -> None:
        self.queue = checked_name("queue", queue)
        self.namespace = checked_name("namespace", namespace)
        self.name = checked_name("name of the worker", name if name is not None else own_name())
        self.slots = checked_slots(slots)
        self._url = url
        self._capabilities = tuple(capabilities)
        self._attributes = dict(attributes or {})
        self._labels = dict(labels or {})
        self._resources = dict(resources or {})
        self._handlers: dict[str, Handler] = {}
        self._session: Session | None = None

    @property
    def busy_threads(self) -> int:
        """Handlers that run in threads now, also those that nobody waits for any more."""
        return self._session.busy_threads if self._session is not None else 0

    @property
    def tasks(self) -> list[str]:
        """The tasks it has handlers for, sorted."""
        return sorted(self._handlers)

    def task(self, name: str, *, cpu: bool = False) -> Callable[[F], F]:
        """Register the function below as the handler of a task; it stays as it was.

        `async def` runs in the event loop, `def` in a thread, `def` with `cpu=True` in a process.

        Raises:
            HandlerRefused: the function cannot be a handler, or the task has one already.
        """

        def register(function: F) -> F:
            if name in self._handlers:
                raise HandlerRefused(f"expected one handler for {name!r}, but there is one already")
            self._handlers[name] = Handler(name, function, cpu=cpu)
            return function

        return register

    async def run(self, stopping: asyncio.Event | None = None) -> None:
        """Work until `stopping` is set, then drain; without it until cancelled.

        Waits for the bus for ever; lost connections and a lost store are survived.

        Raises:
            PermanentError: the bus refuses our credentials or what we need.
            ValueError: it has no handlers, or a setting cannot be used.
        """
        given = {"nats_url": self._url} if self._url is not None else {}
        settings = read_settings(WorkerSettings, **given)
        if not self._handlers:
            raise ValueError("expected a worker to have a handler, but it has none")
        tracer = make_tracer(
            settings.service_name,
            self.name,
            endpoint=settings.otlp_endpoint,
            ratio=settings.trace_ratio,
        )
        try:
            async with (
                await self._connect(settings) as connection,
                Publisher(connection) as publisher,
            ):
                self._session = Session(
                    self._profile(settings), connection, publisher, SystemClock(), tracer
                )
                await self._session.run(stopping or asyncio.Event())
        finally:
            await tracer.close(EXPORT_TIMEOUT_S)

    def serve(self) -> None:
        """Run in this thread until SIGTERM or SIGINT, then drain; a second signal ends at once.

        Raises:
            SystemExit: it could not drain, or failed.
        """
        from stretto.worker.process import run_workers

        code = run_workers([self])
        if code:
            raise SystemExit(code)

    async def run_local(
        self,
        task: str,
        input: Any = None,  # noqa: A002 - the word of the contract
        *,
        attempt: int = 1,
        details: Any = None,
    ) -> Any:
        """Run a handler here, without a bus, for tests: input and output pass through JSON.
        `details` is what `ctx.details` gives.

        Raises:
            KeyError: there is no handler for the task.
            InvalidInput, InvalidOutput, TooLarge: as in a worker.
            Exception: what the handler raises.
        """
        if task not in self._handlers:
            raise KeyError(f"expected one of {self.tasks}, but got {task!r}")
        handler = self._handlers[task]
        facts = msgspec.structs.replace(
            _local_task(task, msgspec.Raw(msgspec.json.encode(input)), attempt),
            details=msgspec.Raw(msgspec.json.encode(details)),
        )
        arguments = handler.binding.read(facts.input)
        if handler.binding.context is not None:
            arguments[handler.binding.context] = Context(facts)
        if is_async(handler.function):
            value = await handler.function(**arguments)
        else:
            value = await asyncio.to_thread(handler.function, **arguments)
        return json.loads(bytes(encode_output(value)))

    def _profile(self, settings: WorkerSettings) -> Profile:
        return Profile(
            name=self.name,
            namespace=self.namespace,
            queue=self.queue,
            slots=self.slots,
            handlers=dict(self._handlers),
            capabilities=self._capabilities,
            attributes=self._attributes,
            labels=self._labels,
            resources=self._resources,
            drain_timeout_s=settings.drain_timeout_s,
        )

    async def _connect(self, settings: WorkerSettings) -> Connection:
        credentials = credentials_of(
            user=settings.nats_user,
            password=settings.nats_password,
            creds=settings.nats_creds,
            ca=settings.nats_ca,
            cert=settings.nats_cert,
            key=settings.nats_key,
        )
        while True:
            try:
                return await connect(
                    settings.nats_url,
                    self.name,
                    credentials=credentials,
                    inbox_prefix=settings.nats_inbox_prefix,
                    timeout_s=CONNECT_TRY_S,
                )
            except NotReachable as error:
                logger.warning("bus not reachable yet", extra={names.LOG_REASON: str(error)})


def _local_task(task: str, data: msgspec.Raw, attempt: int) -> Task:
    run_id = run_id_text(uuid7(0, b"local"))
    return Task(
        id=f"{run_id}:local:{attempt}",
        run_id=run_id,
        step="local",
        attempt=attempt,
        task=task,
        input=data,
        reply="",
    )
