"""Which parts of a fleet have changed: so that a match is void only when what it asks for has.

A *part* is what expressions ask of devices: `("tasks",)`, `("attributes", "site")`, or
`("attributes",)` for all of them. A battery level that changes all the time voids no match that
asks for the site. Of each part there is

- a version, which grows with each change: what was true at one version is not known at another;
- a fingerprint of what all devices say of it (where it is asked for): the same for two instances
  that heard the same, whoever said it first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b

from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.expression.paths import Reference

Part = tuple[str, ...]

MEMBERS: Part = ("members",)
TASKS: Part = ("tasks",)
_ABSENT = object()
_PLAIN: dict[str, Callable[[Presence], object]] = {
    "queue": lambda presence: presence.queue,
    "tasks": lambda presence: presence.tasks,
    "capabilities": lambda presence: presence.capabilities,
}
_MAPS: dict[str, Callable[[Presence], Mapping[str, object]]] = {
    "attributes": lambda presence: presence.attributes,
    "labels": lambda presence: presence.labels,
}

MAX_PARTS = 100_000
"""Parts of which a version is known. Devices that say ever new attributes make all matches void
now and then."""


def said_of(presence: Presence) -> bytes:
    """All that is in parts, as JSON: equal bytes, nothing has changed (`1` is not `1.0`)."""
    return json_encode(
        (
            presence.queue,
            presence.tasks,
            presence.capabilities,
            presence.attributes,
            presence.labels,
        )
    )


def parts_of(references: Iterable[Reference]) -> tuple[Part, ...] | None:
    """The parts that a condition asks for, in order; None: something that is no part."""
    found = {MEMBERS, TASKS}
    for reference in references:
        if reference[0] != "device":
            continue
        match reference[1:]:
            case ("name",):
                continue  # the same as long as the device is there
            case (kind, inner, *_) if kind in _MAPS:
                found.add((kind, inner))
            case (kind, *_) if kind in _PLAIN or kind in _MAPS:
                found.add((kind,))
            case _:  # how busy it is, or all that it says
                return None
    return tuple(sorted(found))


class Parts:
    """Versions of the parts of all namespaces, and their fingerprints where they are wanted."""

    def __init__(self, *, fingerprints: bool = False) -> None:
        self._age = 0
        self._versions: dict[tuple[str, Part], int] = {}
        self._prints: dict[tuple[str, Part], int] | None = {} if fingerprints else None

    def versions(self, namespace: str, parts: tuple[Part, ...]) -> tuple[int, ...]:
        """The versions of some parts."""
        versions = self._versions
        return (self._age, *[versions.get((namespace, part), 0) for part in parts])

    def fingerprint(self, namespace: str, parts: tuple[Part, ...]) -> bytes:
        """What all devices say of some parts: 16 bytes each."""
        assert self._prints is not None
        return b"".join(
            [self._prints.get((namespace, part), 0).to_bytes(16, "big") for part in parts]
        )

    def changed(
        self, namespace: str, name: str, before: Presence | None, after: Presence | None
    ) -> None:
        """Note what a device said before and says now; None: it is not there."""
        void: set[Part] = set()
        for part, old, new in _differences(before, after):
            void.add(part)
            void.add(part[:1])  # of one attribute: of all of them
            if self._prints is not None:
                for value in (old, new):
                    if value is not _ABSENT:
                        self._turn(self._prints, namespace, name, part, value)
        for part in void:
            key = (namespace, part)
            self._versions[key] = self._versions.get(key, 0) + 1
        if len(self._versions) > MAX_PARTS:
            self._versions.clear()
            self._age += 1

    def _turn(
        self,
        prints: dict[tuple[str, Part], int],
        namespace: str,
        name: str,
        part: Part,
        value: object,
    ) -> None:
        """Take a statement into the fingerprints, or out of them: both are the same."""
        text = json_encode((name, part, value))
        digest = int.from_bytes(blake2b(text, digest_size=16).digest(), "big")
        for of in {part, part[:1]}:
            turned = prints.pop((namespace, of), 0) ^ digest
            if turned:
                prints[namespace, of] = turned


def _differences(
    before: Presence | None, after: Presence | None
) -> Iterator[tuple[Part, object, object]]:
    """The parts of which other things are said, with what was said and what is; `_ABSENT`: none."""
    if before is None or after is None:
        yield MEMBERS, *((_ABSENT, "") if before is None else ("", _ABSENT))
    for kind, get in _PLAIN.items():
        old = _ABSENT if before is None else get(before)
        new = _ABSENT if after is None else get(after)
        if old != new:
            yield (kind,), old, new
    for kind, map_of in _MAPS.items():
        olds = {} if before is None else map_of(before)
        news = {} if after is None else map_of(after)
        for inner in olds.keys() | news.keys():
            old, new = olds.get(inner, _ABSENT), news.get(inner, _ABSENT)
            if not _same(old, new):
                yield (kind, inner), old, new


def _same(old: object, new: object) -> bool:
    """Whether two values are the same JSON: `1`, `1.0` and `true` are not."""
    if type(old) is not type(new) or old != new:
        return False
    return not isinstance(old, dict | list) or json_encode(old) == json_encode(new)
