"""Decisions: why one of a run was as it was, and how all of them came out."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.documented import gives, ref
from services.gateway.routes.runs import Namespace, RunId, TheGate, checked_run_id, json_answer
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
    others; and on which devices it ran (`route`), or what it waits for."""
    found = await decision(gate.asks, checked_run_id(run_id), step)
    return json_answer(found._asdict())


@router.get(
    "/decisions",
    summary="How decisions came out",
    responses=gives(ref("DecisionStats"), "counts, shares and latencies, over time", 200, 422),
)
async def decision_stats(
    *,
    gate: TheGate,
    namespace: Namespace = "default",
    workflow: Annotated[str | None, Query(max_length=100)] = None,
    version: Annotated[int | None, Query(ge=1)] = None,
    step: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Tell how switches, decision tables and routes came out, by workflow, version and step."""
    return json_answer(
        await gate.ask(
            "monitoring",
            "decisions",
            namespace=namespace,
            workflow=workflow,
            version=version,
            step=step,
        )
    )
