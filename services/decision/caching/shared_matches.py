"""Matches of big fleets, shared by instances: by the route, its values, and what the fleet says.

An instance that heard the same of the devices as another one has the same fingerprint of the parts
that a route asks for; only names travel. What was matched for devices that this instance does not
know is a miss.
"""

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from services.decision.caching.outbox import Outbox
from services.decision.routing.answers import Routes
from services.decision.routing.fleet import Fleet
from services.decision.routing.matches import Asked
from services.decision.routing.matching import Matched
from stretto.contracts.codec import json_encode, pack
from stretto.contracts.routes import RankQuestion
from stretto.contracts.unreadable import UNREADABLE

MAX_FETCHED = 100
"""Matches that Redis is asked for at once."""

DIGEST_BYTES = 24
_NAME_BYTES = 40


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    knowing: int
    names: list[str]
    refused: dict[str, int]


class Wanted(NamedTuple):
    """A match that is not known here, with the fleet's fingerprint when it was asked for."""

    asked: Asked
    versions: tuple[int, ...]
    key: bytes


_decode = msgspec.msgpack.Decoder(_Stored).decode


class SharedMatches:
    """Matches in Redis."""

    def __init__(self, outbox: Outbox, engine: bytes) -> None:
        self._outbox = outbox
        self._engine = engine

    async def fetch(self, routes: Routes, questions: Sequence[RankQuestion]) -> None:
        """Ask Redis for the matches of these questions that would take long to work out."""
        if not self._outbox.shared.is_up:
            return
        dear = [asked for asked in map(routes.dear, questions) if asked is not None]
        paying = [asked for asked in dear if asked.matcher.cost.there.pays()][:MAX_FETCHED]
        if not paying:
            return
        fleet = routes.fleet
        # The fleet may be another when the answer comes: what is kept is of these versions.
        wanted = [self.wanted(fleet, asked) for asked in paying]
        found = await self._outbox.shared.get_many([each.key for each in wanted])
        for (asked, versions, _), value in zip(wanted, found, strict=True):
            match = None if value is None else _read(value, asked.namespace, fleet)
            asked.matcher.cost.there.looked(asked.matcher.cost.mean_us, hit=match is not None)
            if match is not None:
                routes.matches.keep(asked, versions, match)

    def wanted(self, fleet: Fleet, asked: Asked) -> Wanted:
        """What to ask for."""
        parts = asked.matcher.parts
        assert parts is not None
        namespace = asked.namespace
        values = [None if value is None else value.decode() for value in asked.values]
        told = json_encode((namespace, asked.task, parts, asked.encoded.decode(), values))
        prints = fleet.parts.fingerprint(namespace, parts)
        digest = blake2b(b"match" + self._engine + prints + told, digest_size=DIGEST_BYTES)
        return Wanted(asked, fleet.parts.versions(namespace, parts), digest.digest())

    def offer(self, fleet: Fleet, asked: Asked, matched: Matched) -> None:
        """Have a match stored."""
        size = _NAME_BYTES * (len(matched.fitting) + len(matched.refused))
        self._outbox.offer(self.wanted(fleet, asked).key, partial(_written, matched), size)


def _written(matched: Matched) -> bytes:
    names = [member.name for member in matched.fitting]
    return pack(_Stored(matched.knowing, names, matched.refused))


def _read(value: bytes, namespace: str, fleet: Fleet) -> Matched | None:
    try:
        stored = _decode(value)
    except UNREADABLE:
        return None
    members = [fleet.get(namespace, name) for name in stored.names]
    known = [member for member in members if member is not None]
    if len(known) < len(members):
        return None
    return Matched(stored.knowing, known, stored.refused)
