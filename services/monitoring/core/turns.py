"""What undoing, rollbacks, forks and migrations do to a run as lists and pages show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stretto.contracts.events import COMPENSATION_SUFFIX

if TYPE_CHECKING:
    from services.monitoring.core.projection import RunProjection

PENDING = "pending"
"""Of a step that a rollback has gone back over: it begins anew."""

BLOCKED = "blocked"
"""Of a compensation: it has failed for good. Of a run: it has such a one, and waits for a
person."""


class BackFact(msgspec.Struct, frozen=True):
    """Of `run.rolled_back`."""

    steps: list[str] = []
    paused: bool = False


class Taken(msgspec.Struct, frozen=True):
    """How a step stood in another run; its output is not decoded."""

    status: str = "completed"


class ForkedFact(msgspec.Struct, frozen=True):
    """Of `run.forked`."""

    taken: dict[str, Taken] = {}


class MigratedFact(msgspec.Struct, frozen=True):
    """Of `run.migrated`."""

    to_version: int


class RetriedFact(msgspec.Struct, frozen=True):
    """Of `compensation.retried`."""

    step: str


_decode_back = msgspec.json.Decoder(BackFact).decode
_decode_forked = msgspec.json.Decoder(ForkedFact).decode
_decode_migrated = msgspec.json.Decoder(MigratedFact).decode
_decode_retried = msgspec.json.Decoder(RetriedFact).decode


def unblocked(run: RunProjection) -> None:
    """A person has decided about a compensation: the run goes on when there is no other one."""
    if not any(step.status == BLOCKED for step in run.steps.values()):
        run.status = "running" if run.failure is None else "failing"


def _retried(run: RunProjection, at_us: int, data: bytes) -> None:
    at = at_us - run.started_us
    run.move(run.step(_decode_retried(data).step, at), "deciding", at)
    unblocked(run)


def _rolling_back(run: RunProjection, _at_us: int, _data: bytes) -> None:
    """The run is open, also if it had ended."""
    if run.closed_us:
        run.status = "running"
        run.closed_us = 0
    run.failure = None


def _inside(path: str, names: frozenset[str]) -> bool:
    """Whether a path is an item or inner step of one of the steps at the top; what has undone it
    is not."""
    outer = path.partition(".")[0].partition("[")[0]
    return outer != path and outer in names and not path.endswith(COMPENSATION_SUFFIX)


def _rolled_back(run: RunProjection, at_us: int, data: bytes) -> None:
    fact = _decode_back(data)
    names = frozenset(fact.steps)
    for path in [path for path in run.steps if _inside(path, names)]:
        run.forget(path)
    at = at_us - run.started_us
    for name in fact.steps:
        if (step := run.steps.get(name)) is not None:
            step.reused_run = step.reused_step = None
            step.began = at
            run.move(step, PENDING, at)
    run.status = "paused" if fact.paused else "running"
    if run.failure is not None:  # it was cancelled on its way
        run.status = "failing"


def _forked(run: RunProjection, at_us: int, data: bytes) -> None:
    at = at_us - run.started_us
    for name, taken in _decode_forked(data).taken.items():
        run.move(run.step(name, at), taken.status, at)


def _migrated(run: RunProjection, _at_us: int, data: bytes) -> None:
    run.version = _decode_migrated(data).to_version


TURNS = {
    "compensation.retried": _retried,
    "run.rolling_back": _rolling_back,
    "run.rolled_back": _rolled_back,
    "run.forked": _forked,
    "run.migrated": _migrated,
}
