"""The choices of routes as rows: what was known of a device, that it was chosen, what came of it.

Nothing is kept for them: they are read from the log of the runs, as it is asked for. A row is one
attempt that was given to a device.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from stretto.client.asking import Asks
from stretto.client.feed import RunEvent, history
from stretto.contracts.answers import MAX_PAGE, ListRequest, RunPage
from stretto.contracts.routes import FAILURE_COST_MS, FEATURES, Ranked

MAX_RUNS = 100_000
"""Of one export; each is read whole from the log."""

_ENDS = {"step.completed": "completed", "step.failed": "failed", "step.cancelled": "cancelled"}
MOVED = "moved"
OPEN = "open"


class Choice(msgspec.Struct, kw_only=True):
    """An attempt was given to a device."""

    run_id: str
    workflow: str
    version: int
    step: str
    attempt: int
    task: str
    at: str
    """When it was given to it, RFC 3339."""
    strategy: str
    device: str
    place: int
    """In the order of those that fitted, from 0; -1: it is not among those that are told."""
    score: float | None
    explored: bool
    """The first was put in front to learn about it."""
    present: int
    knowing: int
    fitting: int
    load: float | None
    """Of the device, when it was ranked; so too the next three: None where it is not known."""
    slots: float | None
    time_ms: float | None
    cost_ms: float | None
    waited_ms: float
    """From when it was scheduled to when it was given to the device."""
    outcome: str = OPEN
    """`completed`, `failed`, `cancelled`, `moved` (it was given to another device after), `open`.
    """
    took_ms: float | None = None
    """From when it was given to the device to its end."""
    failure: str | None = None
    """The type of its failure."""
    cost: float | None = None
    """What it has cost, as `learned` counts: `took_ms`, and 2,000 more for a failure; None where it
    did neither complete nor fail."""


def choices_of(run_id: str, events: Iterable[RunEvent]) -> Iterator[Choice]:
    """Give the choices of a run in the order in which they came to their ends; those that have
    none come last."""
    workflow, version = "", 0
    scheduled: dict[str, RunEvent] = {}
    out: dict[str, tuple[Choice, datetime]] = {}
    for event in events:
        match event.type:
            case "run.started":
                workflow, version = event.data["workflow"], event.data["version"]
            case "run.migrated":
                version = event.data["to_version"]
            case "step.scheduled" if event.step is not None:
                scheduled[event.step] = event
            case "step.bound" if event.step is not None:
                before = out.pop(event.step, None)
                if before is not None:
                    yield _ended(*before, event, MOVED)
                of = (run_id, workflow, version)
                out[event.step] = _choice(of, scheduled[event.step], event), event.at
            case kind if kind in _ENDS and event.step in out:
                assert event.step is not None
                yield _ended(*out.pop(event.step), event, _ENDS[kind])
    yield from (choice for choice, _ in out.values())


def _choice(of: tuple[str, str, int], scheduled: RunEvent, bound: RunEvent) -> Choice:
    ranked = msgspec.convert(bound.data.get("ranked") or {}, Ranked)
    device = bound.data["device"]
    places = [n for n, each in enumerate(ranked.candidates) if each.device == device]
    place = places[0] if places else -1
    chosen = ranked.candidates[place] if places else None
    known: dict[str, Any] = dict.fromkeys(FEATURES)
    if chosen is not None and chosen.features is not None:
        known = dict(zip(FEATURES, chosen.features, strict=True))
    return Choice(
        run_id=of[0],
        workflow=of[1],
        version=of[2],
        step=bound.data["step"],
        attempt=bound.data["attempt"],
        task=scheduled.data["task"],
        at=bound.at.isoformat(),
        strategy=ranked.strategy,
        device=device,
        place=place,
        score=None if chosen is None else chosen.score,
        explored=ranked.explored,
        present=ranked.present,
        knowing=ranked.knowing,
        fitting=ranked.fitting,
        waited_ms=_ms(bound.at - scheduled.at),
        **known,
    )


def _ended(choice: Choice, since: datetime, event: RunEvent, outcome: str) -> Choice:
    choice.outcome = outcome
    choice.took_ms = _ms(event.at - since)
    if outcome == "completed":
        choice.cost = choice.took_ms
    if outcome == "failed":
        choice.failure = event.data["failure"]["type"]
        choice.cost = choice.took_ms + FAILURE_COST_MS
    return choice


def _ms(span: timedelta) -> float:
    return span / timedelta(milliseconds=1)


async def choices(
    asks: Asks,
    namespace: str,
    *,
    workflow: str | None = None,
    step: str | None = None,
    task: str | None = None,
    since_s: float | None = None,
    limit: int = MAX_RUNS,
) -> AsyncIterator[Choice]:
    """Give the choices of the latest runs, the latest run first.

    Args:
        step, task: only of this step (its path), of this task.
        since_s: only of runs that started in the last so many seconds.
        limit: of how many runs at most.

    Raises:
        NotReachable: the workflow or monitoring service does not answer.
    """
    since = None if since_s is None else datetime.now(UTC) - timedelta(seconds=since_s)
    before: str | None = None
    while limit > 0:
        request = ListRequest(
            namespace=namespace, workflow=workflow, limit=min(MAX_PAGE, limit), before=before
        )
        page = await asks.ask("monitoring", "list", request, RunPage)
        for run in page.runs:
            if since is not None and datetime.fromisoformat(run.started_at) < since:
                return
            for choice in choices_of(run.run_id, await history(asks, run.run_id)):
                if step in (None, choice.step) and task in (None, choice.task):
                    yield choice
        limit -= len(page.runs)
        before = page.next
        if before is None:
            return
