"""Texts that were registered lately: the same text without templates is the same version, for ever.

Every definition arrives twice, as a request and through its stream, and whoever hears no answer
asks again: a large one would be read and checked each time, at once with itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import NamedTuple

from stretto.definition import Mistake

MAX_TEXTS = 1_000
"""Digests that are kept; beyond it a text is read again."""


class Known(NamedTuple):
    """What a text was: its workflow and version, and what was warned of."""

    workflow: str
    version: int
    warnings: list[Mistake]


class _Turn:
    """Whose turn it is with a text, and how many want it or have it."""

    __slots__ = ("lock", "wanted")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.wanted = 0


class KnownTexts:
    """What texts were, by namespace and content; one of a kind is looked at at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._turns: dict[bytes, _Turn] = {}

    @asynccontextmanager
    async def turn(self, namespace: str, source: str) -> AsyncIterator[bytes]:
        """Wait until nobody looks at this text any more; gives its digest."""
        digest = blake2b(f"{namespace}\0{source}".encode(), digest_size=16).digest()
        turn = self._turns.setdefault(digest, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield digest
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[digest]

    def find(self, digest: bytes) -> Known | None:
        """What a text was, where that is known."""
        return self._known.get(digest)

    def keep(self, digest: bytes, known: Known) -> None:
        """Note what a text was."""
        self._known[digest] = known
        if len(self._known) > MAX_TEXTS:
            self._known.popitem(last=False)
