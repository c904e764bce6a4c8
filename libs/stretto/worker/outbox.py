"""Results on their way back: one message a reply subject with whatever is finished.

::

    add ──► the tray of the reply subject ──► one message in flight a subject ──► stored
                   ▲                                      │ failed
                   └──────────── grows meanwhile ◄────────┘ tried again until it is stored

Idle, a result leaves at once; under load, while one message is being stored the next gathers. What
began together often ends together: a result waits a moment for the others of its message.

Invariants

1. A result leaves the outbox only when the store has acknowledged it (or it can never be stored:
   then a failure takes its place).
2. What waits is bounded by whoever fills it: `full` says when to stop taking work.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.public import Results, TaskResult
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry import names

MAX_WAITING = 10_000
"""Results that may wait for the store; above it no more work is taken (nothing is lost: it waits in
the stream)."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
MAX_RESULTS_A_MESSAGE = 500
"""What one transaction of the workflow service takes comfortably."""

MAX_MESSAGE_BYTES = 512 * 1024
"""A message of results is closed here: below the 1 MiB that a NATS server takes by default."""

RESULT_OVERHEAD_BYTES = 512
"""What a result is besides its output: id, worker, instants, a failure's names."""

TOKEN_BYTES = 8
"""A worker that is restarted under the same name must not repeat its ids."""

GATHER_S = 0.002
"""How long a result waits for those that came in the same message and run still: branches of equal
length end within a millisecond or two of each other, and each message is a commit of the log."""

RETRY_FIRST_S = 0.1
RETRY_MAX_S = 5.0

logger = logging.getLogger(__name__)


class Store(Protocol):
    """Where results go."""

    async def publish(self, subject: str, data: bytes, *, msg_id: str | None = None) -> object:
        """Return when the message is stored. Raises TransientError, PermanentError."""


class Tray:
    """What waits for one reply subject."""

    __slots__ = ("accepted", "gathered", "more_soon", "results")

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.results: deque[TaskResult] = deque()
        self.more_soon = False
        self.gathered = asyncio.Event()


class Outbox:
    """Stores results and says which are stored.

    Args:
        store: publishes with acknowledgement.
        worker: the name under which attempts are accepted.
        stored: called with the ids of attempts whose results are safe.
        spawn: starts a coroutine in the owner's task group.
        sleep: waits between tries.
    """

    def __init__(
        self,
        store: Store,
        worker: str,
        stored: Callable[[list[str]], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._worker = worker
        self._stored = stored
        self._spawn = spawn
        self._sleep = sleep
        self._trays: dict[str, Tray] = {}
        self._waiting_bytes = 0
        self.waiting = 0
        """Results that are not stored yet."""
        self._changed = asyncio.Event()
        self._token = secrets.token_hex(TOKEN_BYTES)
        self._sent = 0

    @property
    def full(self) -> bool:
        """Whether so much waits for the store that no more work should be taken."""
        return self.waiting >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES

    async def wait_room(self) -> None:
        """Wait until it is not full."""
        await self._wait(lambda: not self.full)

    async def wait_empty(self) -> None:
        """Wait until everything is stored."""
        await self._wait(lambda: not self._trays)

    def add(self, reply: str, result: TaskResult, *, more_soon: bool = False) -> None:
        """Send a result to a reply subject; `more_soon`: others for it may follow in a moment."""
        self.waiting += 1
        self._waiting_bytes += _size(result)
        tray = self._tray(reply)
        tray.results.append(result)
        tray.more_soon = more_soon
        if not more_soon:
            tray.gathered.set()

    def accept(self, reply: str, id_: str) -> None:
        """Tell a reply subject that an attempt has begun."""
        self._tray(reply).accepted.append(id_)

    def _tray(self, reply: str) -> Tray:
        tray = self._trays.get(reply)
        if tray is None:
            tray = self._trays[reply] = Tray()
            self._spawn(self._empty(reply, tray))
        return tray

    async def _empty(self, reply: str, tray: Tray) -> None:
        """Send what is in a tray, and what comes meanwhile, until nothing is left."""
        while tray.results or tray.accepted:
            if tray.more_soon:
                await _gather(tray)
            accepted, tray.accepted = tray.accepted, []
            results = _cut(tray.results)
            size = sum(map(_size, results))
            await self._send(reply, accepted, results)
            self.waiting -= len(results)
            self._waiting_bytes -= size
            self._stored([result.id for result in results])
            self._changed.set()
        del self._trays[reply]
        self._changed.set()

    async def _send(self, reply: str, accepted: list[str], results: list[TaskResult]) -> None:
        # Unique: what is sent again because its answer was lost is stored once, but who asks again
        # for results that were stored (and maybe lost since) gets them.
        self._sent += 1
        msg_id = f"{self._token}-{self._sent}"
        wait_s = RETRY_FIRST_S
        while True:
            try:
                data = self._encode(accepted, results)
                await self._store.publish(reply, data, msg_id=msg_id)
                return
            except TransientError as error:
                logger.warning(
                    "results not stored yet",
                    extra={
                        names.LOG_SUBJECT: reply,
                        names.LOG_COUNT: len(results),
                        names.LOG_REASON: str(error),
                    },
                )
                await self._sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_MAX_S)
            except PermanentError as error:
                if not await self._send_singly(reply, accepted, results, error):
                    return

    async def _send_singly(
        self, reply: str, accepted: list[str], results: list[TaskResult], error: PermanentError
    ) -> bool:
        """Go round what the bus refuses; return whether the same should be tried again."""
        logger.error(
            "results refused by the bus",
            extra={
                names.LOG_SUBJECT: reply,
                names.LOG_COUNT: len(results),
                names.LOG_REASON: str(error),
            },
        )
        if len(results) + len(accepted) > 1:
            for id_ in accepted:
                await self._send(reply, [id_], [])
            for result in results:
                await self._send(reply, [], [result])
            return False
        if results and results[0].status == "completed":
            results[0] = _too_large(results[0], error)
            return True
        return False  # nothing that this subject could be told: its deadline will tell

    def _encode(self, accepted: list[str], results: list[TaskResult]) -> bytes:
        return json_encode(
            Results(
                results=results,
                accepted=(accepted[0] if len(accepted) == 1 else accepted) if accepted else None,
                worker=self._worker if accepted else None,
            )
        )

    async def _wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()


async def _gather(tray: Tray) -> None:
    """Give what may come a moment to come."""
    tray.gathered.clear()
    timer = asyncio.get_running_loop().call_later(GATHER_S, tray.gathered.set)
    await tray.gathered.wait()
    timer.cancel()
    tray.more_soon = False


def _cut(waiting: deque[TaskResult]) -> list[TaskResult]:
    """Take as many results as fit into one message, at least one where there is one."""
    taken: list[TaskResult] = []
    size = 0
    while waiting and len(taken) < MAX_RESULTS_A_MESSAGE:
        size += _size(waiting[0])
        if taken and size > MAX_MESSAGE_BYTES:
            break
        taken.append(waiting.popleft())
    return taken


def _size(result: TaskResult) -> int:
    return len(bytes(result.output)) + RESULT_OVERHEAD_BYTES


def _too_large(result: TaskResult, error: PermanentError) -> TaskResult:
    return TaskResult(
        id=result.id,
        status="failed",
        failure=Failure(type=FailureType.TOO_LARGE, message=error.message, retryable=False),
        worker=result.worker,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )
