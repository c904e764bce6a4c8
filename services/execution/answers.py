"""`stretto.api.execution.*`: what a person may want to know of queues and devices."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.execution.core.roster import Roster
from services.execution.core.unknown import Unknown, added_up
from services.execution.parts import Part, Parts, Question
from stretto.bus.service import Handler, Refusal
from stretto.contracts.bindings import MAX_ASKED, RoutedAttempts, RoutedQuery
from stretto.contracts.codec import json_encode
from stretto.contracts.scaling import whole_workers
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import Clock, rfc3339

COUNTS = ("waiting", "in_flight")
"""Of a queue, what each instance counts for its own lanes."""


class Answers:
    """Answers for all instances, whichever of them is asked."""

    def __init__(self, instance: str, roster: Roster, parts: Parts, clock: Clock) -> None:
        self._instance = instance
        self._roster = roster
        self._parts = parts
        self._clock = clock

    @property
    def operations(self) -> dict[str, Handler]:
        """The handlers, by operation."""
        return {
            "queues": self._queues,
            "devices": self._devices,
            "routed": self._routed,
            "stats": self._stats,
        }

    async def _queues(self, _request: bytes) -> bytes:
        """`{"queues": [{"namespace", "queue", "waiting", "in_flight", "wanted", "workers", "slots",
        "busy"}], "unknown_tasks": [{"namespace", "task", "queue"?, "attempts", "since",
        "workers"}], "resources": [{"name", "capacity", "used", "waiting"}],
        "rates": [{"namespace", "key", "limit", "waiting", "next_s"?, "queue"?}]}`"""
        parts = await self._parts.gather(Question())
        return json_encode(
            {
                "queues": self._rows(parts),
                "unknown_tasks": _told(added_up(task for part in parts for task in part.unknown)),
                "resources": [
                    msgspec.structs.asdict(resource)
                    for part in parts
                    for resource in part.resources
                ],
                "rates": [rate for part in parts for rate in part.rates],
            }
        )

    async def _devices(self, _request: bytes) -> bytes:
        """`{"devices": [presence with "namespace", "device", "seen_at", "twice"]}`"""
        now_us = self._clock.now_us()
        return json_encode(
            {
                "devices": [
                    {
                        "namespace": namespace,
                        "device": name,
                        "queue": device.presence.queue,
                        "tasks": device.presence.tasks,
                        "capabilities": device.presence.capabilities,
                        "attributes": device.presence.attributes,
                        "labels": device.presence.labels,
                        "slots": device.presence.slots,
                        "busy": device.presence.busy,
                        "running": device.presence.running,
                        "seen_at": rfc3339(device.seen_us),
                        **({"twice": True} if device.is_twice(now_us) else {}),
                    }
                    for (namespace, name), device in sorted(self._roster.devices.items())
                ]
            }
        )

    async def _routed(self, request: bytes) -> bytes:
        """Where attempts with a route are: what they wait for, which device has them.

        Raises:
            Refusal: it is no request, or asks too much at once.
        """
        try:
            ids = msgspec.json.decode(request, type=RoutedQuery).ids
        except UNREADABLE as error:
            raise Refusal("request_invalid", f"expected ids of attempts, but {error}") from error
        if len(ids) > MAX_ASKED:
            raise Refusal(
                "request_invalid", f"expected at most {MAX_ASKED} ids, but got {len(ids)}"
            )
        parts = await self._parts.gather(Question(routed=ids))
        return json_encode(RoutedAttempts(attempts=[each for p in parts for each in p.routed]))

    async def _stats(self, _request: bytes) -> bytes:
        """Counts by state, for each lane that an instance works on."""
        parts = await self._parts.gather(Question(routed=[]))
        lanes = sorted((lane for p in parts for lane in p.lanes), key=lambda lane: lane.lane)
        return json_encode(
            {"instance": self._instance, "devices": len(self._roster), "lanes": lanes}
        )

    def _rows(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """Every queue that somebody serves or that there is or was something for, by name."""
        rows = {place: self._row(*place) for place in self._roster.queues}
        shares: dict[tuple[str, str], list[float]] = {}
        for queue in (queue for part in parts for queue in part.queues):
            place = (queue.namespace, queue.queue)
            row = rows.setdefault(place, self._row(*place))
            for count in COUNTS:
                row[count] += getattr(queue, count)
            # An instance of before says whole workers only.
            shares.setdefault(place, []).append(queue.share or queue.wanted)
        for place, some in shares.items():
            rows[place]["wanted"] = whole_workers(some)
        return [rows[place] for place in sorted(rows)]

    def _row(self, namespace: str, queue: str) -> dict[str, Any]:
        crew = self._roster.crew(namespace, queue)
        return {
            "namespace": namespace,
            "queue": queue,
            **dict.fromkeys((*COUNTS, "wanted"), 0),
            "workers": crew.workers,
            "slots": crew.slots,
            "busy": self._roster.busy(namespace, queue),
        }


def _told(unknown: Iterable[Unknown]) -> list[dict[str, Any]]:
    return [
        {
            "namespace": task.namespace,
            "task": task.task,
            "queue": task.queue,
            "attempts": task.attempts,
            "since": rfc3339(task.since_us),
            "workers": task.workers,
        }
        for task in unknown
    ]
