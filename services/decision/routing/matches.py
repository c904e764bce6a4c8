"""Matches that are known already: as long as what they ask of the fleet is the same."""

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any, NamedTuple

from services.decision.caching.worth import DEAR_US
from services.decision.routing.fleet import Fleet
from services.decision.routing.matching import Matched, Matcher
from stretto.cache import BoundedCache, CacheCounts

MAX_CACHED = 4_096
MAX_CACHED_BYTES = 32 * 1024 * 1024
"""Of matches that are kept: 8 bytes a device that fits, and the values that were asked with."""

MAX_CACHED_NAMES = 2_000
"""A match of more devices is not kept."""

_POINTER_BYTES = 8
_REASON_BYTES = 200


class Asked(NamedTuple):
    """A match that is asked for: the route with its bytes, and the bytes of its values."""

    matcher: Matcher
    encoded: bytes
    values: tuple[bytes | None, ...]
    namespace: str
    task: str


class Matches:
    """Matches of the routes of one instance."""

    def __init__(self, limit: int = MAX_CACHED, total_bytes: int = MAX_CACHED_BYTES) -> None:
        self._known: BoundedCache[tuple[object, ...], Matched] = BoundedCache(limit, total_bytes)
        self.on_dear: Callable[[Asked, Matched], None] | None = None
        """Told of matches that took so long that others should have them."""

    def counts(self) -> CacheCounts:
        """How it goes."""
        return self._known.counts()

    def of(self, asked: Asked, scope: Mapping[str, Any], fleet: Fleet) -> Matched:
        """Give the match of a route and its values; worked out when it is not known."""
        matcher, namespace, task = asked.matcher, asked.namespace, asked.task
        if matcher.parts is None:
            return matcher.fits(fleet, namespace, task, scope)
        versions = fleet.parts.versions(namespace, matcher.parts)
        found = self._known.get(_key(asked, versions))
        if found is None:
            began = perf_counter_ns()
            found = matcher.fits(fleet, namespace, task, scope)
            took_us = (perf_counter_ns() - began) // 1_000
            self.keep(asked, versions, found)
            if took_us >= DEAR_US:
                matcher.cost.took(took_us)
                if matcher.cost.is_shared and self.on_dear is not None:
                    self.on_dear(asked, found)
        return found

    def knows(self, asked: Asked, fleet: Fleet) -> bool:
        """Whether a match is known; does not count."""
        parts = asked.matcher.parts
        if parts is None:
            return True  # never asked for: it is worked out each time
        return _key(asked, fleet.parts.versions(asked.namespace, parts)) in self._known

    def keep(self, asked: Asked, versions: tuple[int, ...], found: Matched) -> None:
        """Keep what is true at these versions of the fleet's parts."""
        if len(found.fitting) <= MAX_CACHED_NAMES:
            size = sum(map(len, filter(None, asked.values)))
            size += _POINTER_BYTES * len(found.fitting) + _REASON_BYTES * len(found.refused)
            self._known.put(_key(asked, versions), found, size)


def _key(asked: Asked, versions: tuple[int, ...]) -> tuple[object, ...]:
    return asked.namespace, asked.task, asked.encoded, asked.values, versions
