"""Being there: what a worker says of itself every few seconds."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stretto.bus.connection import Connection
from stretto.contracts import subjects
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence, RunningAttempt
from stretto.runtime.errors import TransientError
from stretto.telemetry import names
from stretto.worker.handler import Handler
from stretto.worker.ledger import Ledger

PRESENCE_INTERVAL_S = 3.0
"""How often a worker says that it is there; it counts as gone after three times as long."""

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
    """Says that a worker is there."""

    def __init__(self, profile: Profile, connection: Connection, ledger: Ledger) -> None:
        self._profile = profile
        self._connection = connection
        self._ledger = ledger
        self._instance = secrets.token_hex(8)

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
