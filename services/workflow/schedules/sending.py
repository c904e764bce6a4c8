"""What goes out for a firing: the start of its run, or that its run has to end.

Answers come to an inbox of this instance. An answer that is lost costs nothing: what was not
answered is sent again, and a start that was carried out already is the same run.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from services.workflow.schedules.records import Firing, FiringStatus, Key
from services.workflow.schedules.store import ScheduleStore
from stretto.bus.connection import Connection
from stretto.bus.publisher import Outgoing, Publisher
from stretto.bus.wire import new_inbox
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.failures import Reason
from stretto.contracts.ids import run_id_text
from stretto.contracts.public import ControlRequest
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.errors import PermanentError, TransientError
from stretto.telemetry.names import LOG_REASON, LOG_SCHEDULE

logger = logging.getLogger(__name__)

MAX_ASKED = 10_000
"""Answers that are waited for; the oldest question is forgotten, and put again in time."""


class _Answer(msgspec.Struct):
    rejected: Reason | None = None


class _Asked(NamedTuple):
    key: Key
    firing: str
    ending: bool


_decode = msgspec.json.Decoder(_Answer).decode


class FiringSender:
    """Publishes starts and controls, and notes what comes back."""

    def __init__(self, connection: Connection, publisher: Publisher, store: ScheduleStore) -> None:
        self._connection = connection
        self._publisher = publisher
        self._store = store
        self._prefix = new_inbox(connection.inbox_prefix)
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._answered: list[tuple[_Asked, Reason | None]] = []

    async def open(self) -> None:
        """Hear answers from here on."""
        await self._connection.subscribe(self._prefix + "*", self._hear)
        await self._connection.flush()

    async def send(self, firings: Iterable[Firing]) -> int:
        """Send what firings ask for now: a start, or an end; how many. Others are passed over.

        What cannot be stored is sent again in time.
        """
        out = [message for firing in firings if (message := self._message(firing)) is not None]
        if out:
            await self._publish(out)
        return len(out)

    async def _publish(self, out: list[Outgoing]) -> None:
        try:
            await self._publisher.publish_many(out)
        except TransientError as error:
            logger.warning("starts put off", extra={LOG_REASON: error.message})
        except PermanentError as error:
            if len(out) > 1:
                for message in out:  # the others must not suffer; those that went are known
                    await self._publish([message])
                return
            number = (out[0].headers or {})[subjects.HEADER_REPLY].rpartition(".")[2]
            asked = self._asked.pop(int(number), None)
            if asked is not None:
                self._answered.append((asked, Reason(code=error.code, message=error.message)))

    async def note_answers(self) -> None:
        """Write down what was answered since the last time."""
        answered, self._answered = self._answered, []
        for asked, refused in answered:
            if asked.ending:
                # Refused is as good: the run has ended, or is ending already.
                await self._store.told(asked.key, asked.firing)
            elif refused is not None:
                reason = f"{refused.code}: {refused.message}"
                await self._store.refuse(asked.key, asked.firing, reason)
                logger.warning(
                    "scheduled start refused",
                    extra={LOG_SCHEDULE: asked.key[1], LOG_REASON: refused.message},
                )

    def _message(self, firing: Firing) -> Outgoing | None:
        ending = firing.ending is not None and not firing.told
        if firing.status == FiringStatus.STARTING and firing.request is not None:
            # A run that has to make room before it was started is started, then ended: its start
            # may be on its way.
            subject = subjects.start(firing.namespace, firing.workflow)
            return self._asking(subject, firing.request, _Asked(firing.key, firing.id, False))
        if firing.status == FiringStatus.STARTED and ending:
            subject = subjects.control(firing.namespace, run_id_text(firing.run_id))
            request = ControlRequest(
                command=str(firing.ending),
                by=f"schedule:{firing.name}",
                reason="a later run of the schedule takes its place",
            )
            return self._asking(subject, json_encode(request), _Asked(firing.key, firing.id, True))
        return None

    def _asking(self, subject: str, data: bytes, asked: _Asked) -> Outgoing:
        self._number += 1
        self._asked[self._number] = asked
        if len(self._asked) > MAX_ASKED:
            self._asked.pop(next(iter(self._asked)))
        headers = {subjects.HEADER_REPLY: f"{self._prefix}{self._number}"}
        return Outgoing(subject, data, None, headers)

    def _hear(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        number = subject.rpartition(b".")[2]
        asked = self._asked.pop(int(number), None) if number.isdigit() else None
        if asked is None:
            return
        try:
            self._answered.append((asked, _decode(data).rejected))
        except UNREADABLE as error:
            logger.warning("answer unreadable", extra={LOG_REASON: str(error)})
