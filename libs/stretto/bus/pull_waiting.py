"""One task that waits, for a message or until a time, and one timer for many such waits."""

from __future__ import annotations

import asyncio


class OneWaiter:
    """The waiting of a pull loop, which is one: a part of its own would cost each message a call.

    Whoever waits sets ``_waiter`` and ``_wake_at``, and an alarm when the one there is comes too
    late for it.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._wake_at = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0

    def _set_alarm(self, at: float) -> None:
        """Ring no later than the task wants to be woken. One timer for many waits: to make one for
        each costs more than the wait of a busy loop."""
        self._no_alarm()
        self._alarm = self._loop.call_at(at, self._ring)
        self._alarm_at = at

    def _no_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        if self._wake_at <= self._loop.time():
            self._wake()
        else:
            self._set_alarm(self._wake_at)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
