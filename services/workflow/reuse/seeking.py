"""Looks for what equal steps have given: many at a time, beside the rounds of the engine.

A step waits for the answer with its run in memory. What is lost on the way (a restart, a run that
moved to another instance) is asked for again from the log, as every open effect is.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import NamedTuple

from services.workflow.core.commands import Found, Sought
from services.workflow.core.effects import Seek
from services.workflow.inbox import Addressed, Arrival, Inbox
from services.workflow.reuse.noting import KeptKey, KeptOutput
from services.workflow.reuse.shared import SharedOutputs
from stretto.contracts.ids import run_id_text
from stretto.runtime.clock import Clock
from stretto.runtime.errors import TransientError
from stretto.telemetry.metrics import Metrics
from stretto.telemetry.names import LOG_REASON, METRIC_OUTPUTS_NOT_FOUND, METRIC_OUTPUTS_REUSED

logger = logging.getLogger(__name__)

MAX_AT_ONCE = 200
"""Steps looked for in one query: each may bring 256 KiB."""

RETRY_S = 0.5
"""Before Postgres is asked again that did not answer: the commits wait for it, too."""


class Seeker(NamedTuple):
    """A step that looks for something."""

    run_id: bytes
    namespace: str
    seek: Seek

    @property
    def key(self) -> KeptKey:
        return (self.namespace, self.seek.task, self.seek.key)


class Seeking:
    """Answers the steps that look for what equal ones gave."""

    def __init__(
        self, outputs: SharedOutputs, inbox: Inbox, clock: Clock, metrics: Metrics
    ) -> None:
        self._outputs = outputs
        self._inbox = inbox
        self._clock = clock
        self._waiting: dict[tuple[bytes, str, int], Seeker] = {}
        self._some = asyncio.Event()
        self._hits = metrics.counter(METRIC_OUTPUTS_REUSED)
        self._misses = metrics.counter(METRIC_OUTPUTS_NOT_FOUND)

    def ask(self, seekers: Iterable[Seeker]) -> None:
        """Look for something; the same question twice is one."""
        for each in seekers:
            self._waiting[each.run_id, each.seek.path, each.seek.turn] = each
        self._some.set()

    async def run(self) -> None:
        """Answer, until cancelled."""
        while True:
            await self._some.wait()
            try:
                await self.answer()
            except TransientError as error:
                logger.warning("outputs not looked for", extra={LOG_REASON: error.message})
                await self._clock.sleep(RETRY_S)

    async def answer(self) -> int:
        """Answer some of those that wait; how many. Raises TransientError: they still wait."""
        asked = dict(list(self._waiting.items())[:MAX_AT_ONCE])
        if asked:
            now_us = self._clock.now_us()
            found = await self._outputs.find(list({each.key for each in asked.values()}), now_us)
            told = [_told(each, found.get(each.key), now_us) for each in asked.values()]
            hits = sum(each.command.found is not None for each in told)  # type: ignore[union-attr]
            self._hits.add(hits)
            self._misses.add(len(told) - hits)
            self._inbox.put_now([Arrival(items=told)])
            for each in asked:
                del self._waiting[each]
        if not self._waiting:
            self._some.clear()
        return len(asked)


def _told(seeker: Seeker, kept: KeptOutput | None, now_us: int) -> Addressed:
    return Addressed(seeker.run_id, answer_to(seeker.seek, kept, now_us), seeker.namespace)


def answer_to(seek: Seek, kept: KeptOutput | None, now_us: int) -> Sought:
    """The answer to a step: what is kept, if it is neither too old for the step nor expired."""
    found = None
    oldest_us = now_us - int(seek.for_s * 1_000_000)
    if kept is not None and kept.kept_us >= oldest_us and kept.expires_us > now_us:
        found = Found(
            output=kept.output, run=run_id_text(kept.run_id), step=kept.step, at_us=kept.kept_us
        )
    return Sought(path=seek.path, turn=seek.turn, task=seek.task, found=found)
