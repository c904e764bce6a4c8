"""Profiles: where the time of runs goes."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.documented import gives, ref
from services.gateway.problems import Refused
from services.gateway.routes.runs import Namespace, RunId, TheGate, checked_run_id, json_answer
from stretto.client.profiles import DEFAULT_RUNS, run_profile, workflow_profile

MAX_RUNS = 200
"""Each is read whole while somebody waits for the answer; the command line takes more."""

MAX_SINCE_S = 10 * 365 * 86_400.0

router = APIRouter(prefix="/api/v1", tags=["profiles"], default_response_class=Response)


@router.get(
    "/runs/{run_id}/profile",
    summary="Where the time of a run went",
    responses=gives(ref("RunProfile"), "critical path, distributions, advice", 200, 404, 422),
)
async def profile_one(run_id: RunId, gate: TheGate) -> Response:
    """Work out the critical path of a run, open or closed, and what would make it faster."""
    return json_answer(await run_profile(gate.asks, checked_run_id(run_id)))


@router.get(
    "/profile",
    summary="Where the time of a workflow's runs went",
    responses=gives(ref("Profile"), "means and distributions of many runs", 200, 404, 422),
)
async def profile_several(
    *,
    gate: TheGate,
    workflow: Annotated[str, Query(max_length=100)],
    namespace: Namespace = "default",
    since_s: Annotated[float | None, Query(gt=0, le=MAX_SINCE_S)] = None,
    status: Annotated[str, Query(max_length=100)] = "completed",
    limit: Annotated[int, Query(ge=1, le=MAX_RUNS)] = DEFAULT_RUNS,
) -> Response:
    """Profile the latest runs of a workflow together."""
    found = await workflow_profile(
        gate.asks, namespace, workflow, since_s=since_s, status=status, limit=limit
    )
    if found is None:
        raise Refused(404, "no_runs", f"expected {status} runs of {workflow!r}, but found none")
    return json_answer(found)
