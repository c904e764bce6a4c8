"""On which devices a step ran and why, told in lines: `stretto explain RUN --step X`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stretto.client.waiting import waiting_sentence
from stretto.contracts.bindings import Binding, Bindings, RoutedAttempt
from stretto.contracts.routes import Otherwise, Ranked, RoutePlan

MAX_TOLD = 10
"""Attempts that are told; the last ones."""


def route_lines(route: Bindings, waiting: RoutedAttempt | None) -> Iterator[str]:
    """Tell what was asked of devices, who fitted, who got it, why not the others, how long."""
    yield f"{route.step}: a route of {route.workflow} v{route.version}, for {route.task}"
    yield from _plan(msgspec.json.decode(route.plan, type=RoutePlan))
    left_out = len(route.bindings) - MAX_TOLD
    if left_out > 0:
        yield f"… {left_out} earlier ones"
    for binding in route.bindings[-MAX_TOLD:]:
        yield from _binding(binding)
    if route.waiting is not None:
        yield from _waiting(route.waiting, waiting)


def _plan(plan: RoutePlan) -> Iterator[str]:
    yield f"  where {plan.where or 'it knows the task'}"
    for preference in plan.prefer:
        yield f"  prefer {preference.condition} ({preference.weight:+g})"
    by = plan.by or plan.scorer
    yield f"  prefer {plan.strategy}" + (f" ({by})" if by else "")
    if plan.otherwise:
        yield f"  otherwise {', '.join(map(_way, plan.otherwise))}"


def _way(way: Otherwise) -> str:
    if way.wait_s is not None:
        return f"wait {way.wait_s:g} s"
    return f"queue {way.queue}" if way.queue is not None else f"fail: {way.fail}"


def _binding(binding: Binding) -> Iterator[str]:
    ranked = binding.ranked
    if not binding.device and binding.queue is None:
        yield (
            f"attempt {binding.attempt} at {binding.at}: no device was found for it "
            f"in {binding.waited_ms:.1f} ms"
        )
        yield f"→ {_end(binding)}"
        return
    worked = f"; {ranked.took_us} µs to rank" if ranked.took_us else ""
    yield (
        f"attempt {binding.attempt} at {binding.at}: to {_target(binding)} "
        f"after {binding.waited_ms:.1f} ms{worked}"
    )
    yield from ranked_lines(ranked, binding.device)
    yield f"→ {_end(binding)}"


def _target(binding: Binding) -> str:
    if binding.queue is None:
        return binding.device
    return f"queue {binding.queue}, because no device fits,"


def ranked_lines(ranked: Ranked, taken: str | None) -> Iterator[str]:
    """Tell an order of devices, and why the others do not fit."""
    seen = False
    for candidate in ranked.candidates:
        chosen = candidate.device == taken
        notes = [candidate.why] if candidate.why else []
        if candidate.last and not chosen:
            notes.append("only when no other fits")
        elif not seen and not chosen and taken is not None:
            notes.append("no free slot then")
        elif chosen and ranked.explored:
            notes.append("chosen to learn about it")
        seen = seen or chosen
        told = f"  ({'; '.join(notes)})" if notes else ""
        yield f"{'*' if chosen else ' '} {candidate.device}: {candidate.score:g}{told}"
    more = ranked.fitting - len(ranked.candidates)
    if more > 0:
        yield f"  … {more} more that fit"
    if ranked.present:
        yield f"  {ranked.present} present, {ranked.knowing} know the task, {ranked.fitting} fit"
    for reason, count in ranked.refused.items():
        yield f"  {count} × {reason}"


def _end(binding: Binding) -> str:
    if binding.ended is None:
        return "no result of it (yet)"
    took = "" if binding.took_ms is None else f" after {binding.took_ms:.1f} ms"
    if binding.failure is not None:
        return f"failed{took}: {binding.failure.type}: {binding.failure.message}"
    return f"{binding.ended.removeprefix('step.')}{took}"


def _waiting(id_: str, waiting: RoutedAttempt | None) -> Iterator[str]:
    number = id_.rpartition(":")[2]
    if waiting is None:
        yield f"attempt {number} has no device; the execution service does not say why"
        return
    yield f"attempt {number}: {waiting_sentence(waiting)} (since {waiting.since})"
    yield from ranked_lines(waiting.ranked, waiting.device)
