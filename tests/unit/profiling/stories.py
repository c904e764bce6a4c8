"""Events of runs, told by hand: milliseconds after the start, and what happened."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stretto.client import RunEvent

START = datetime(2030, 1, 1, tzinfo=UTC)


def instant(ms: float) -> str:
    return (START + timedelta(milliseconds=ms)).isoformat().replace("+00:00", "Z")


def tell(*told: tuple[float, str, dict[str, Any]], migrated: bool = False) -> list[RunEvent]:
    """`(ms, type, data)`; the run's start comes first by itself."""
    start = (0.0, "run.started", {"namespace": "default", "workflow": "w", "version": 3})
    return [
        RunEvent(
            seq=seq,
            type=kind,
            at=START + timedelta(milliseconds=ms),
            data=data,
            step=data.get("step"),
        )
        for seq, (ms, kind, data) in enumerate((start, *told), 1)
    ]


def step(ms: float, kind: str, path: str, **data: Any) -> tuple[float, str, dict[str, Any]]:
    return ms, f"step.{kind}", {"step": path, **data}


def worked(
    path: str, begin: float, ran: tuple[float, float], end: float, **data: Any
) -> list[tuple[float, str, dict[str, Any]]]:
    """A step with one attempt: it may run at `begin`, its handler runs, its result is there."""
    given = {"attempt": 1, "task": data.pop("task", "t"), "queue": data.pop("queue", "q")}
    return [
        step(begin, "scheduled", path, **given),
        step(end, "completed", path, attempt=1, worker=data.pop("worker", "ann"),
             started_at=instant(ran[0]), finished_at=instant(ran[1])),
    ]  # fmt: skip


def graph(**needs: list[str]) -> dict[str, Any]:
    """A graph of plain steps, by what each needs."""
    names = list(needs)
    return {
        "root": {
            "steps": [
                {"name": name, "needs": [names.index(n) for n in some]}
                for name, some in needs.items()
            ]
        }
    }
