"""Kept outputs: what steps with `cache` have given, listed and purged."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.gateway.bodies import named, read_json
from services.gateway.documented import gives, ref, takes
from services.gateway.gate import holder_of
from services.gateway.reuse_bodies import PurgeBody
from services.gateway.routes.runs import Namespace, TheGate, json_answer
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.codec import decode_purged, json_encode
from stretto.contracts.reuse import PurgeRequest

router = APIRouter(prefix="/api/v1", tags=["cache"], default_response_class=Response)

Said = Annotated[str | None, Query(max_length=1_000)]


@router.get(
    "/cache",
    summary="List kept outputs",
    responses=gives(ref("KeptPage"), "what equal steps may reuse, without the outputs", 200, 422),
)
async def list_kept(
    *,
    gate: TheGate,
    namespace: Namespace = "default",
    task: Said = None,
    key: Said = None,
    workflow: Said = None,
    step: Said = None,
    run_id: Said = None,
    after: Annotated[str, Query(max_length=1_000, description="`next` of a page")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List what is kept, in the order of task and key; where all that is said fits."""
    answer = await gate.ask(
        "workflow",
        "kept",
        namespace=named("namespace", namespace),
        task=task,
        key=key,
        workflow=workflow,
        step=step,
        run_id=run_id,
        after=after,
        limit=limit,
    )
    return json_answer(answer)


@router.post(
    "/cache/purge",
    summary="Purge kept outputs",
    responses=gives(ref("Purged"), "how many were dropped", 200, 422),
    openapi_extra=takes("PurgeBody"),
)
async def purge(request: Request, gate: TheGate) -> Response:
    """Drop what is kept, where all that is said fits; `all` for everything of the namespace."""
    body = await read_json(request, PurgeBody)
    fields = msgspec.structs.asdict(body)
    namespace = named("namespace", fields.pop("namespace"))
    if (holder := holder_of(request)) is not None:
        fields["by"] = holder
    message = Outgoing(subjects.reuse(namespace), json_encode(PurgeRequest(**fields)))
    return json_answer(decode_purged(await gate.answered.send(message)))
