"""Requests that are stored on the bus: taken by any instance, carried out once, answered."""

import logging
import zlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import msgspec

from services.workflow.answers import may_answer
from services.workflow.faults import FAULTS
from services.workflow.feeding import MAX_MESSAGES, Pull
from stretto.bus.deadletter import DeadLetters
from stretto.bus.message import Message
from stretto.bus.publisher import Publisher
from stretto.bus.topology import Consumer
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import MAX_MESSAGE_CHARS, Reason
from stretto.contracts.public import Refused, Rejected
from stretto.contracts.unreadable import UNREADABLE
from stretto.postgres.errors import BadValue
from stretto.runtime.clock import Clock
from stretto.runtime.errors import PermanentError, StrettoError, TransientError
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

PUT_OFF_S = 1.0
"""When the tables cannot be reached a request comes again after so long."""

MAX_BY_CHARS = 256

T = TypeVar("T")


class Requested(NamedTuple):
    """What reads requests needs of its service."""

    publisher: Publisher
    pull: Pull
    clock: Clock

    async def serve(
        self,
        consumer: Consumer,
        read: Callable[[Message], T],
        carry_out: Callable[[T], Awaitable[bytes | Reason]],
        *,
        fault: str,
    ) -> None:
        """Carry out what comes, until cancelled.

        Args:
            read: raises what decoders raise, or ValueError, for what is no request.
            carry_out: gives the answer as JSON, or why it is refused. A TransientError puts the
                request off: it comes again.
            fault: the code of a refusal for a fault of ours.
        """
        dead_letters = DeadLetters(self.publisher, "workflow")
        async with self.pull(consumer, MAX_MESSAGES) as loop:
            while True:
                for message in await loop.next_batch():
                    try:
                        try:
                            asked = read(message)
                        except (*UNREADABLE, ValueError) as error:
                            reason = Reason(code="message_unreadable", message=str(error))
                            await dead_letters.bury(message, reason.code, reason.message)
                            await self._say(message, reason)
                            continue
                        await self._say(message, await _outcome(asked, carry_out, fault))
                        message.ack()
                    except TransientError as error:
                        logger.warning("request put off", extra={LOG_REASON: error.message})
                        await self.clock.sleep(PUT_OFF_S)
                        message.give_back()

    async def _say(self, message: Message, answer: bytes | Reason) -> None:
        """Answer who asked; a refusal is for all to see."""
        reply = may_answer(message.headers.get(subjects.HEADER_REPLY))
        try:
            if isinstance(answer, Reason):
                told = Rejected(subject=message.subject, reason=answer)
                namespace = message.subject.split(".")[2]
                await self.publisher.publish_core(subjects.rejected(namespace), json_encode(told))
                answer = json_encode(Refused(rejected=answer))
            if reply is not None:
                await self.publisher.publish_core(reply, answer)
        except StrettoError as error:
            logger.warning("answer not published", extra={LOG_REASON: error.message})


async def _outcome(
    asked: T, carry_out: Callable[[T], Awaitable[bytes | Reason]], fault: str
) -> bytes | Reason:
    try:
        return await carry_out(asked)
    except BadValue as error:
        return Reason(code="value_invalid", message=error.message)
    except PermanentError as error:
        logger.exception("request at fault", extra={LOG_REASON: error.message})
        return Reason(code=fault, message=error.message)
    except FAULTS as error:
        logger.exception("request at fault", extra={LOG_REASON: str(error)})
        text = f"expected to carry it out, but the service failed: {type(error).__name__}"
        return Reason(code=fault, message=text)


def request_key(message: Message) -> str:
    """What a message is known by when it is delivered again."""
    return f"{message.stream_seq}:{message.timestamp_ns}:{zlib.crc32(message.data)}"


class Asker(msgspec.Struct, frozen=True):
    """Who asks for something, and why."""

    namespace: str
    by: str | None
    reason: str | None


def asker_problem(asker: Asker) -> Reason | None:
    """Say what is wrong with who asks, before anything is looked up."""
    if not subjects.is_name(asker.namespace):
        text = f"expected a namespace {subjects.NAME_PATTERN}, but got {asker.namespace[:60]!r}"
        return Reason(code="namespace_invalid", message=text)
    for field, said, limit in (
        ("by", asker.by or "", MAX_BY_CHARS),
        ("reason", asker.reason or "", MAX_MESSAGE_CHARS),
    ):
        if len(said) > limit:
            text = f"{field}: expected at most {limit} characters, but got {len(said)}"
            return Reason(code="request_invalid", message=text)
    return None
