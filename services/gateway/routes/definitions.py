"""Definitions: register, check, read."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway import versioned
from services.gateway.bodies import SourceBody, named, read_json, yaml_text
from services.gateway.documented import gives, lists, ref, takes
from services.gateway.routes.runs import Namespace, TheGate, json_answer
from stretto.client.answered import define

router = APIRouter(prefix="/api/v1", tags=["definitions"], default_response_class=Response)

SOURCE = takes("SourceBody", yaml=True)

WorkflowName = Annotated[str, Path(max_length=100)]


async def source_of(request: Request, namespace: str) -> SourceBody:
    if (text := await yaml_text(request)) is not None:
        return SourceBody(source=text, namespace=named("namespace", namespace))
    body = await read_json(request, SourceBody)
    named("namespace", body.namespace)
    return body


@router.post(
    "/definitions",
    summary="Register a definition",
    responses=gives(ref("Defined"), "its version (201: a new one)", 200, 413, 422),
    openapi_extra=SOURCE,
)
async def register(request: Request, gate: TheGate, namespace: Namespace = "default") -> Response:
    """Register a definition or template; `errors` of a refusal has every mistake with its place."""
    body = await source_of(request, namespace)
    defined = await define(gate.asks, body.namespace, body.source)
    return json_answer(defined, 201 if defined.created else 200)


@router.post(
    "/validate",
    summary="Check a definition",
    responses=gives(None, "`mistakes`: empty if there are none", 200, 413, 422),
    openapi_extra=SOURCE,
)
async def validate(request: Request, gate: TheGate, namespace: Namespace = "default") -> Response:
    """Give the mistakes of a definition or template without registering it."""
    body = await source_of(request, namespace)
    answer = await gate.ask("workflow", "validate", source=body.source, namespace=body.namespace)
    return json_answer(answer)


@router.get(
    "/definitions",
    summary="List definitions",
    responses=gives(
        lists(definitions="DefinitionSummary"),
        "every workflow with its latest version",
    ),
)
async def list_definitions(gate: TheGate, namespace: Namespace = "default") -> Response:
    """List the workflows of a namespace."""
    answer = await gate.ask("workflow", "definitions", namespace=named("namespace", namespace))
    return json_answer(answer)


@router.get(
    "/definitions/{name}",
    summary="Show the latest version of a definition",
    responses=gives(None, "its source and graph", 200, 404, 422),
)
async def definition(
    name: WorkflowName, gate: TheGate, namespace: Namespace = "default"
) -> Response:
    """Give the source and the graph of the latest version."""
    return json_answer(await versioned.definition(gate, namespace, name, "latest"))


@router.get(
    "/definitions/{name}/{version}",
    summary="Show a version of a definition",
    responses=gives(None, "its source and graph", 200, 404, 422),
)
async def definition_version(
    name: WorkflowName,
    version: Annotated[str, Path(max_length=100, description="A version or a label.")],
    gate: TheGate,
    namespace: Annotated[str, Query(max_length=100)] = "default",
) -> Response:
    """Give the source and the graph of one version."""
    return json_answer(await versioned.definition(gate, namespace, name, version))
