"""Schedules from a client: apply, look at, pause, let fire."""

from __future__ import annotations

from typing import Any

from stretto.bus.publisher import Outgoing
from stretto.client.answered import Answered
from stretto.client.asking import Asks
from stretto.client.starting import check_name
from stretto.contracts import subjects
from stretto.contracts.codec import decode_scheduled, json_encode
from stretto.contracts.schedules import (
    Preview,
    PreviewQuery,
    Scheduled,
    SchedulePage,
    ScheduleQuery,
    ScheduleRequest,
    SchedulesQuery,
    ScheduleView,
)


class Schedules:
    """The schedules of a namespace: `client.schedules`.

    Everything that changes one is stored before it is carried out, and kept with who and why. All
    raise `Rejected` for what is refused and `NotReachable` when nobody answers.
    """

    def __init__(self, answered: Answered, asks: Asks, namespace: str) -> None:
        self._answered = answered
        self._asks = asks
        self._namespace = namespace

    async def request(self, request: ScheduleRequest) -> Scheduled:
        """Send a request and wait until it was carried out."""
        if request.name is not None:
            check_name("schedule", request.name)
        message = Outgoing(subjects.schedules(self._namespace), json_encode(request))
        return decode_scheduled(await self._answered.send(message))

    async def apply(
        self, source: str, *, by: str | None = None, reason: str | None = None
    ) -> Scheduled:
        """Make or change a schedule from its document (YAML or JSON).

        Raises DefinitionMistakes when it has mistakes; each with its place.
        """
        return await self.request(
            ScheduleRequest(command="apply", source=source, by=by, reason=reason)
        )

    async def pause(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> Scheduled:
        """Let nothing start by itself until it is resumed; what runs goes on."""
        return await self.request(ScheduleRequest(command="pause", name=name, by=by, reason=reason))

    async def resume(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> Scheduled:
        """Go on from now; what came meanwhile is left out (`backfill` makes up for it)."""
        return await self.request(
            ScheduleRequest(command="resume", name=name, by=by, reason=reason)
        )

    async def remove(
        self, name: str, *, by: str | None = None, reason: str | None = None
    ) -> Scheduled:
        """Let it fire no more; what runs goes on, and its history is kept."""
        return await self.request(
            ScheduleRequest(command="remove", name=name, by=by, reason=reason)
        )

    async def trigger(self, name: str, **said: Any) -> Scheduled:
        """Fire now, beside the clock. `overlap`: other than the schedule's own; `by`, `reason`."""
        return await self.request(ScheduleRequest(command="trigger", name=name, **said))

    async def backfill(self, name: str, start: str, end: str, **said: Any) -> Scheduled:
        """Fire for the instants of a past range (RFC 3339) that came to no run.

        `again=True`: for all of them. `overlap`: other than `queue_all`; `by`, `reason`.
        """
        return await self.request(
            ScheduleRequest(command="backfill", name=name, start=start, end=end, **said)
        )

    async def list(self, after: str = "", limit: int = 100) -> SchedulePage:
        """Give a page of the schedules, in the order of their names."""
        query = SchedulesQuery(namespace=self._namespace, after=after, limit=limit)
        return await self._asks.ask("workflow", "schedules", query, SchedulePage)

    async def show(self, name: str, firings: int = 20) -> ScheduleView:
        """Give a schedule with its next instants, its latest firings and changes."""
        query = ScheduleQuery(name=name, namespace=self._namespace, firings=firings)
        return await self._asks.ask("workflow", "schedule", query, ScheduleView)

    async def preview(
        self,
        name: str | None = None,
        *,
        source: str | None = None,
        count: int = 10,
        after: str | None = None,
    ) -> Preview:
        """Give the instants to come of a schedule, or of a document that need not be applied."""
        query = PreviewQuery(
            name=name, namespace=self._namespace, source=source, count=count, after=after
        )
        return await self._asks.ask("workflow", "preview", query, Preview)
