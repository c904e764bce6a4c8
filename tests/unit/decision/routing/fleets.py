"""Fleets of made-up devices, and questions about them."""

import json
from typing import Any

import msgspec

from services.decision.routing.answers import Routes
from stretto.contracts.codec import json_encode
from stretto.contracts.public import Presence
from stretto.contracts.routes import Otherwise, Outcome, Preference, Ranked, RankQuestion, RoutePlan

NOW_US = 1_000_000_000


def routes(*devices: tuple[str, dict[str, Any]], explore: float = 0.0) -> Routes:
    """Make a fleet of devices that know the task `scan`."""
    made = Routes(explore=explore)
    for name, said in devices:
        hear(made, name, **said)
    return made


def hear(into: Routes, name: str, now_us: int = NOW_US, **said: Any) -> None:
    into.heard("default", name, Presence(**{"tasks": ["scan"], "slots": 10, **said}), now_us)


def plan(**fields: Any) -> RoutePlan:
    fields["prefer"] = tuple(Preference(condition=c, weight=w) for c, w in fields.get("prefer", ()))
    fields["otherwise"] = tuple(Otherwise(**o) for o in fields.get("otherwise", ()))
    return RoutePlan(workflow="w", step="s", **fields)


def ask(
    of: Routes,
    id_: str = "a",
    *,
    values: tuple[Any, ...] = (),
    absent: tuple[int, ...] = (),
    avoid: tuple[str, ...] = (),
    task: str = "scan",
    now_us: int = NOW_US,
    **fields: Any,
) -> Ranked:
    """Ask who fits a route of these fields."""
    question = RankQuestion(
        id=id_,
        namespace="default",
        task=task,
        plan=msgspec.Raw(json_encode(plan(**fields))),
        values=[msgspec.Raw(json.dumps(value).encode()) for value in values],
        absent=list(absent),
        avoid=list(avoid),
    )
    return of.answer(question, now_us)


def names(answer: Ranked) -> list[str]:
    assert answer.failure is None, answer.failure
    return [candidate.device for candidate in answer.candidates]


def took(of: Routes, device: str, ms: float, *, failed: bool = False, at_us: int = NOW_US) -> None:
    of.took("default", Outcome(device=device, task="scan", took_ms=ms, failed=failed), at_us)
