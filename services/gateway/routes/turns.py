"""Forks and migrations: runs that begin where others stood, or follow another version."""

from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from services.gateway.bodies import named, read_json
from services.gateway.documented import gives, ref, takes
from services.gateway.gate import holder_of
from services.gateway.problems import Refused
from services.gateway.routes.definitions import WorkflowName
from services.gateway.routes.runs import RunId, TheGate, checked_run_id, json_answer
from services.gateway.turn_bodies import ForkBody, MigrationsBody, MigrationsDone
from stretto.client.answered import Answered
from stretto.client.asking import Asks
from stretto.client.migrations import Migrations
from stretto.client.starting import Start, prepare, read_answer
from stretto.contracts.public import ForkRequest

router = APIRouter(prefix="/api/v1", tags=["runs"], default_response_class=Response)

MAX_BATCH = 1_000
"""Runs that one request migrates: it takes a few seconds."""

Version = Annotated[str | None, Query(max_length=100, description="a number or a label")]


class Reach(NamedTuple):
    """What migrations use of the bus."""

    asks: Asks
    answered: Answered
    namespace: str


@router.post(
    "/runs/{run_id}/fork",
    summary="Fork a run",
    status_code=201,
    responses=gives(ref("Started"), "the new run", 201, 404, 413, 422),
    openapi_extra=takes("ForkBody"),
)
async def fork_run(run_id: RunId, request: Request, gate: TheGate) -> Response:
    """Start a run that begins where this one stood: what had completed is not run again."""
    body = await read_json(request, ForkBody)
    source = checked_run_id(run_id)
    state = await gate.asks.ask("workflow", "state", {"run_id": source}, dict[str, object])
    fork = ForkRequest(
        run_id=source,
        at_seq=body.at_seq,
        step=body.step,
        by=holder_of(request) or body.by,
        reason=body.reason,
    )
    start = Start(
        workflow=str(state["workflow"]),
        input=body.input,
        id=body.id,
        version=body.version,
        labels=body.labels,
        run_id=body.run_id,
        traceparent=request.headers.get("traceparent"),
        fork=fork,
    )
    _, message = prepare(start, named("namespace", body.namespace))
    new_id, existing = read_answer(await gate.answered.send(message))
    answer = {"run_id": new_id, "workflow": start.workflow, "from_run": source}
    location = f"/api/v1/runs/{new_id}"
    return json_answer(answer, 200 if existing else 201, Location=location)


@router.get(
    "/runs/{run_id}/migration",
    summary="Try a migration",
    responses=gives(ref("MigrationView"), "what keeps the run, or what would change", 200, 404),
)
async def try_migration(run_id: RunId, gate: TheGate, version: Version = None) -> Response:
    """Say whether a run can follow another version (the latest), and what would change."""
    reach = Reach(gate.asks, gate.answered, "default")
    return json_answer(await Migrations(reach).look(checked_run_id(run_id), _version(version)))


@router.post(
    "/definitions/{workflow}/migrations",
    summary="Migrate the open runs of a workflow",
    responses=gives(ref("MigrationsDone"), "how many, and what kept the others", 200, 404, 422),
    openapi_extra=takes("MigrationsBody"),
)
async def migrate_runs(workflow: WorkflowName, request: Request, gate: TheGate) -> Response:
    """Let every open run of a workflow that can follow another version, up to `limit`."""
    body = await read_json(request, MigrationsBody)
    if not 0 < body.limit <= MAX_BATCH:
        raise Refused(422, "request_invalid", f"expected a limit of 1 to {MAX_BATCH}")
    where = named("namespace", body.namespace)
    report = await Migrations(Reach(gate.asks, gate.answered, where)).migrate_all(
        named("workflow", workflow),
        from_version=body.from_version,
        to_version=body.to_version,
        limit=body.limit,
        dry_run=body.dry_run,
        by=holder_of(request) or body.by,
        reason=body.reason,
    )
    done = MigrationsDone(
        migrated=report.migrated,
        to_version=report.to_version,
        kept=dict(report.kept),
        refused=report.refused,
    )
    return json_answer(done)


def _version(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text
