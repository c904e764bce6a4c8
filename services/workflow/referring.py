"""Commands that carry references, before they are decided: what they refer to is kept first."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from services.workflow.answers import refused
from services.workflow.core import Rejection
from services.workflow.core.commands import RUN_MARK, Control, Decided, Result
from services.workflow.inbox import Addressed, Arrival, Item
from services.workflow.payloads import BadPayload, Payloads
from stretto.bus.message import Message
from stretto.bus.publisher import Outgoing
from stretto.contracts.failures import Failure
from stretto.contracts.frames import StartRecord
from stretto.contracts.ids import parse_attempt_id, parse_run_id
from stretto.contracts.payload import MAX_PAYLOAD_BYTES, REFERENCE_MARK
from stretto.runtime.errors import TransientError
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

PAYLOAD_MISSING = "PayloadMissing"
"""Type of the failure of an attempt whose output is nowhere; it may be tried again."""

PAUSE_S = 0.5
"""After the object store or Postgres did not answer; then it is tried again."""

Answer = Callable[[list[Outgoing]], Awaitable[None]]
"""Publishes answers and refusals."""


def concerns(message: Message) -> bool:
    """Whether a message may carry references, or a value that needs one. Cheap."""
    data = message.data
    return len(data) > MAX_PAYLOAD_BYTES or REFERENCE_MARK in data


class Referring:
    """Keeps what arrivals refer to, and answers those whose references stand for nothing."""

    def __init__(self, payloads: Payloads, answer: Answer, partitions: int) -> None:
        self._payloads = payloads
        self._answer = answer
        self._partitions = partitions

    async def accept_all(self, arrivals: list[Arrival]) -> list[Arrival]:
        """Give what is left of some arrivals."""
        found: list[Arrival] = []
        for each in arrivals:
            message = each.message
            if message is None or not concerns(message):
                found.append(each)
            elif (accepted := await self._accepted(each, message)) is not None:
                found.append(accepted)
        return found

    async def _accepted(self, arrival: Arrival, message: Message) -> Arrival | None:
        """The arrival with what is left of it; None where nothing is. While it cannot be kept the
        message waits, as commits do."""
        items: list[Item] = []
        for item in arrival.items:
            kept = await self._accept_in_time(item, message)
            if isinstance(kept, Rejection):
                await self._answer(refused(item, kept, self._partitions))
                logger.info("request refused", extra={LOG_REASON: kept.code})
            else:
                items.append(kept)
        if not items:
            message.ack()
            return None
        return Arrival(items=items, message=message, partition=arrival.partition)

    async def _accept_in_time(self, item: Item, message: Message) -> Item | Rejection:
        while True:
            try:
                return await self._accept(item)
            except TransientError as error:
                logger.warning("payload not kept", extra={LOG_REASON: error.message})
            message.in_progress()
            await asyncio.sleep(PAUSE_S)

    async def _accept(self, item: Item) -> Item | Rejection:
        try:
            return await self._kept(item)
        except BadPayload as error:
            if isinstance(item, Addressed) and isinstance(item.command, Result):
                failure = Failure(
                    type=PAYLOAD_MISSING,
                    message=error.message,
                    retryable=error.code == "payload_missing",
                )
                command = msgspec.structs.replace(item.command, output=b"null", failure=failure)
                return msgspec.structs.replace(item, command=command)
            return Rejection(code=error.code, message=error.message)

    async def _kept(self, item: Item) -> Item:
        if isinstance(item, StartRecord):
            parents = () if item.parent is None else (parse_attempt_id(item.parent).run_id,)
            await self._payloads.accept(item.run_id, item.input, parents)
            return item
        match item.command:
            case Result(failure=None, output=output, worker=worker):
                child = worker is not None and worker.startswith(RUN_MARK)
                others = (parse_run_id(worker.removeprefix(RUN_MARK)),) if worker and child else ()
                await self._payloads.accept(item.run_id, output, others)
            case Control(request=request):
                await self._payloads.accept(item.run_id, bytes(request.payload))
            case Decided(record=record) if len(record.output or b"") > MAX_PAYLOAD_BYTES:
                reference = await self._payloads.keep(item.run_id, record.output or b"")
                small = msgspec.structs.replace(record, output=reference)
                return msgspec.structs.replace(item, command=Decided(record=small), refers=True)
            case _:
                pass
        return msgspec.structs.replace(item, refers=True)
