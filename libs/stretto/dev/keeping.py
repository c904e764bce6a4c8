"""A process that ended is started again: at once the first time, later and later after that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from stretto.runtime.errors import StrettoError

FIRST_PAUSE_S = 0.1
"""A crash by chance must cost little: the rest of the system waits for this process."""
MAX_PAUSE_S = 10.0
FORGIVEN_AFTER_S = 30.0
"""Up for so long, its earlier ends say nothing about the next one."""

RESTART_TIMEOUT_S = 60.0


class Kept(Protocol):
    """Something that runs, ends and can be started again."""

    name: str

    async def start(self, timeout_s: float) -> None: ...
    async def ended(self) -> int: ...


class Report(Protocol):
    """Who is told what happens: a terminal, a test."""

    def up(self, name: str, seconds: float, where: str | None = None) -> None: ...
    def down(self, name: str, exit_code: int | None, pause_s: float) -> None: ...
    def note(self, sentence: str) -> None: ...


class Backoff:
    """How long to pause before the next start: doubles while the ends come close together."""

    def __init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S
        self._up_since = time.monotonic()

    def came_up(self) -> None:
        self._up_since = time.monotonic()

    def next_pause(self) -> float:
        """Return the pause before the next start, in seconds."""
        if time.monotonic() - self._up_since >= FORGIVEN_AFTER_S:
            self._pause_s = FIRST_PAUSE_S
        pause = self._pause_s
        self._pause_s = min(2 * pause, MAX_PAUSE_S)
        # A process that does not come up at all earns no forgiveness by taking its time.
        self._up_since = time.monotonic()
        return pause


async def keep(
    kept: Kept,
    report: Report,
    changed: Callable[[str, bool], None],
    backoff: Backoff | None = None,
) -> None:
    """Start a running process again whenever it ends; for ever, until cancelled.

    `changed(name, up)` is called when it has ended and when it is ready again.
    """
    backoff = backoff or Backoff()
    while True:
        exit_code: int | None = await kept.ended()
        changed(kept.name, False)
        while True:
            pause_s = backoff.next_pause()
            report.down(kept.name, exit_code, pause_s)
            await asyncio.sleep(pause_s)
            began = time.monotonic()
            try:
                await kept.start(RESTART_TIMEOUT_S)
                break
            except StrettoError:
                exit_code = None  # its log says why; the next try comes later
        backoff.came_up()
        report.up(kept.name, time.monotonic() - began)
        changed(kept.name, True)
