"""Caches: in process, and one in Redis that instances share. What is lost here costs time only.

::

    question ──► BoundedCache ──miss──► SharedCache (Redis) ──miss──► worked out
                 entries, bytes         batches, 25 ms at most            │
                      ▲                        ▲                          │
                      └────────────────────────┴──────────────────────────┘

Invariants:

1. Nobody's answer depends on Redis: whatever it does (gone, slow, full, wrong bytes), the answer
   of this package is "not known" and the caller works it out.
2. Redis that does not answer costs one timeout, then nothing: it is looked for in the background.
3. Everything has a bound: entries, bytes, the size of a value, the keys of a call, time.
4. What comes back is what was put under that key: a seal over key and value says so.

Imports nothing of a service. The client (`redis`) is loaded when the first connection is made.
"""

from stretto.cache.bounded import BoundedCache, CacheCounts
from stretto.cache.observing import observe_cache
from stretto.cache.shared import SharedCache, SharedCounts

__all__ = ["BoundedCache", "CacheCounts", "SharedCache", "SharedCounts", "observe_cache"]
