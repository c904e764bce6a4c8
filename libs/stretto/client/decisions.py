"""A decision of a run, asked back: from the log, and worked out once more."""

from __future__ import annotations

from typing import NamedTuple

from stretto.client.asking import Asks
from stretto.contracts.decisions import AskedDecision, Explained, ExplainRequest


class Decision(NamedTuple):
    """What was asked, and what the decision service says of it."""

    asked: AskedDecision
    explained: Explained


async def decision(asks: Asks, run_id: str, step: str) -> Decision:
    """Ask for the last decision of a step (`output`: of the run's output), and why it was so.

    Raises:
        NotReachable: the workflow or decision service does not answer.
        Rejected: there is no such run, or the step has asked for no decision.
    """
    asked = await asks.ask("workflow", "decision", {"run_id": run_id, "step": step}, AskedDecision)
    request = ExplainRequest(plan=asked.plan, values=asked.values, absent=asked.absent)
    return Decision(asked, await asks.ask("decision", "explain", request, Explained))
