"""`stretto worker MODULE --scale 1..8`: worker processes, as many as their queues want.

::

    stretto.scaling.<ns>.<queue>  ─►  Advised: the sum of what the instances say, the largest queue
                                        │
                                        ▼      fewer: the youngest get SIGTERM, drain, and end
                                      Crew ── more: further processes, `… worker MODULE --number N`
                                        ▲      one that ends by itself is replaced after a moment

What is wanted is steady (the execution service sees to it), so nothing is smoothed here. Without
advice (no execution service, a lost bus) the crew stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from stretto.bus.connection import Connection
from stretto.contracts import subjects
from stretto.contracts.scaling import Scaling, whole_workers
from stretto.telemetry import names
from stretto.worker.children import all_ended, begun, told_to_end

LOOK_EVERY_S = 0.25

STALE_S = 5.0
"""Advice is said every second; what an instance said longer ago does not count."""

REPLACE_AFTER_S = 1.0
"""A process that ends by itself is replaced so long after its start at the earliest."""

MAX_PROCESSES = 256

logger = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(Scaling).decode


class Range(NamedTuple):
    """How many processes there are: from `low` to `high`."""

    low: int
    high: int


def parse_range(text: str) -> Range:
    """Read `1..8`, or `4` for always four.

    Raises:
        ValueError: it is neither, or outside of 0 to 256.
    """
    low, dots, high = text.partition("..")
    try:
        found = Range(int(low), int(high if dots else low))
    except ValueError:
        raise ValueError(f"expected a range like 1..8, but got {text!r}") from None
    if not 0 <= found.low <= found.high <= MAX_PROCESSES or found.high == 0:
        raise ValueError(
            f"expected a range within 0..{MAX_PROCESSES} that allows one process, but got {text!r}"
        )
    return found


class Advised:
    """What the queues of a module want, as it was heard last."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], tuple[float, float]] = {}

    def hear(self, place: str, data: bytes, now: float) -> None:
        """Take what an instance says of a queue; `place` is the subject."""
        try:
            said = _decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            logger.warning("advice not understood", extra={names.LOG_REASON: str(error)})
            return
        share = said.wanted if said.share is None else said.share
        self._said[place, said.instance] = (share, now)

    def wanted(self, now: float) -> int | None:
        """How many workers: the most that a queue wants; None: nobody has said anything lately."""
        shares: dict[str, list[float]] = {}
        for (place, _), (share, at) in self._said.items():
            if now - at <= STALE_S:
                shares.setdefault(place, []).append(share)
        return max(map(whole_workers, shares.values()), default=None)


class _Member(NamedTuple):
    number: int
    process: asyncio.subprocess.Process
    since: float


class Crew:
    """Processes of one worker, numbered from 1.

    Args:
        command: of the process with a number.
        changed: is told how many there are, whenever it changes.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        changed: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._command = command
        self._changed = changed
        self._members: list[_Member] = []
        self._leaving: list[asyncio.subprocess.Process] = []
        self._failed_at = float("-inf")

    def __len__(self) -> int:
        return len(self._members)

    async def become(self, count: int, now: float) -> None:
        """Start or stop processes, so that there are so many; replace those that have ended."""
        before = len(self._members)
        self._bury(now)
        if len(self._members) < count and now - self._failed_at < REPLACE_AFTER_S:
            return
        while len(self._members) < count:
            taken = {member.number for member in self._members}
            number = next(n for n in range(1, MAX_PROCESSES + 1) if n not in taken)
            process = await begun(self._command(number))
            self._members.append(_Member(number, process, now))
        while len(self._members) > count:
            self._leaving.append(told_to_end(self._members.pop().process))
        if len(self._members) != before:
            logger.info("workers scaled", extra={names.LOG_COUNT: len(self._members)})
            self._changed(len(self._members))

    async def end(self) -> None:
        """Let all drain and end; kill those that do not."""
        while self._members:
            self._leaving.append(told_to_end(self._members.pop().process))
        await all_ended(self._leaving)

    def _bury(self, now: float) -> None:
        self._leaving = [process for process in self._leaving if process.returncode is None]
        gone = [member for member in self._members if member.process.returncode is not None]
        for member in gone:
            self._members.remove(member)
            self._failed_at = now
            logger.warning(
                "worker process ended by itself", extra={names.LOG_CODE: member.process.returncode}
            )


async def scale(
    connection: Connection,
    places: Iterable[tuple[str, str]],
    range_: Range,
    crew: Crew,
    stopping: asyncio.Event,
) -> None:
    """Keep as many processes as wanted until `stopping` is set; then let them drain.

    Args:
        places: namespace and queue of the module's workers.
    """
    loop = asyncio.get_running_loop()
    advised = Advised()

    def hear(subject: bytes, _reply: bytes, _block: bytes, data: bytes) -> None:
        advised.hear(subject.decode(), data, loop.time())

    subscriptions = [await connection.subscribe(subjects.scaling(*p), hear) for p in set(places)]
    count = range_.low
    try:
        while not stopping.is_set():
            wanted = advised.wanted(loop.time())
            if wanted is not None:
                count = min(max(wanted, range_.low), range_.high)
            await crew.become(count, loop.time())
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await stopping.wait()
            except TimeoutError:
                continue
    finally:
        await crew.end()
        for subscription in subscriptions:
            await connection.unsubscribe(subscription)
