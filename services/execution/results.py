"""Reads the results of a lane's attempts: each is done with, and its slot is free."""

import asyncio
from collections.abc import Callable

import msgspec

from services.execution.core.admission import Admission
from services.execution.core.answered import Answered
from services.execution.core.attempt import Attempt
from services.execution.core.gate import Gate
from services.execution.measures import Measures
from services.execution.routing import Router
from services.execution.settings import ExecutionSettings
from stretto.bus.api import Answer, ask_api
from stretto.bus.message import ack_all
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.payload import read_deep
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import parse_rfc3339
from stretto.runtime.context import ServiceContext
from stretto.runtime.errors import StrettoError
from stretto.runtime.topology import CHARGED_LANE, execution_results

RESULTS_BATCH = 500

CATCH_UP_S = 0.25
"""Results that are there come in less."""

RESULTS_LINGER_S = 0.01
"""Nothing waits for what is freed, unless a queue is at its limit of thousands: results of this
time are read together, which saves a wake-up for every step of an idle machine."""


class SeenResult(msgspec.Struct, frozen=True, gc=False):
    """What execution reads of a result."""

    id: str
    started_at: str | None = None
    finished_at: str | None = None
    status: str = "completed"


class SeenResults(msgspec.Struct, frozen=True):
    """What execution reads of a message of results."""

    results: list[SeenResult] = []
    accepted: str | list[str] | None = None


class _Waiting(Answer, frozen=True, kw_only=True):
    """What is read of the state of a consumer."""

    num_pending: int = 0


_decode_results = msgspec.json.Decoder(SeenResults).decode


class Results:
    """See the module's docstring; `run` until cancelled, and `overhear` where it `overhears`.

    Args:
        answered: takes the ids of results, while it is open.
        counts: whether results of attempts of other lanes' partitions may matter now.
        changed: set whenever something may go out.
    """

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        lane: int,
        core: Admission,
        gate: Gate,
        router: Router,
        *,
        answered: Answered,
        measures: Measures,
        counts: Callable[[], bool],
        changed: asyncio.Event,
    ) -> None:
        self._context = context
        self._lane = lane
        self._core = core
        self._gate = gate
        self._router = router
        self._answered = answered
        self._measures = measures
        self._counts = counts
        self._changed = changed
        self.caught_up = asyncio.Event()
        """Set when the results are read that were there before us."""

    @property
    def overhears(self) -> bool:
        """Whether attempts of other lanes' partitions may be ours: those that are counted."""
        return self._lane == CHARGED_LANE and self._context.settings.lanes > 1

    async def run(self) -> None:
        """Read the results of our lane, for ever."""
        settings = self._context.settings
        consumer = execution_results(self._lane, settings.lanes, settings.partitions)
        async with self._context.pull(consumer, RESULTS_BATCH) as loop:
            left = await self._there_before(consumer)
            while True:
                if left <= 0:
                    self.caught_up.set()
                messages = await loop.next_batch(timeout_s=CATCH_UP_S if left > 0 else None)
                left = left - len(messages) if messages else 0
                for message in messages:
                    self._note(message.data)
                ack_all(messages)
                self._changed.set()
                await self._context.clock.sleep(RESULTS_LINGER_S)

    async def _there_before(self, consumer: Consumer) -> int:
        """How many messages of results wait that came before us."""
        try:
            info = await ask_api(
                self._context.connection,
                f"CONSUMER.INFO.{consumer.stream}.{consumer.name}",
                None,
                _Waiting,
                asked=f"look at consumer {consumer.name}",
            )
        except StrettoError:
            return 1  # it is being made: what comes first, or nothing for a while, is all
        return info.num_pending

    async def overhear(self) -> None:
        """Read the results of other lanes' partitions, where attempts of theirs are counted here.

        Without acknowledgement: what is missed is found when its message has left the stream
        (`Desk._reconcile`).
        """
        connection = self._context.connection
        heard = await connection.subscribe(subjects.ALL_RESULTS, self._overheard)
        try:
            await asyncio.Event().wait()
        finally:
            await connection.unsubscribe(heard)

    def _overheard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        if self._counts():
            self._note(data)
            self._changed.set()

    def _note(self, data: bytes) -> None:
        try:
            seen = read_deep(_decode_results, data)
        except UNREADABLE:
            return  # the workflow service reads it as well, and puts it into the dead letters
        core, now_us = self._core, self._context.clock.now_us()
        if self._answered.open:
            self._answered.note([result.id for result in seen.results])
        attempt = None
        for result in seen.results:
            attempt = core.finished(result.id)
            if attempt is None:
                failed = result.status == "failed"
                self._router.finished(result.id, _took_us(result), failed=failed)
                if self._gate:
                    self._gate.forget(result.id, now_us)
        self._measures.finished.add(len(seen.results))
        if attempt is not None:
            self._learn(attempt, seen.results[-1])
        if seen.accepted is not None:
            for id_ in [seen.accepted] if isinstance(seen.accepted, str) else seen.accepted:
                # On a device it may still wait for a slot: it lives from its first sign on.
                core.alive(id_, now_us)
                self._router.accepted(id_)

    def _learn(self, attempt: Attempt, result: SeenResult) -> None:
        """Take how long an attempt took as a sample."""
        took_us = _took_us(result)
        if took_us is not None:
            self._core.learn(attempt, took_us)


def _took_us(result: SeenResult) -> int | None:
    """How long an attempt took, where its worker says so in a form that is known."""
    if result.started_at is None or result.finished_at is None:
        return None
    try:
        return parse_rfc3339(result.finished_at) - parse_rfc3339(result.started_at)
    except ValueError:
        return None  # instants of a worker of another make: only a hint is lost
