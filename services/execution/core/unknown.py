"""Tasks that attempts wait for and that nobody who is present does."""

from collections.abc import Iterable
from typing import NamedTuple

from services.execution.core.attempt import Attempt, State
from services.execution.core.binding import DEFAULT_QUEUE
from services.execution.core.roster import Roster

MAX_TOLD = 200
"""Tasks of one answer, those that wait longest."""


class Unknown(NamedTuple):
    """One such task. `queue` None: it may be done on any. `workers`: who is on that queue."""

    namespace: str
    task: str
    queue: str | None
    attempts: int
    since_us: int
    workers: int


def unknown_tasks(known: Iterable[Attempt], roster: Roster) -> list[Unknown]:
    """Sum up the attempts that nobody present can do, by task and queue, the oldest first.

    O(attempts): asked for by people, not in the way of any work.
    """
    waiting: dict[tuple[str, str, str | None], tuple[int, int]] = {}
    for attempt in known:
        if attempt.state is State.OWN:
            continue
        # What is parked in `default` named no queue: anybody who knows the task may come.
        queue = None if attempt.parked else attempt.queue
        key = (attempt.namespace, attempt.task, queue)
        count, since_us = waiting.get(key, (0, attempt.arrived_us))
        waiting[key] = (count + 1, min(since_us, attempt.arrived_us))
    found = [
        Unknown(*key, count, since_us, _workers(roster, key[0], key[2]))
        for key, (count, since_us) in waiting.items()
        if not _is_done_by_somebody(roster, *key)
    ]
    return _longest(found)


def added_up(found: Iterable[Unknown]) -> list[Unknown]:
    """Add up what several lanes found, the oldest first."""
    sums: dict[tuple[str, str, str | None], Unknown] = {}
    for one in found:
        key = (one.namespace, one.task, one.queue)
        before = sums.get(key)
        sums[key] = (
            one
            if before is None
            else one._replace(
                attempts=before.attempts + one.attempts,
                since_us=min(before.since_us, one.since_us),
            )
        )
    return _longest(sums.values())


def _longest(found: Iterable[Unknown]) -> list[Unknown]:
    return sorted(found, key=lambda unknown: unknown.since_us)[:MAX_TOLD]


def _is_done_by_somebody(roster: Roster, namespace: str, task: str, queue: str | None) -> bool:
    if queue is None and roster.knows(namespace, DEFAULT_QUEUE, task):
        return True
    return roster.knows(namespace, queue, task)


def _workers(roster: Roster, namespace: str, queue: str | None) -> int:
    return 0 if queue is None else roster.crew(namespace, queue).workers
