"""Listens to devices and workers, for all lanes of this instance."""

import logging
import math
from collections.abc import Sequence

import msgspec

from services.execution.core.roster import Roster
from services.execution.lane import Lane
from services.execution.measures import Measures
from services.execution.settings import ExecutionSettings
from stretto.contracts import subjects
from stretto.contracts.payload import MAX_DETAILS_BYTES, NULL, payload_problem
from stretto.contracts.presence import read_presence
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.context import ServiceContext
from stretto.telemetry import names

EXPIRE_EVERY_S = 1.0

TOLD_EVERY_S = 10.0
"""What cannot be read is told at most so often, with how many there were: a device that sends
nonsense sends a lot of it."""

MAX_SUBJECT_TOLD = 200

logger = logging.getLogger(__name__)


class _Alive(msgspec.Struct, frozen=True):
    """What execution reads of a progress message."""

    id: str
    details: msgspec.Raw = NULL


_decode_alive = msgspec.json.Decoder(_Alive).decode


class Listener:
    """Keeps the roster, and passes signs of life on to the desks. `run` until cancelled."""

    def __init__(
        self,
        context: ServiceContext[ExecutionSettings],
        roster: Roster,
        lanes: Sequence[Lane],
        measures: Measures,
    ) -> None:
        self._context = context
        self._roster = roster
        self._lanes = lanes
        self._measures = measures
        self._told_at = -math.inf
        self._untold = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        connection = self._context.connection
        subscriptions = [
            await connection.subscribe("stretto.presence.*.*", self._presence),
            await connection.subscribe("stretto.progress.*.*", self._progress),
        ]
        end = connection.on_change(lost=lambda: None, back=self._back)
        try:
            while True:
                await self._context.clock.sleep(EXPIRE_EVERY_S)
                if connection.is_connected:
                    self._roster.expire(self._context.clock.now_us())
                self._measures.devices.set(len(self._roster))
        finally:
            end()
            for subscription in subscriptions:
                await connection.unsubscribe(subscription)

    def _presence(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            namespace, name = subjects.parse_presence(subject.decode())
            presence = read_presence(data)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            self._not_understood("presence", subject, error)
            return
        queue = presence.queue
        now_us = self._context.clock.now_us()
        news = self._roster.hear(namespace, name, presence, now_us)
        if self._roster.tell_twice(namespace, name, now_us):
            logger.warning(
                "two processes have the name of one device: each does its attempts; give each a "
                "name of its own",
                extra={names.LOG_NAMESPACE: namespace, names.LOG_WORKER: name},
            )
        if queue is not None and news:
            for lane in self._lanes:
                if lane.desk is not None:
                    lane.desk.announced(namespace, queue, news)

    def _progress(self, subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        try:
            alive = _decode_alive(data)
        except UNREADABLE as error:
            self._not_understood("progress", subject, error)
            return
        for lane in self._lanes:
            if lane.desk is not None:
                lane.desk.alive(alive.id, _details(alive))

    def _not_understood(self, what: str, subject: bytes, error: Exception) -> None:
        now = self._context.clock.monotonic()
        if now - self._told_at < TOLD_EVERY_S:
            self._untold += 1
            return
        more, self._untold, self._told_at = self._untold, 0, now
        extra = {
            names.LOG_SUBJECT: subject[:MAX_SUBJECT_TOLD].decode(errors="replace"),
            names.LOG_REASON: str(error),
            names.LOG_COUNT: more + 1,
        }
        logger.warning(f"{what} not understood", extra=extra)

    def _back(self) -> None:
        """The connection is back: nobody's silence until now counts."""
        self._roster.forgive(self._context.clock.now_us())
        for lane in self._lanes:
            if lane.desk is not None:
                lane.desk.deaf()


def _details(alive: _Alive) -> bytes | None:
    """What it says to go on from, where that may be kept."""
    if alive.details is NULL:
        return None
    details = bytes(alive.details)
    return None if payload_problem(details, MAX_DETAILS_BYTES) is not None else details
