"""Decisions: why one of a run was as it was."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.documented import gives
from services.gateway.routes.runs import RunId, TheGate, checked_run_id, json_answer
from stretto.client.decisions import decision

router = APIRouter(prefix="/api/v1", tags=["decisions"], default_response_class=Response)


@router.get(
    "/runs/{run_id}/decision",
    summary="Why a decision of a run was as it was",
    responses=gives(None, "what was asked, and why the answer was as it was", 200, 404, 422),
)
async def explain_decision(
    run_id: RunId,
    gate: TheGate,
    step: Annotated[str, Query(min_length=1, max_length=1_000, description="path of the step")],
) -> Response:
    """Work the last decision of a step out once more: inputs, cases or rules, why not the
    others."""
    found = await decision(gate.asks, checked_run_id(run_id), step)
    return json_answer({"asked": found.asked, "explained": found.explained})
