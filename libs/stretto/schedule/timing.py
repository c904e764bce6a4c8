"""When a schedule fires: its instants, in microseconds since the epoch, and their jitter."""

import hashlib
import heapq
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from stretto.contracts.schedules import ScheduleSpec
from stretto.runtime.clock import US_PER_S, parse_rfc3339
from stretto.schedule.cron import parse_cron
from stretto.schedule.zones import LAST_S, cron_instants, zone_of

HORIZON_S = 10 * 366 * 86_400
"""How far the next instant is looked for. Ten years hold every date, February 29 too (the year
2100 has none: eight years may lie between two)."""

FIRST_WINDOW_S = 64
"""The latest instants of a range are looked for from its end, in growing windows."""


class Timing:
    """The instants of a schedule. Ranges are without their beginning and with their end."""

    def __init__(self, spec: ScheduleSpec) -> None:
        """Read a spec that `load_schedule` has found right."""
        self.zone: ZoneInfo = zone_of(spec.timezone)
        self._crons = [parse_cron(text) for text in spec.cron]
        self._every_us = None if spec.every_s is None else round(spec.every_s * US_PER_S)
        self._anchor_us = 0 if spec.anchor is None else parse_rfc3339(spec.anchor)
        self._at = sorted({parse_rfc3339(text) for text in spec.at})
        self._start_us = None if spec.start is None else parse_rfc3339(spec.start)
        self._end_us = LAST_S * US_PER_S if spec.end is None else parse_rfc3339(spec.end)
        self._jitter_us = round(spec.jitter_s * US_PER_S)

    def between(self, after_us: int, until_us: int) -> Iterator[int]:
        """Give the instants of a range, growing."""
        if self._start_us is not None:
            after_us = max(after_us, self._start_us - 1)
        until_us = min(until_us, self._end_us - 1)
        if until_us <= after_us:
            return iter(())
        if self._every_us is not None:
            first = (after_us - self._anchor_us) // self._every_us + 1
            last = (until_us - self._anchor_us) // self._every_us
            return (self._anchor_us + k * self._every_us for k in range(first, last + 1))
        if self._at:
            return (at for at in self._at if after_us < at <= until_us)
        return self._of_crons(after_us // US_PER_S, until_us // US_PER_S)

    def _of_crons(self, after_s: int, until_s: int) -> Iterator[int]:
        found = [cron_instants(cron, self.zone, after_s, until_s) for cron in self._crons]
        last = after_s
        for at in found[0] if len(found) == 1 else heapq.merge(*found):
            if at > last:
                last = at
                yield at * US_PER_S

    def next(self, after_us: int) -> int | None:
        """Give the first instant after another, or None where there is none within ten years."""
        if self._start_us is not None:
            after_us = max(after_us, self._start_us - 1)
        horizon_us = self._end_us if not self._crons else after_us + HORIZON_S * US_PER_S
        return next(self.between(after_us, horizon_us), None)

    def upcoming(self, after_us: int, count: int) -> list[int]:
        """Give the first `count` instants after another."""
        found: list[int] = []
        while len(found) < count:
            at = self.next(found[-1] if found else after_us)
            if at is None:
                break
            found.append(at)
        return found

    def latest(self, after_us: int, until_us: int, count: int) -> list[int]:
        """Give the last `count` instants of a range, growing; cheap however long the range is."""
        width_us = FIRST_WINDOW_S * US_PER_S
        while True:
            begin_us = max(after_us, until_us - width_us)
            found = list(self.between(begin_us, until_us))
            if len(found) >= count or begin_us == after_us:
                return found[len(found) - min(count, len(found)) :]
            width_us *= 4

    def count(self, after_us: int, until_us: int, most: int) -> int:
        """Count the instants of a range, up to `most`."""
        return sum(1 for _ in islice(self.between(after_us, until_us), most))

    def starts_at(self, key: str, instant_us: int) -> int:
        """Tell when the run of an instant is started: the instant and its jitter.

        The jitter is drawn from `key` and the instant, the same whenever it is asked for; it stays
        below the time to the next instant, so that runs start in the order of their instants.
        """
        if not self._jitter_us:
            return instant_us
        following = next(self.between(instant_us, instant_us + self._jitter_us), None)
        width_us = self._jitter_us if following is None else following - instant_us
        digest = hashlib.blake2b(f"{key}:{instant_us}".encode(), digest_size=8).digest()
        return instant_us + int.from_bytes(digest, "big") * width_us // 2**64


def jitter_key(namespace: str, name: str) -> str:
    """What the jitter of a schedule is drawn from."""
    return f"{namespace}:{name}"
