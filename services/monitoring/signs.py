"""Signs of life of attempts, as they pass on the bus: how far each says that it is."""

import logging
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from stretto.contracts.ids import parse_attempt_id
from stretto.contracts.public import Progress
from stretto.runtime.clock import Clock
from stretto.telemetry.names import LOG_REASON

logger = logging.getLogger(__name__)

SIGNS = "stretto.progress.*.*"

MAX_SIGNS = 20_000
"""Attempts of which the last sign is kept; those that were silent longest are forgotten."""

MAX_MOVED = 50
"""Runs of which somebody said something since it was looked last."""

MAX_MESSAGE_CHARS = 200
MAX_WORKER_CHARS = 256

_decode = msgspec.json.Decoder(Progress).decode


class Sign(NamedTuple):
    """The last one of an attempt. `progress` and `message` are the last that were said at all."""

    heard_us: int
    progress: float | None
    message: str | None
    worker: str | None


class Signs:
    """Hears `stretto.progress…`; what is not kept any more is unknown, never wrong."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: OrderedDict[str, Sign] = OrderedDict()
        self.moved: dict[bytes, None] = {}

    def heard(self, _subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        """Take a message."""
        try:
            said = _decode(data)
            run_id = parse_attempt_id(said.id).run_id
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            logger.warning("progress not understood", extra={LOG_REASON: str(error)})
            return
        before = self._last.pop(said.id, None)
        progress, message, worker = said.progress, said.message, said.worker
        self._last[said.id] = Sign(
            self._clock.now_us(),
            min(max(progress, 0.0), 1.0) if progress is not None else before and before.progress,
            message[:MAX_MESSAGE_CHARS] if message is not None else before and before.message,
            worker[:MAX_WORKER_CHARS] if worker is not None else before and before.worker,
        )
        if len(self._last) > MAX_SIGNS:
            self._last.popitem(last=False)
        if progress is not None and len(self.moved) < MAX_MOVED:
            self.moved[run_id] = None

    def of(self, attempt_id: str) -> Sign | None:
        """The last sign of an attempt."""
        return self._last.get(attempt_id)
