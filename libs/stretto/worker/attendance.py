"""Being there: what a worker says of itself every few seconds, and whether another one says it."""

import asyncio
import logging
import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stretto.bus.connection import Connection
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.presence import read_presence
from stretto.contracts.public import Presence, RunningAttempt
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry import names
from stretto.worker.handler import Handler
from stretto.worker.ledger import Ledger

PRESENCE_INTERVAL_S = 3.0
"""How often a worker says that it is there; it counts as gone after three times as long."""

TOLD_EVERY_S = 60.0
"""That another process has the name is told so often, for as long as it lasts."""

MAX_RUNNING_SAID = 20
MAX_RUNNING_LOOKED_AT = 500
"""Presence names so many of the attempts that run, so that a person sees who has which; a message
stays small, and looking for them costs nothing to speak of."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a worker is: where it works, what it can do."""

    name: str
    namespace: str
    queue: str
    slots: int
    handlers: Mapping[str, Handler]
    attributes: Mapping[str, Any]
    labels: Mapping[str, str]
    capabilities: tuple[str, ...]
    drain_timeout_s: float
    resources: Mapping[str, int] = field(default_factory=dict)

    @property
    def who(self) -> dict[str, object]:
        """What lines of the log say of a worker."""
        return {
            names.LOG_WORKER: self.name,
            names.LOG_NAMESPACE: self.namespace,
            names.LOG_QUEUE: self.queue,
        }


class Attendance:
    """Says that a worker is there, and hears whether another process says it in its name."""

    def __init__(
        self, profile: Profile, connection: Connection, ledger: Ledger, clock: Clock
    ) -> None:
        self._profile = profile
        self._connection = connection
        self._ledger = ledger
        self._clock = clock
        self._instance = secrets.token_hex(8)
        self._told = -math.inf

    async def stay(self) -> None:
        """Say it every few seconds, and as soon as a lost connection is back, until cancelled."""
        back = asyncio.Event()
        forget = self._connection.on_change(lost=lambda: None, back=back.set)
        try:
            while True:
                await self.say(gone=False)
                back.clear()
                try:
                    async with asyncio.timeout(PRESENCE_INTERVAL_S):
                        await back.wait()
                except TimeoutError:
                    continue  # the usual case: nothing happened, it is time again
        finally:
            forget()

    async def say(self, *, gone: bool) -> None:
        """Say it, or that it ends in order; nothing while the bus is not there."""
        profile = self._profile
        presence = Presence(
            device=profile.name,
            tasks=sorted(profile.handlers),
            queue=profile.queue,
            capabilities=list(profile.capabilities),
            attributes=dict(profile.attributes),
            labels=dict(profile.labels),
            resources=dict(profile.resources),
            slots=profile.slots,
            busy=self._ledger.running,
            gone=gone,
            instance=self._instance,
            running=[
                RunningAttempt(id=id_, since=since)
                for id_, since in self._ledger.longest(MAX_RUNNING_SAID, MAX_RUNNING_LOOKED_AT)
            ],
        )
        if not self._connection.is_connected:
            return  # said again as soon as it is back
        try:
            await self._connection.publish(
                subjects.presence(profile.namespace, profile.name), json_encode(presence)
            )
        except TransientError as error:
            logger.warning("presence not sent", extra={names.LOG_REASON: str(error)})

    def hear(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        """Somebody says that he is this worker: usually we do."""
        try:
            presence = read_presence(data)
        except (ValueError, *UNREADABLE):
            return  # who keeps the roster tells of it
        if presence.instance in (None, self._instance) or presence.gone:
            return
        now = self._clock.monotonic()
        if now - self._told >= TOLD_EVERY_S:
            self._told = now
            logger.warning(
                "another process has the name of this worker: each does what is sent to it by "
                "name; give each a name of its own",
                extra=self._profile.who,
            )
