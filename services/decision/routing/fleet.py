"""The devices that are present, as expressions see them, and where to find them by what they say.

A device is indexed by its tasks, its capabilities, its queue, and by each label and each attribute
whose value is a text, a number or a boolean.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from services.decision.routing.parts import Parts, said_of
from services.decision.routing.terms import Key
from stretto.contracts.public import Presence

PRESENCE_TTL_US = 9_000_000
"""Three times the interval of presence messages: two may be lost."""

MAX_DEVICES = 100_000
"""About 2 kB each."""


class Member:
    """One present device. `doc` is what `device` is in expressions."""

    __slots__ = (
        "assigned", "busy", "doc", "keys", "name", "namespace", "presence", "said", "seen_us",
        "slots",
    )  # fmt: skip

    def __init__(self, namespace: str, name: str, presence: Presence, seen_us: int) -> None:
        self.namespace = namespace
        self.name = name
        self.seen_us = seen_us
        self.assigned = 0
        """Attempts that were ranked first here since its last word."""
        self.take(presence, said_of(presence))

    def take(self, presence: Presence, said: bytes) -> None:
        """Take what it says of itself now."""
        self.presence = presence
        self.said = said
        self.slots = max(1, presence.slots)
        self.busy = presence.busy
        self.doc: dict[str, Any] = {
            "name": self.name,
            "queue": presence.queue,
            "tasks": presence.tasks,
            "capabilities": presence.capabilities,
            "attributes": presence.attributes,
            "labels": presence.labels,
            "slots": self.slots,
            "busy": self.busy,
            "load": self.busy / self.slots,
        }
        self.keys: frozenset[tuple[Key, object]] = frozenset(_keys(self.name, presence))

    def take_load(self, presence: Presence) -> None:
        """Take how busy it is; the rest is as before."""
        self.slots = max(1, presence.slots)
        self.busy = presence.busy
        # A new one: somebody may look at the old one still.
        load = {"slots": self.slots, "busy": self.busy, "load": self.busy / self.slots}
        self.doc = {**self.doc, **load}

    @property
    def load(self) -> float:
        """The share of its slots that is taken, with what was given to it since its last word."""
        return (self.busy + self.assigned) / self.slots


class Fleet:
    """Who is present. Every method is O(1) a device, but for what it gives."""

    def __init__(self, *, fingerprints: bool = False) -> None:
        self._members: dict[tuple[str, str], Member] = {}
        self._index: dict[tuple[str, Key, object], dict[str, Member]] = {}
        self._namespaces: dict[str, dict[str, Member]] = {}
        self.parts = Parts(fingerprints=fingerprints)
        """Which parts of what devices say have changed."""

    def __len__(self) -> int:
        return len(self._members)

    def hear(self, namespace: str, name: str, presence: Presence, now_us: int) -> None:
        """Take what a device says of itself."""
        key = (namespace, name)
        member = self._members.get(key)
        if presence.gone:
            if member is not None:
                self._remove(member)
            return
        if member is None:
            if len(self._members) >= MAX_DEVICES:
                return
            member = self._members[key] = Member(namespace, name, presence, now_us)
            self._namespaces.setdefault(namespace, {})[name] = member
            self._enter(member, member.keys)
            self.parts.changed(namespace, name, None, presence)
            return
        member.seen_us = now_us
        member.assigned = 0
        said = said_of(presence)
        if said == member.said:
            member.take_load(presence)
            return
        self.parts.changed(namespace, name, member.presence, presence)
        before = member.keys
        member.take(presence, said)
        self._leave(member, before - member.keys)
        self._enter(member, member.keys - before)

    def expire(self, now_us: int) -> int:
        """Forget who has been silent for too long; return how many."""
        silent = [m for m in self._members.values() if now_us - m.seen_us > PRESENCE_TTL_US]
        for member in silent:
            self._remove(member)
        return len(silent)

    def forgive(self, now_us: int) -> None:
        """Count everybody as heard now: it was we who did not listen."""
        for member in self._members.values():
            member.seen_us = now_us

    def present(self, namespace: str) -> Mapping[str, Member]:
        """All devices of a namespace, by name."""
        return self._namespaces.get(namespace, {})

    def having(self, namespace: str, key: Key, value: object) -> Mapping[str, Member]:
        """The devices of a namespace of which an index says that `key` has `value`."""
        return self._index.get((namespace, key, _typed(value)), {})

    def get(self, namespace: str, name: str) -> Member | None:
        return self._members.get((namespace, name))

    def _remove(self, member: Member) -> None:
        del self._members[member.namespace, member.name]
        del self._namespaces[member.namespace][member.name]
        self._leave(member, member.keys)
        self.parts.changed(member.namespace, member.name, member.presence, None)

    def _enter(self, member: Member, keys: Iterable[tuple[Key, object]]) -> None:
        for key, value in keys:
            self._index.setdefault((member.namespace, key, value), {})[member.name] = member

    def _leave(self, member: Member, keys: Iterable[tuple[Key, object]]) -> None:
        for key, value in keys:
            place = (member.namespace, key, value)
            named = self._index[place]
            del named[member.name]
            if not named:
                del self._index[place]


def _keys(name: str, presence: Presence) -> Iterator[tuple[Key, object]]:
    yield ("name",), _typed(name)
    if presence.queue is not None:
        yield ("queue",), _typed(presence.queue)
    for task in presence.tasks or ("",):
        yield ("tasks",), _typed(task)
    for capability in presence.capabilities:
        yield ("capabilities",), _typed(capability)
    for kind, values in (("labels", presence.labels), ("attributes", presence.attributes)):
        for inner, value in values.items():
            if isinstance(value, str | int | float):
                yield (kind, inner), _typed(value)


def _typed(value: object) -> object:
    """A value as a key: in expressions `true` is not 1, but `1` is `1.0`."""
    return ("bool", value) if isinstance(value, bool) else value
