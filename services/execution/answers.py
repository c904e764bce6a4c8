"""`stretto.api.execution.*`: what a person may want to know of queues and devices."""

from collections.abc import Iterator, Sequence
from typing import Any

from services.execution.core.roster import Roster
from services.execution.core.unknown import unknown_tasks
from services.execution.desk import Desk
from services.execution.lane import Lane
from stretto.bus.service import Handler
from stretto.contracts.codec import json_encode
from stretto.runtime.clock import rfc3339


class Answers:
    """Answers from the state of the lanes that are active in this instance."""

    def __init__(self, instance: str, roster: Roster, lanes: Sequence[Lane]) -> None:
        self._instance = instance
        self._roster = roster
        self._lanes = lanes

    @property
    def operations(self) -> dict[str, Handler]:
        """The handlers, by operation."""
        return {"queues": self._queues, "devices": self._devices, "stats": self._stats}

    async def _queues(self, _request: bytes) -> bytes:
        """`{"queues": [{"namespace", "queue", "waiting", "in_flight", "workers", "slots"}],
        "unknown_tasks": [{"namespace", "task", "queue"?, "attempts", "since", "workers"}]}`"""
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
            {"queues": [rows[place] for place in sorted(rows)], "unknown_tasks": unknown}
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
