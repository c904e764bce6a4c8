"""What the service processes said of themselves last (`stretto.stats.*`, core NATS)."""

import logging
from typing import Any

import msgspec

from stretto.contracts.frames import ServiceStats
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import US_PER_S, Clock, rfc3339
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

SUBJECT = "stretto.stats.*"

SILENT_S = 30
"""Who has said nothing for so long is gone."""

MAX_INSTANCES = 1_000

_decode = msgspec.json.Decoder(ServiceStats).decode


class ServicesSeen:
    """The last statistics of each instance."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[tuple[str, str], ServiceStats] = {}

    def heard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        """Take a message of `SUBJECT`."""
        try:
            stats = _decode(data)
        except UNREADABLE as error:
            logger.warning("statistics not understood", extra={LOG_REASON: str(error)})
            return
        key = (stats.service, stats.instance)
        if key not in self._last and len(self._last) >= MAX_INSTANCES:
            self._forget_silent()
            if len(self._last) >= MAX_INSTANCES:
                return
        self._last[key] = stats

    def report(self) -> list[dict[str, Any]]:
        """The instances that are there, by service and name."""
        self._forget_silent()
        return [
            {
                "service": stats.service,
                "instance": stats.instance,
                "at": rfc3339(stats.at_us),
                "counters": stats.counters,
                "gauges": stats.gauges,
            }
            for _, stats in sorted(self._last.items())
        ]

    def _forget_silent(self) -> None:
        oldest_us = self._clock.now_us() - SILENT_S * US_PER_S
        self._last = {k: s for k, s in self._last.items() if s.at_us >= oldest_us}
