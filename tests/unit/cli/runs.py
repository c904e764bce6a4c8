"""Runs as lists of events, for the tests of this folder."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stretto.client import RunEvent

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RUN_ID = "01a20381-faf1-70e1-bd08-0d995a72ffe4"

Told = tuple[str, str | None, dict[str, Any]]


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def events(*told: Told) -> list[RunEvent]:
    """Make events a second apart."""
    return [
        RunEvent(seq=n, type=kind, at=at(n - 1), data=data, step=step)
        for n, (kind, step, data) in enumerate(told, 1)
    ]


STARTED: Told = ("run.started", None, {"workflow": "w", "version": 2, "input": {"n": 1}})
BROKEN = {"type": "Broken", "message": "no\n luck"}


def scheduled(step: str, attempt: int = 1, **more: Any) -> Told:
    return ("step.scheduled", step, {"attempt": attempt, "task": "t.do", **more})


def completed(step: str, output: Any = None) -> Told:
    return ("step.completed", step, {"attempt": 1, "output": output, "worker": "wk"})


def failed(step: str, attempt: int = 1, retry_at: str | None = None) -> Told:
    return ("step.failed", step, {"attempt": attempt, "failure": BROKEN, "retry_at": retry_at})
