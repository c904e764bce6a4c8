"""Profiles of runs: their events and their graphs are read, and where the time went worked out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stretto.client.asking import Asks
from stretto.client.feed import RunEvent, history
from stretto.contracts.answers import MAX_PAGE, ListRequest, RunPage, RunSummary
from stretto.profiling import Profile, RunProfile, profile_many, profile_run
from stretto.profiling.many import RunToProfile

MAX_RUNS = 1_000
"""Profiled together; each is read whole from the log."""

DEFAULT_RUNS = 100

AT_ONCE = 4
"""Histories read at the same time: the workflow service has other work."""


class Graphs:
    """The graphs of versions of workflows, each asked for once."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._known: dict[tuple[str, str, int], dict[str, Any]] = {}

    async def of(self, events: Sequence[RunEvent]) -> dict[str, Any]:
        """The graph that a run followed at its end."""
        first = events[0].data
        version = first["version"]
        for event in events:
            if event.type == "run.migrated":
                version = event.data["to_version"]
        key = (first["namespace"], first["workflow"], version)
        if key not in self._known:
            request = dict(zip(("namespace", "workflow", "version"), key, strict=True))
            found = await self._asks.ask("workflow", "definition", request, dict[str, Any])
            self._known[key] = found["graph"]
        return self._known[key]


async def run_profile(asks: Asks, run_id: str) -> RunProfile:
    """Say where the time of a run went: its critical path, and what would make it faster.

    Raises:
        Rejected: there is no such run.
        NotReachable: the workflow service does not answer.
    """
    events = await history(asks, run_id)
    return profile_run(run_id, events, await Graphs(asks).of(events))


async def workflow_profile(
    asks: Asks,
    namespace: str,
    workflow: str,
    *,
    since_s: float | None = None,
    status: str = "completed",
    limit: int = DEFAULT_RUNS,
) -> Profile | None:
    """Say where the time of a workflow's latest runs went; None: there are none.

    Args:
        since_s: only runs that started in the last so many seconds.
        status: of the runs; several with commas between.
        limit: of how many runs at most, 1 to `MAX_RUNS`.

    Raises:
        NotReachable: the workflow or monitoring service does not answer.
        ValueError: `limit` is outside of its range.
    """
    if not 1 <= limit <= MAX_RUNS:
        raise ValueError(f"expected a limit of 1 to {MAX_RUNS} runs, but got {limit}")
    since = None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s)
    wanted = ListRequest(namespace=namespace, workflow=workflow, status=status)
    summaries, more = await _listed(asks, wanted, since, limit)
    graphs, gate = Graphs(asks), asyncio.Semaphore(AT_ONCE)

    async def read(run_id: str) -> RunToProfile:
        async with gate:
            events = await history(asks, run_id)
            return RunToProfile(run_id, events, await graphs.of(events))

    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(read(each.run_id)) for each in summaries]
    return profile_many(workflow, (task.result() for task in reading), more=more)


async def _listed(
    asks: Asks, wanted: ListRequest, since: datetime | None, limit: int
) -> tuple[list[RunSummary], bool]:
    """The latest runs, and whether there are more."""
    found: list[RunSummary] = []
    before: str | None = None
    while True:
        size = min(MAX_PAGE, limit - len(found) + 1)
        request = msgspec.structs.replace(wanted, limit=size, before=before)
        page = await asks.ask("monitoring", "list", request, RunPage)
        for run in page.runs:
            if since is not None and datetime.fromisoformat(run.started_at) < since:
                return found, False
            if len(found) == limit:
                return found, True
            found.append(run)
        before = page.next
        if before is None:
            return found, False
