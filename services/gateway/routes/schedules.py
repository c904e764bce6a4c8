"""Schedules: apply, look at, pause, let fire."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway.bodies import named, read_json, yaml_text
from services.gateway.documented import gives, ref, takes
from services.gateway.gate import Gate, holder_of
from services.gateway.routes.runs import Namespace, TheGate, json_answer
from services.gateway.schedule_bodies import ScheduleActionBody, ScheduleBody
from stretto.bus.publisher import Outgoing
from stretto.contracts import subjects
from stretto.contracts.codec import decode_scheduled, json_encode
from stretto.contracts.schedules import Scheduled, ScheduleRequest

router = APIRouter(prefix="/api/v1", tags=["schedules"], default_response_class=Response)

ScheduleName = Annotated[str, Path(max_length=100)]
Action = Literal["pause", "resume", "trigger", "backfill"]


async def _send(gate: Gate, namespace: str, request: ScheduleRequest, who: Request) -> Scheduled:
    """Store a request and wait until it was carried out; who holds a token is who asks."""
    if (holder := holder_of(who)) is not None:
        request = msgspec.structs.replace(request, by=holder)
    message = Outgoing(subjects.schedules(named("namespace", namespace)), json_encode(request))
    return decode_scheduled(await gate.answered.send(message))


@router.post(
    "/schedules",
    summary="Apply a schedule",
    responses=gives(ref("Scheduled"), "as it is now (201: a new one)", 200, 413, 422),
    openapi_extra=takes("ScheduleBody", yaml=True),
)
async def apply(request: Request, gate: TheGate, namespace: Namespace = "default") -> Response:
    """Make or change a schedule; `errors` of a refusal has every mistake with its place."""
    if (text := await yaml_text(request)) is not None:
        body = ScheduleBody(source=text, namespace=namespace)
    else:
        body = await read_json(request, ScheduleBody)
    asked = ScheduleRequest(command="apply", source=body.source, by=body.by, reason=body.reason)
    done = await _send(gate, body.namespace, asked, request)
    return json_answer(done, 201 if done.created else 200)


@router.get(
    "/schedules",
    summary="List schedules",
    responses=gives(ref("SchedulePage"), "schedules in the order of their names", 200, 422),
)
async def list_schedules(
    gate: TheGate,
    namespace: Namespace = "default",
    after: Annotated[str, Query(max_length=100, description="`next` of a page")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """List the schedules of a namespace, each with its last firing."""
    answer = await gate.ask(
        "workflow",
        "schedules",
        namespace=named("namespace", namespace),
        after=after,
        limit=limit,
    )
    return json_answer(answer)


@router.get(
    "/schedules/{name}",
    summary="Show a schedule",
    responses=gives(ref("ScheduleView"), "what comes, what came, who changed it", 200, 404, 422),
)
async def show(
    name: ScheduleName,
    gate: TheGate,
    namespace: Namespace = "default",
    firings: Annotated[int, Query(ge=0, le=500)] = 20,
) -> Response:
    """Show a schedule with its next instants, latest firings and changes."""
    answer = await gate.ask(
        "workflow",
        "schedule",
        namespace=named("namespace", namespace),
        name=named("schedule", name),
        firings=firings,
    )
    return json_answer(answer)


@router.get(
    "/schedules/{name}/preview",
    summary="The instants to come",
    responses=gives(ref("Preview"), "with the local time of each", 200, 404, 422),
)
async def preview(
    name: ScheduleName,
    gate: TheGate,
    namespace: Namespace = "default",
    count: Annotated[int, Query(ge=1, le=1_000)] = 10,
    after: Annotated[str | None, Query(max_length=40, description="RFC 3339")] = None,
) -> Response:
    """Give the instants to come of a schedule."""
    answer = await gate.ask(
        "workflow",
        "preview",
        namespace=named("namespace", namespace),
        name=named("schedule", name),
        count=count,
        after=after,
    )
    return json_answer(answer)


@router.post(
    "/schedules/{name}/{action}",
    summary="Pause or resume a schedule, or let it fire",
    responses=gives(ref("Scheduled"), "it was carried out", 200, 404, 409, 422),
    openapi_extra=takes("ScheduleActionBody"),
)
async def act(name: ScheduleName, action: Action, request: Request, gate: TheGate) -> Response:
    """Carry out `pause`, `resume`, `trigger` (fire now) or `backfill` (fire for a past range)."""
    body = await read_json(request, ScheduleActionBody)
    asked = ScheduleRequest(
        command=action,
        name=named("schedule", name),
        by=body.by,
        reason=body.reason,
        overlap=body.overlap,
        start=body.start,
        end=body.end,
        again=body.again,
    )
    return json_answer(await _send(gate, body.namespace, asked, request))


@router.delete(
    "/schedules/{name}",
    summary="Remove a schedule",
    responses=gives(ref("Scheduled"), "it fires no more; its history is kept", 200, 404, 422),
)
async def remove(
    name: ScheduleName,
    request: Request,
    gate: TheGate,
    namespace: Namespace = "default",
    reason: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Response:
    """Let a schedule fire no more; what runs goes on."""
    asked = ScheduleRequest(command="remove", name=named("schedule", name), reason=reason)
    return json_answer(await _send(gate, namespace, asked, request))
