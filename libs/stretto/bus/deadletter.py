"""Dead letters: what could not be understood, with the reason; never blocks anything."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping

import msgspec

from stretto.contracts import subjects
from stretto.contracts.failures import Reason
from stretto.contracts.public import DeadLetter
from stretto.runtime.clock import now_us, rfc3339
from stretto.telemetry.names import LOG_CODE, LOG_SUBJECT

from .message import Message
from .publisher import Publisher

logger = logging.getLogger(__name__)

EXCERPT_BYTES = 4096
"""Enough to see what it was; a hostile payload must not fill the stream of dead letters."""

MAX_HEADERS = 32
MAX_HEADER_CHARS = 512


class DeadLetters:
    """Where one service leaves what it could not understand: ``stretto.dlq.<service>``."""

    def __init__(self, publisher: Publisher, service: str) -> None:
        self._publisher = publisher
        self._service = service

    async def bury(self, message: Message, code: str, reason: str) -> None:
        """Publish a message as a dead letter, then terminate it: it is not delivered again.

        Raises:
            TransientError: the dead letter could not be stored; the message comes again.
        """
        await self.publish(
            message.subject,
            message.data,
            code=code,
            reason=reason,
            headers=message.headers,
            # A second delivery of the same message is the same dead letter.
            msg_id=f"dlq-{message.subject}-{message.stream_seq}-{message.timestamp_ns}",
        )
        message.term()

    async def publish(
        self,
        subject: str,
        data: bytes,
        *,
        code: str,
        reason: str,
        headers: Mapping[str, str] | None = None,
        msg_id: str | None = None,
    ) -> None:
        """Publish a dead letter for data that came on ``subject``.

        Raises:
            TransientError: it could not be stored.
        """
        logger.warning("dead letter", extra={LOG_SUBJECT: subject, LOG_CODE: code})
        letter = DeadLetter(
            service=self._service,
            subject=subject,
            reason=Reason(code=code, message=reason),
            excerpt=data[:EXCERPT_BYTES].decode("utf-8", "replace"),
            size_bytes=len(data),
            headers=_bounded(headers or {}),
            at=rfc3339(now_us()),
        )
        if msg_id is None:
            msg_id = "dlq-" + hashlib.blake2b(data, digest_size=12).hexdigest()
        await self._publisher.publish(
            subjects.dead_letter(self._service),
            msgspec.json.encode(letter),
            msg_id=_header_safe(msg_id),
        )


def _bounded(headers: Mapping[str, str]) -> dict[str, str]:
    kept = list(headers.items())[:MAX_HEADERS]
    return {key[:MAX_HEADER_CHARS]: value[:MAX_HEADER_CHARS] for key, value in kept}


def _header_safe(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
