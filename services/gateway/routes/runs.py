"""Runs: start, find, look at, tell what to do."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.gateway.bodies import StartBody, decode, media_type, named, read_json
from services.gateway.documented import gives, ref, takes
from services.gateway.gate import Gate, gate_of, holder_of
from services.gateway.problems import Refused
from stretto.client.answered import store
from stretto.client.explaining import explain
from stretto.client.starting import Start, prepare, read_answer, settle
from stretto.contracts.answers import DEFAULT_PAGE, MAX_PAGE
from stretto.contracts.codec import json_encode
from stretto.contracts.ids import parse_run_id, run_id_text
from stretto.runtime.errors import NotReachable

router = APIRouter(prefix="/api/v1", tags=["runs"], default_response_class=Response)

JSON = "application/json"
MAX_HISTORY = 5_000

TheGate = Annotated[Gate, Depends(gate_of)]
RunId = Annotated[str, Path(description="The id of the run: a UUID.", max_length=36)]
Namespace = Annotated[str, Query(max_length=100)]


def json_answer(data: bytes | object, status: int = 200, **headers: str) -> Response:
    """Make an answer of JSON that is ready, or of anything that can be JSON."""
    body = data if isinstance(data, bytes) else json_encode(data)
    return Response(body, status, headers, JSON)


def checked_run_id(text: str) -> str:
    """A run id in its usual spelling; raises Refused."""
    try:
        return run_id_text(parse_run_id(text))
    except ValueError as error:
        raise Refused(422, "run_id_invalid", str(error)) from None


def labels_of(texts: list[str]) -> dict[str, str]:
    """Labels from `key=value` texts; raises Refused."""
    found: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            reason = f"expected label to be like key=value, but got {text[:60]!r}"
            raise Refused(422, "request_invalid", reason)
        found[key] = value
    return found


@router.post(
    "/runs",
    summary="Start a run",
    status_code=201,
    responses=gives(ref("Started"), "the run; 202: stored, and taken later", 201, 404, 413, 422),
    openapi_extra=takes("StartBody"),
)
async def start_run(request: Request, gate: TheGate) -> Response:
    """Start a run; with an `id` that is open already, the answer is that run (200)."""
    body = await read_json(request, StartBody)
    asked = Start(
        workflow=body.workflow,
        input=body.input,
        id=body.id,
        version=body.version,
        labels=body.labels,
        run_id=body.run_id,
        traceparent=request.headers.get("traceparent"),
    )
    start = settle(asked)
    run_id, message = prepare(start, named("namespace", body.namespace))
    existing = False
    status = 202
    if body.wait:
        try:
            run_id, existing = read_answer(await gate.answered.send(message))
            status = 200 if existing else 201
        except NotReachable as error:
            if error.code != "client.not_answered":
                raise
    else:
        await store(gate.publisher, [message])
    answer: dict[str, object] = {"run_id": run_id, "workflow": start.workflow}
    answer["namespace"] = body.namespace
    if existing:
        answer["existing"] = True
    return json_answer(answer, status, Location=f"/api/v1/runs/{run_id}")


@router.get(
    "/runs",
    summary="List runs",
    responses=gives(ref("RunPage"), "runs, the latest first", 200, 422),
)
async def list_runs(
    *,
    gate: TheGate,
    namespace: Namespace = "default",
    workflow: Annotated[str | None, Query(max_length=100)] = None,
    status: Annotated[
        str | None, Query(max_length=100, description="several with commas; `open`")
    ] = None,
    id: Annotated[str | None, Query(max_length=1000, description="the caller's key")] = None,  # noqa: A002
    search: Annotated[
        str | None, Query(max_length=100, description="beginning of a run id or key")
    ] = None,
    label: Annotated[
        list[str] | None,
        Query(max_length=10, description="`key=value`; several times: runs that have all of them"),
    ] = None,
    step_label: Annotated[
        list[str] | None,
        Query(max_length=10, description="`key=value`; runs with steps that have had all of them"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE,
    before: Annotated[str | None, Query(max_length=100, description="`next` of a page")] = None,
) -> Response:
    """List runs; `next` of a page is what to ask with for the one after."""
    return json_answer(
        await gate.ask(
            "monitoring",
            "list",
            namespace=namespace,
            workflow=workflow,
            status=status,
            id=id,
            search=search,
            labels=labels_of(label or []),
            step_labels=labels_of(step_label or []),
            limit=limit,
            before=before,
        )
    )


@router.get(
    "/runs/{run_id}",
    summary="Show a run",
    responses=gives(ref("RunView"), "the run with its steps and attempts", 200, 404, 422),
)
async def show_run(run_id: RunId, gate: TheGate) -> Response:
    """Show a run with its steps, attempts, durations, input and output."""
    return json_answer(await gate.ask("monitoring", "show", run_id=checked_run_id(run_id)))


@router.get(
    "/runs/{run_id}/state",
    summary="The fold of a run",
    responses=gives(None, "the state, from the log", 200, 404, 422),
)
async def run_state(
    run_id: RunId,
    gate: TheGate,
    at_seq: Annotated[int | None, Query(ge=1, description="after this event")] = None,
    at: Annotated[str | None, Query(max_length=40, description="at this instant, RFC 3339")] = None,
) -> Response:
    """Fold the log of a run; with `at_seq` or `at`, as it was then."""
    request: dict[str, Any] = {"run_id": checked_run_id(run_id), "at_seq": at_seq, "at": at}
    return json_answer(await gate.ask("workflow", "state", **request))


@router.get(
    "/runs/{run_id}/explain",
    summary="Why a run is still open",
    responses=gives(None, "what it waits for, since when, until when", 200, 404, 422),
)
async def explain_run(run_id: RunId, gate: TheGate) -> Response:
    """Say why a run is still open."""
    return json_answer(await explain(gate.asks, checked_run_id(run_id)))


@router.get(
    "/runs/{run_id}/controls",
    summary="What a run can be told",
    responses=gives(ref("Controls"), "commands that would be carried out now", 200, 404, 422),
)
async def run_controls(
    run_id: RunId, gate: TheGate, step: Annotated[str | None, Query(max_length=1_000)] = None
) -> Response:
    """Say which commands a run, or a step of it, would carry out now."""
    request: dict[str, Any] = {"run_id": checked_run_id(run_id), "step": step}
    return json_answer(await gate.ask("workflow", "controls", **request))


@router.get(
    "/runs/{run_id}/progress",
    summary="How far a run is",
    responses=gives(ref("RunProgress"), "its share, its steps', the time left", 200, 404, 422),
)
async def run_progress(run_id: RunId, gate: TheGate) -> Response:
    """Say how far a run is, weighted by what its steps took in the past, and how long is left."""
    return json_answer(await gate.ask("monitoring", "progress", run_id=checked_run_id(run_id)))


@router.post(
    "/runs/{run_id}/control",
    summary="Tell a run what to do",
    responses=gives(ref("Controlled"), "it was carried out", 200, 404, 409, 422),
    openapi_extra=takes("ControlBody"),
)
async def control_run(run_id: RunId, request: Request, gate: TheGate) -> Response:
    """Send a command: signal, cancel, terminate, pause, resume, retry, skip, ..."""
    if media_type(request) != JSON:
        raise Refused(415, "media_type", f"expected a body of {JSON}")
    fields: dict[str, Any] = dict(decode(await request.body(), dict[str, msgspec.Raw]))
    namespace = decode(fields.pop("namespace", msgspec.Raw(b'"default"')), str)
    command = decode(fields.pop("command", msgspec.Raw(b'""')), str)
    if not command:
        raise Refused(422, "request_invalid", "expected a command, but there is none")
    if (holder := holder_of(request)) is not None:
        fields["by"] = holder
    done = await gate.answered.control(
        named("namespace", namespace), checked_run_id(run_id), command, fields
    )
    return json_answer(done)
