"""What there is to see: statistics, queues, devices; and how the gateway itself is."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.documented import gives, lists, ref
from services.gateway.routes.runs import TheGate, json_answer

router = APIRouter(default_response_class=Response)


@router.get(
    "/api/v1/stats",
    tags=["views"],
    summary="Counts, latencies, rates",
    responses=gives(ref("Stats"), "counts by status, latencies, steps a second"),
)
async def stats(
    gate: TheGate,
    namespace: Annotated[str | None, Query(max_length=100)] = None,
    workflow: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Give counts by status, latencies and rates, of a namespace or workflow or of all."""
    answer = await gate.ask("monitoring", "stats", namespace=namespace, workflow=workflow)
    return json_answer(answer)


@router.get(
    "/api/v1/queues",
    tags=["views"],
    summary="Queues",
    responses=gives(
        lists(
            queues="QueueView",
            unknown_tasks="UnknownTask",
            resources="ResourceView",
            rates="RateView",
        ),
        "what waits in each queue and who serves it",
    ),
)
async def queues(gate: TheGate) -> Response:
    """List the queues."""
    return json_answer(await gate.ask("execution", "queues"))


@router.get(
    "/api/v1/lines",
    tags=["views"],
    summary="Keys whose places are waited for",
    responses=gives(
        lists(lines="LineView"),
        "the keys of `concurrency` that runs and steps wait for, those with the most first",
    ),
)
async def lines(
    gate: TheGate, namespace: Annotated[str | None, Query(max_length=100)] = None
) -> Response:
    """List the keys of `concurrency` whose places are waited for."""
    return json_answer(await gate.ask("workflow", "lines", namespace=namespace))


@router.get(
    "/api/v1/devices",
    tags=["views"],
    summary="Workers and devices",
    responses=gives(
        lists(devices="Presence"),
        "who is present",
    ),
)
async def devices(gate: TheGate) -> Response:
    """List the workers and devices that are present."""
    return json_answer(await gate.ask("execution", "devices"))


@router.get("/healthz", tags=["health"], summary="Is the process alive")
async def healthz() -> Response:
    """Answer while the event loop does."""
    return json_answer({"status": "ok"})


@router.get("/readyz", tags=["health"], summary="Can it work")
async def readyz(gate: TheGate) -> Response:
    """Say whether the bus is reachable."""
    return json_answer(gate.health.report(), 200 if gate.health.ready else 503)
