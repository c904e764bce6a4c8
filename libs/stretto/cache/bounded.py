"""A store in this process with a bound on entries and on bytes, the least recently used dropped."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES = 200
"""What an entry takes beside its value: the key, the places in the table and the order."""


class CacheCounts(NamedTuple):
    """Counts since the cache was made; how many entries and bytes it holds now."""

    hits: int
    misses: int
    evictions: int
    entries: int
    bytes: int

    @property
    def hit_rate(self) -> float | None:
        """Hits of all that was asked for; None before anything was."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


class BoundedCache(Generic[K, V]):
    """Values by key. Owned by one event loop: nothing here is locked.

    Args:
        entries: how many are kept at most.
        total_bytes: how much is kept at most, as those who put it say, with `ENTRY_BYTES` each.
    """

    __slots__ = ("_bytes", "_evictions", "_hits", "_known", "_max_bytes", "_max_entries", "_misses")

    def __init__(self, entries: int, total_bytes: int) -> None:
        if entries < 1 or total_bytes < 1:
            raise AssertionError(f"a cache of {entries} entries, {total_bytes} bytes")
        self._max_entries = entries
        self._max_bytes = total_bytes
        self._known: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0
        self._hits = self._misses = self._evictions = 0

    def get(self, key: K) -> V | None:
        """Return a value that is known, and count."""
        found = self._known.get(key)
        if found is None:
            self._misses += 1
            return None
        self._hits += 1
        self._known.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> bool:
        """Keep a value of so many bytes; False: it alone is too large."""
        size += ENTRY_BYTES
        if size > self._max_bytes:
            return False
        before = self._known.pop(key, None)
        if before is not None:
            self._bytes -= before[1]
        self._known[key] = value, size
        self._bytes += size
        while len(self._known) > self._max_entries or self._bytes > self._max_bytes:
            _, (_, dropped) = self._known.popitem(last=False)
            self._bytes -= dropped
            self._evictions += 1
        return True

    def drop(self, key: K) -> None:
        """Forget one."""
        found = self._known.pop(key, None)
        if found is not None:
            self._bytes -= found[1]

    def clear(self) -> None:
        """Forget all; the counts stay."""
        self._known.clear()
        self._bytes = 0

    def __contains__(self, key: object) -> bool:
        """Whether it is there; does not count."""
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def counts(self) -> CacheCounts:
        """How well it does."""
        return CacheCounts(self._hits, self._misses, self._evictions, len(self._known), self._bytes)
