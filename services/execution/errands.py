"""What admission wants looked at or told on the bus: done beside the flow, one after the other.

None of it is needed for correctness: a stopped attempt's result would be refused by the log, and
what cannot be found out now is asked for again by the workflow service's sweep.
"""

import asyncio
import logging
from collections import deque
from typing import assert_never

from services.execution.core.admission import Admission
from services.execution.core.effects import Move, Stop, Verify
from services.execution.work_stream import WorkStream
from stretto.bus.connection import Connection
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.runtime.errors import StrettoError
from stretto.telemetry import names

MAX_IDS_A_MESSAGE = 500
"""A withdrawal stays far below the size that a server takes."""

DELETES_AT_ONCE = 16

logger = logging.getLogger(__name__)

Errand = Stop | Verify | Move


class Errands:
    """See the module's docstring; `run` until cancelled."""

    def __init__(
        self,
        connection: Connection,
        work: WorkStream,
        core: Admission,
        changed: asyncio.Event,
    ) -> None:
        self._connection = connection
        self._work = work
        self._core = core
        self._changed = changed
        self._waiting: deque[Errand] = deque()
        self._arrived = asyncio.Event()

    def add(self, errand: Errand) -> None:
        """Do this soon. There are never more than attempts that are known."""
        self._waiting.append(errand)
        self._arrived.set()

    async def run(self) -> None:
        """Do errands until cancelled."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            errand = self._waiting.popleft()
            try:
                await self._do(errand)
            except StrettoError as error:
                logger.warning("errand not done", extra={names.LOG_REASON: str(error)})

    async def _do(self, errand: Errand) -> None:
        match errand:
            case Stop():
                await self._stop(errand)
            case Verify(attempt, seq):
                if not await self._work.has(seq):
                    self._core.vanished(attempt, seq)
                    self._changed.set()
            case Move(attempt, seq):
                assert attempt.queue is not None, "what is parked is in a queue"
                claimed = await self._work.claimed_up_to(attempt.namespace, attempt.queue)
                if seq > claimed and await self._work.take_out(seq):
                    self._core.moved(attempt, seq)
                    self._changed.set()
            case _:
                assert_never(errand)

    async def _stop(self, stop: Stop) -> None:
        """Tell the queue's workers, then delete messages that hold nothing else."""
        ids = [attempt.id for attempt in stop.attempts]
        subject = subjects.withdraw(stop.namespace, stop.queue)
        for start in range(0, len(ids), MAX_IDS_A_MESSAGE):
            data = json_encode({"ids": ids[start : start + MAX_IDS_A_MESSAGE]})
            await self._connection.publish(subject, data)
        turns = asyncio.Semaphore(DELETES_AT_ONCE)

        async def delete(seq: int) -> None:
            async with turns:
                await self._work.take_out(seq)

        try:
            async with asyncio.TaskGroup() as group:
                for attempt in stop.attempts:
                    if attempt.alone and attempt.seq:
                        group.create_task(delete(attempt.seq))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
