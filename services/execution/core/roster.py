"""Who is present: devices by what they say of themselves, summed up by queue and by task."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stretto.contracts.public import Presence

PRESENCE_TTL_US = 9_000_000
"""Three times the interval of presence messages: two may be lost."""

TOLD_EVERY_US = 60_000_000
"""That two processes have one name is told so often, for as long as it lasts."""

MAX_OTHERS = 8
"""Processes of one name that are remembered."""

MAX_DEVICES = 100_000
"""About 1 kB each; more than that are not remembered, and get work all the same."""


class Crew(NamedTuple):
    """The present workers of one queue."""

    workers: int = 0
    slots: int = 0
    smallest: int = 0
    """The slots of the smallest one."""


class Device:
    """One present device."""

    __slots__ = (
        "freed", "namespace", "others", "presence", "seen_us", "told_us", "twice_us",
    )  # fmt: skip

    def __init__(self, namespace: str, presence: Presence, seen_us: int) -> None:
        self.namespace = namespace
        self.presence = presence
        self.seen_us = seen_us
        self.freed = 0
        """Results of it since its last word: so many fewer slots are busy than it said."""
        self.others: dict[str | None, int] = {}
        """Other processes that said this name before, and when they said it last."""
        self.twice_us = 0
        """When it was last seen that two processes say this name; told at `told_us`."""
        self.told_us = 0

    def is_twice(self, now_us: int) -> bool:
        """Whether two processes say that they are this device."""
        return self.twice_us > 0 and now_us - self.twice_us <= PRESENCE_TTL_US

    def other(self, instance: str | None, now_us: int) -> None:
        """Another process than the last one says this name. One that takes the place of another
        says it from then on; two that have it say it in turn."""
        said_us = self.others.pop(instance, None)
        if said_us is not None and now_us - said_us <= PRESENCE_TTL_US:
            self.twice_us = now_us
        if len(self.others) >= MAX_OTHERS:
            del self.others[next(iter(self.others))]
        self.others[self.presence.instance] = self.seen_us


class Roster:
    """Devices that said that they are there, until they go or are silent for too long."""

    def __init__(self) -> None:
        self._devices: dict[tuple[str, str], Device] = {}
        self._queues: dict[tuple[str, str], dict[str, Presence]] = {}
        self._crews: dict[tuple[str, str], Crew] = {}
        self._serving: dict[tuple[str, str], dict[str, int]] = {}
        self._given: dict[tuple[str, str], set[str]] = {}
        self._resources: dict[str, int] = {}
        self.version = 0
        """Grows when somebody comes, goes, or does something else than before."""

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def devices(self) -> Mapping[tuple[str, str], Device]:
        """All that are present, by namespace and name."""
        return self._devices

    @property
    def resources(self) -> Mapping[str, int]:
        """How much of named resources the present devices say that they have, altogether."""
        return self._resources

    @property
    def queues(self) -> Iterable[tuple[str, str]]:
        """Namespace and queue of all queues that somebody serves."""
        return self._queues

    def hear(self, namespace: str, name: str, presence: Presence, now_us: int) -> list[str]:
        """Take what a device says of itself.

        Returns:
            Tasks that it announces and did not announce before.
        """
        key = (namespace, name)
        device = self._devices.get(key)
        if presence.gone:
            if device is None or presence.instance in (None, device.presence.instance):
                self._remove(key)  # else another process has its name now
            return []
        if device is None:
            if len(self._devices) >= MAX_DEVICES:
                return []
            self._devices[key] = Device(namespace, presence, now_us)
            self._count(presence, 1)
            self._join(namespace, name, presence)
            return presence.tasks if presence.queue is not None else []
        if presence.instance != device.presence.instance:
            device.other(presence.instance, now_us)
        device.seen_us = now_us
        device.freed = 0
        before, device.presence = device.presence, presence
        if before != presence and _fits_otherwise(before, presence):
            self.version += 1
        if before.resources != presence.resources:
            self._count(before, -1)
            self._count(presence, 1)
        if _same_place(before, presence):
            return []
        self._leave(namespace, name, before)
        self._join(namespace, name, presence)
        if presence.queue is None:
            return []
        known = set(before.tasks) if before.queue == presence.queue else set()
        return [task for task in presence.tasks if task not in known]

    def tell_twice(self, namespace: str, name: str, now_us: int) -> bool:
        """Whether it is to be told now that two processes say that they are a device."""
        device = self._devices.get((namespace, name))
        if device is None or not device.twice_us or not device.is_twice(now_us):
            return False
        if device.told_us and now_us - device.told_us < TOLD_EVERY_US:
            return False
        device.told_us = now_us
        return True

    def expire(self, now_us: int) -> int:
        """Forget who has been silent for too long; return how many."""
        silent = [k for k, d in self._devices.items() if now_us - d.seen_us > PRESENCE_TTL_US]
        for key in silent:
            self._remove(key)
        return len(silent)

    def forgive(self, now_us: int) -> None:
        """Count everybody as heard now: it was we who did not listen."""
        for device in self._devices.values():
            device.seen_us = now_us

    def give(self, namespace: str, name: str, id_: str) -> None:
        """Note that a device is given an attempt by its name."""
        self._given.setdefault((namespace, name), set()).add(id_)

    def take_back(self, namespace: str, name: str, id_: str, *, done: bool) -> None:
        """Note that a device does not have an attempt any more; `done`: its result came."""
        key = (namespace, name)
        given = self._given.get(key)
        if given is not None:
            given.discard(id_)
            if not given:
                del self._given[key]
        device = self._devices.get(key)
        if done and device is not None:
            device.freed += 1

    def free(self, namespace: str, name: str) -> int:
        """How many slots of a device are free: by its own last word, or by what it was given."""
        device = self._devices.get((namespace, name))
        if device is None:
            return 0
        given = len(self._given.get((namespace, name), ()))
        said = max(0, device.presence.busy - device.freed)
        return max(1, device.presence.slots) - max(given, said)

    def crew(self, namespace: str, queue: str) -> Crew:
        """Sum up the present workers of a queue. O(1) unless the queue's workers have changed."""
        key = (namespace, queue)
        crew = self._crews.get(key)
        if crew is None:
            present = self._queues.get(key, {}).values()
            slots = [max(1, p.slots) for p in present]
            crew = self._crews[key] = Crew(len(slots), sum(slots), min(slots, default=0))
        return crew

    def busy(self, namespace: str, queue: str) -> int:
        """How many slots of a queue's workers are taken, by their own last word."""
        present = self._queues.get((namespace, queue), {})
        return sum(self._devices[namespace, name].presence.busy for name in present)

    def serving(self, namespace: str, task: str) -> list[str]:
        """The queues whose present workers announce a task."""
        return list(self._serving.get((namespace, task), ()))

    def knows(self, namespace: str, queue: str | None, task: str) -> bool:
        """Whether somebody present does a task: on a queue, or on any for None. A worker that
        announces nothing at all may do everything that comes to its queue."""
        serving = self._serving.get((namespace, task), {})
        if queue is None:
            return bool(serving)
        present = self._queues.get((namespace, queue), {})
        return queue in serving or any(not p.tasks for p in present.values())

    def takes_anything(self, namespace: str, queue: str) -> bool:
        """Whether a task that nobody announces may go to a queue: nobody is there, or somebody who
        announces nothing at all."""
        present = self._queues.get((namespace, queue))
        return not present or any(not p.tasks for p in present.values())

    def _remove(self, key: tuple[str, str]) -> None:
        device = self._devices.pop(key, None)
        if device is not None:
            self.version += 1
            self._count(device.presence, -1)
            self._leave(*key, device.presence)

    def _count(self, presence: Presence, sign: int) -> None:
        """Add the resources of a device to those of all, or take them off."""
        for name, amount in presence.resources.items():
            left = self._resources.get(name, 0) + sign * amount
            if left:
                self._resources[name] = left
            else:
                self._resources.pop(name, None)

    def _join(self, namespace: str, name: str, presence: Presence) -> None:
        self.version += 1
        queue = presence.queue
        if queue is None:
            return
        self._queues.setdefault((namespace, queue), {})[name] = presence
        self._crews.pop((namespace, queue), None)
        for task in set(presence.tasks):
            queues = self._serving.setdefault((namespace, task), {})
            queues[queue] = queues.get(queue, 0) + 1

    def _leave(self, namespace: str, name: str, presence: Presence) -> None:
        queue = presence.queue
        if queue is None:
            return
        present = self._queues[namespace, queue]
        del present[name]
        if not present:
            del self._queues[namespace, queue]
        self._crews.pop((namespace, queue), None)
        for task in set(presence.tasks):
            queues = self._serving[namespace, task]
            queues[queue] -= 1
            if queues[queue] == 0:
                del queues[queue]
            if not queues:
                del self._serving[namespace, task]


def _fits_otherwise(before: Presence, now: Presence) -> bool:
    """Whether a device may fit other routes than before."""
    return (before.capabilities, before.attributes, before.labels, before.tasks) != (
        now.capabilities, now.attributes, now.labels, now.tasks,
    )  # fmt: skip


def _same_place(before: Presence, now: Presence) -> bool:
    """Whether two messages say the same of where a device works, what it does and how much."""
    return before.queue == now.queue and before.slots == now.slots and before.tasks == now.tasks
