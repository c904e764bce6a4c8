"""Operations for request/reply, as a NATS micro service: ``stretto.api.<service>.<operation>``.

Discoverable by every NATS tool (``nats micro ls``): ``$SRV.PING``, ``$SRV.INFO``, ``$SRV.STATS``,
each also with ``.<name>`` and ``.<name>.<id>``. Protocol: NATS ADR-32.

Why not ``nats.micro``: it handles one request of an endpoint at a time, so that one slow answer
holds up all others, and has no limit for those that wait.

1. Instances share the requests (queue group).
2. At most ``MAX_RUNNING`` requests run at the same time and ``MAX_WAITING`` wait; one more is
   answered with ``busy`` at once.
3. An error is answered with its code and sentence in the headers; a bug with ``internal``, and is
   logged. Reads change nothing, so a bug in one does not stop the service.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from secrets import token_hex
from typing import NamedTuple

import msgspec

from stretto.contracts import subjects
from stretto.runtime.errors import PermanentError, StrettoError
from stretto.telemetry.names import LOG_SUBJECT

from .connection import Connection
from .request import ERROR_CODE_HEADER, ERROR_HEADER
from .wire import header_block, publish_command

logger = logging.getLogger(__name__)

MAX_RUNNING = 32
MAX_WAITING = 512
QUEUE_GROUP = "q"
_ERROR_CHARS = 1000

Handler = Callable[[bytes], Awaitable[bytes]]
"""Gets the request's data and returns the answer's; raises ``Refusal`` or a ``StrettoError``."""


class Refusal(PermanentError):
    """The request was understood and is refused: its code and message go to who asked."""


class _Call(NamedTuple):
    operation: _Operation
    reply: bytes
    data: bytes


class _Operation:
    """An operation and what it has done so far."""

    def __init__(self, name: str, subject: str, handler: Handler) -> None:
        self.name = name
        self.subject = subject
        self.handler = handler
        self.requests = 0
        self.errors = 0
        self.last_error = ""
        self.took_ns = 0

    def info(self) -> dict[str, object]:
        return {
            "name": self.name,
            "subject": self.subject,
            "queue_group": QUEUE_GROUP,
            "metadata": {},
        }

    def stats(self) -> dict[str, object]:
        return {
            "name": self.name,
            "subject": self.subject,
            "queue_group": QUEUE_GROUP,
            "num_requests": self.requests,
            "num_errors": self.errors,
            "last_error": self.last_error,
            "processing_time": self.took_ns,
            "average_processing_time": self.took_ns // max(1, self.requests),
        }


class Service:
    """One instance of a service; ``run`` answers until cancelled.

    Args:
        connection: over which.
        name: the service's name; operations are ``stretto.api.<name>.<operation>``.
        operations: handlers by operation.
        version: a semantic version, shown to discovery.
        description: shown to discovery.
    """

    def __init__(
        self,
        connection: Connection,
        name: str,
        operations: Mapping[str, Handler],
        *,
        version: str = "0.1.0",
        description: str = "",
        max_running: int = MAX_RUNNING,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._connection = connection
        self._name = name
        self._version = version
        self._description = description
        self._id = token_hex(11)
        self._started = datetime.now(UTC)
        self._operations = [
            _Operation(operation.replace(".", "-"), subjects.api(name, operation), handler)
            for operation, handler in operations.items()
        ]
        self._max_running = max_running
        self._max_waiting = max_waiting
        self._calls: deque[_Call] = deque()
        self._open = 0  # running or waiting
        self._arrived = asyncio.Event()
        self.ready = asyncio.Event()
        """Set when requests are taken."""

    async def run(self) -> None:
        """Subscribe and answer until cancelled."""
        subscriptions = [
            await self._connection.subscribe(
                operation.subject, self._sink_of(operation), queue=QUEUE_GROUP
            )
            for operation in self._operations
        ]
        for verb, answer in (("PING", self._ping), ("INFO", self._info), ("STATS", self._stats)):
            for target in (verb, f"{verb}.{self._name}", f"{verb}.{self._name}.{self._id}"):
                sink = self._control_sink(answer)
                subscriptions.append(await self._connection.subscribe(f"$SRV.{target}", sink))
        try:
            await self._connection.flush()
            self.ready.set()
            async with asyncio.TaskGroup() as group:
                for _ in range(self._max_running):
                    group.create_task(self._work())
        finally:
            self.ready.clear()
            for subscription in subscriptions:
                await self._connection.unsubscribe(subscription)

    # --- requests

    def _sink_of(self, operation: _Operation) -> Callable[[bytes, bytes, bytes, bytes], None]:
        def sink(_subject: bytes, reply: bytes, _block: bytes, data: bytes) -> None:
            if not reply:
                return  # nobody waits for an answer
            if self._open >= self._max_running + self._max_waiting:
                operation.errors += 1
                self._answer(
                    reply,
                    b"",
                    {
                        ERROR_CODE_HEADER: "service.busy",
                        ERROR_HEADER: f"expected room for one more request, but "
                        f"{self._max_waiting} wait",
                    },
                )
                return
            self._open += 1
            self._calls.append(_Call(operation, reply, data))
            self._arrived.set()

        return sink

    async def _work(self) -> None:
        """Take one request after the other; there are ``max_running`` of these."""
        while True:
            while not self._calls:
                self._arrived.clear()
                await self._arrived.wait()
            await self._handle(self._calls.popleft())
            self._open -= 1

    async def _handle(self, call: _Call) -> None:
        loop = asyncio.get_running_loop()
        operation, began = call.operation, loop.time()
        operation.requests += 1
        try:
            answer = await operation.handler(call.data)
            self._connection.check_size(len(answer))
            self._answer(call.reply, answer, None)
        except StrettoError as error:
            self._fail(operation, call.reply, error.code, error.message)
        except Exception as error:
            logger.exception("operation failed", extra={LOG_SUBJECT: operation.subject})
            self._fail(
                operation,
                call.reply,
                "service.internal",
                f"expected to answer, but the service failed: {type(error).__name__}",
            )
        operation.took_ns += int((loop.time() - began) * 1e9)

    def _fail(self, operation: _Operation, reply: bytes, code: str, message: str) -> None:
        operation.errors += 1
        operation.last_error = f"{code}: {message}"[:_ERROR_CHARS]
        # A header is one line.
        sentence = " ".join(message.split())[:_ERROR_CHARS]
        self._answer(reply, b"", {ERROR_CODE_HEADER: code, ERROR_HEADER: sentence})

    def _answer(self, reply: bytes, data: bytes, headers: Mapping[str, str] | None) -> None:
        if not self._connection.is_closed:
            self._connection.send(publish_command(reply, b"", header_block(None, headers), data))

    # --- discovery

    def _control_sink(
        self, answer: Callable[[], dict[str, object]]
    ) -> Callable[[bytes, bytes, bytes, bytes], None]:
        def sink(_subject: bytes, reply: bytes, _block: bytes, _data: bytes) -> None:
            if reply:
                self._answer(reply, msgspec.json.encode(answer()), None)

        return sink

    def _who(self, kind: str) -> dict[str, object]:
        return {
            "type": f"io.nats.micro.v1.{kind}_response",
            "name": self._name,
            "id": self._id,
            "version": self._version,
            "metadata": {},
        }

    def _ping(self) -> dict[str, object]:
        return self._who("ping")

    def _info(self) -> dict[str, object]:
        return self._who("info") | {
            "description": self._description,
            "endpoints": [operation.info() for operation in self._operations],
        }

    def _stats(self) -> dict[str, object]:
        return self._who("stats") | {
            "started": self._started.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "endpoints": [operation.stats() for operation in self._operations],
        }
