"""A decision of a run, asked back: from the log, and worked out once more.

A step may have two: what was worked out for it (its `if`, its `with`, its cases, its table), and on
which device it runs. The second is not worked out again, but told from the log: it looked at
devices that were present then.
"""

from __future__ import annotations

from typing import NamedTuple

from stretto.client.asking import Asks
from stretto.client.errors import Rejected
from stretto.contracts.bindings import Bindings, RoutedAttempt, RoutedAttempts
from stretto.contracts.decisions import AskedDecision, Explained, ExplainRequest
from stretto.contracts.step_told import StepTold
from stretto.runtime.errors import NotReachable

OUTPUT = "output"
"""What asks for the decision that made the output of the run."""

ASIDE_TIMEOUT_S = 2.0
"""What is asked besides may be missing: it is not waited for long."""


class Decision(NamedTuple):
    """What was asked and what the decision service says of it; where the step's attempts went, and
    where one is that waits; how the step stands. At least the first two, or `route`, or `told`."""

    asked: AskedDecision | None
    explained: Explained | None
    route: Bindings | None = None
    waiting: RoutedAttempt | None = None
    told: StepTold | None = None


async def decision(asks: Asks, run_id: str, step: str) -> Decision:
    """Ask for the last decision of a step (`output`: of the run's output), and why it was so.

    Raises:
        NotReachable: the workflow or decision service does not answer.
        Rejected: there is no such run, or no such step.
    """
    told = await _told(asks, run_id, step)
    route = await _route(asks, run_id, step)
    waiting = None if route is None else await _waiting(asks, route)
    request = {"run_id": run_id, "step": step}
    try:
        asked = await asks.ask("workflow", "decision", request, AskedDecision)
    except Rejected as refused:
        if (route is None and told is None) or refused.code != "decision_unknown":
            raise
        return Decision(None, None, route, waiting, told)
    explain = ExplainRequest(plan=asked.plan, values=asked.values, absent=asked.absent)
    explained = await asks.ask("decision", "explain", explain, Explained)
    return Decision(asked, explained, route, waiting, told)


async def _told(asks: Asks, run_id: str, step: str) -> StepTold | None:
    """How the step stands; None: it is the run's output, or nobody tells (an older service)."""
    if step == OUTPUT:
        return None
    request = {"run_id": run_id, "step": step}
    try:
        return await asks.ask("workflow", "step", request, StepTold, ASIDE_TIMEOUT_S)
    except NotReachable:
        return None


async def _route(asks: Asks, run_id: str, step: str) -> Bindings | None:
    """Where the attempts of a step went; None: it has no route, or nobody tells (an older
    service)."""
    request = {"run_id": run_id, "step": step}
    try:
        return await asks.ask("workflow", "bindings", request, Bindings, ASIDE_TIMEOUT_S)
    except NotReachable:
        return None
    except Rejected as refused:
        if refused.code == "route_unknown":
            return None
        raise


async def _waiting(asks: Asks, route: Bindings) -> RoutedAttempt | None:
    """What the execution service knows of the attempt that waits for a device."""
    if route.waiting is None:
        return None
    found = await routed(asks, [route.waiting])
    return found.get(route.waiting)


async def routed(asks: Asks, ids: list[str]) -> dict[str, RoutedAttempt]:
    """Where attempts with a route are, by id; nothing where the execution service is silent."""
    try:
        found = await asks.ask("execution", "routed", {"ids": ids}, RoutedAttempts, ASIDE_TIMEOUT_S)
    except (NotReachable, Rejected):
        return {}
    return {each.id: each for each in found.attempts}
