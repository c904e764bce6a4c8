"""`stretto.api.execution.*`: what a person may want to know of queues and devices."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from services.execution.core.roster import Roster
from services.execution.core.routed import At, Routed
from services.execution.core.unknown import unknown_tasks
from services.execution.desk import Desk
from services.execution.lane import Lane
from stretto.bus.service import Handler, Refusal
from stretto.contracts.bindings import MAX_ASKED, RoutedAttempt, RoutedAttempts, RoutedQuery
from stretto.contracts.codec import json_encode
from stretto.contracts.unreadable import UNREADABLE
from stretto.runtime.clock import rfc3339
from stretto.runtime.topology import CHARGED_LANE


class Answers:
    """Answers from the state of the lanes that are active in this instance."""

    def __init__(self, instance: str, roster: Roster, lanes: Sequence[Lane]) -> None:
        self._instance = instance
        self._roster = roster
        self._lanes = lanes

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
        """`{"queues": [{"namespace", "queue", "waiting", "in_flight", "workers", "slots"}],
        "unknown_tasks": [{"namespace", "task", "queue"?, "attempts", "since", "workers"}],
        "resources": [{"name", "capacity", "used", "waiting"}]}`"""
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for place in self._roster.queues:
            rows[place] = self._row(*place)
        for desk in self._desks():
            for line in desk.core.lines:
                place = (line.namespace, line.queue)
                row = rows.setdefault(place, self._row(*place))
                row["waiting"] += line.waiting
                row["in_flight"] += line.out
        unknown = [
            {
                "namespace": task.namespace,
                "task": task.task,
                "queue": task.queue,
                "attempts": task.attempts,
                "since": rfc3339(task.since_us),
                "workers": task.workers,
            }
            for desk in self._desks()
            for task in unknown_tasks(desk.core.known, self._roster)
        ]
        return json_encode(
            {
                "queues": [rows[place] for place in sorted(rows)],
                "unknown_tasks": unknown,
                "resources": [
                    {
                        "name": name,
                        "capacity": desk.core.pool.capacity(name),
                        "used": desk.core.pool.used.get(name, 0),
                        "waiting": desk.core.pool.waiting.get(name, 0),
                    }
                    for desk in self._desks()
                    if desk.lane == CHARGED_LANE
                    for name in desk.core.pool.names
                ],
            }
        )

    async def _devices(self, _request: bytes) -> bytes:
        """`{"devices": [presence with "namespace", "device", "seen_at"]}`"""
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
        desks = list(self._desks())
        found = [routed for id_ in ids for d in desks if (routed := d.router.core.get(id_))]
        return json_encode(RoutedAttempts(attempts=[_told(routed) for routed in found]))

    async def _stats(self, _request: bytes) -> bytes:
        """Counts by state, for each lane that is active here."""
        return json_encode(
            {
                "instance": self._instance,
                "devices": len(self._roster),
                "lanes": [
                    {"lane": desk.lane, "watched": len(desk.core.pulses)} | desk.counts._asdict()
                    for desk in self._desks()
                ],
            }
        )

    def _row(self, namespace: str, queue: str) -> dict[str, Any]:
        crew = self._roster.crew(namespace, queue)
        return {
            "namespace": namespace,
            "queue": queue,
            "waiting": 0,
            "in_flight": 0,
            "workers": crew.workers,
            "slots": crew.slots,
            "busy": self._roster.busy(namespace, queue),
        }

    def _desks(self) -> Iterator[Desk]:
        return (lane.desk for lane in self._lanes if lane.desk is not None)


def _told(routed: Routed) -> RoutedAttempt:
    at = At.RANKING if routed.at is At.ASKED else routed.at
    waits = at in (At.RANKING, At.WAITING)
    return RoutedAttempt(
        id=routed.attempt.id,
        at=at.value,
        since=rfc3339(routed.attempt.arrived_us if waits else routed.since_us),
        device=routed.device,
        reason=routed.reason,
        avoid=routed.avoid,
        ranked=routed.ranked,
    )
