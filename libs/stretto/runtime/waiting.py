"""Wait for what a service cannot work without: NATS, Postgres. For ever, and saying so."""

import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stretto.runtime.clock import Clock, SystemClock
from stretto.runtime.errors import TransientError
from stretto.runtime.health import Component
from stretto.telemetry.names import LOG_AFTER_S, LOG_REASON, LOG_TRIES, LOG_WAITS_FOR

T = TypeVar("T")

FIRST_WAIT_S = 0.1
MAX_WAIT_S = 2.0
"""What comes up is noticed within this time."""

SAY_EVERY_TRIES = 15
"""After the first failure only every so many are logged: half a minute at the longest wait."""

RETRIED = (TransientError, OSError, TimeoutError)
"""What may go away by itself. Adapters translate their driver's errors into `TransientError`."""

_logger = logging.getLogger(__name__)


async def wait_for(
    what: str,
    attempt: Callable[[], Awaitable[T]],
    *,
    component: Component,
    clock: Clock | None = None,
) -> T:
    """Call `attempt` until it succeeds and return what it gives; cancel it to give up.

    Waits grow from 0.1 to 2 s, with jitter. `component` says what it waits for until it succeeds.

    Raises:
        Exception: what `attempt` raises and is not in `RETRIED`: trying again cannot help.
    """
    clock = clock or SystemClock()
    began = clock.monotonic()
    component.not_ready(f"waits for {what}")
    tries = 0
    while True:
        tries += 1
        try:
            found = await attempt()
        except RETRIED as error:
            component.not_ready(f"waits for {what}: {error}")
            if tries % SAY_EVERY_TRIES == 1:
                _logger.warning(
                    "waiting",
                    extra={LOG_WAITS_FOR: what, LOG_TRIES: tries, LOG_REASON: str(error)},
                )
            wait_s = min(FIRST_WAIT_S * 2 ** min(tries - 1, 10), MAX_WAIT_S)
            await clock.sleep(random.uniform(wait_s / 2, wait_s))
            continue
        if tries > 1:
            waited_s = round(clock.monotonic() - began, 3)
            _logger.info("found", extra={LOG_WAITS_FOR: what, LOG_AFTER_S: waited_s})
        component.ready()
        return found
