"""Definitions: register, check, read."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway.bodies import SourceBody, media_type, named, read_json
from services.gateway.documented import gives, ref, takes
from services.gateway.problems import Refused
from services.gateway.routes.runs import Namespace, TheGate, json_answer
from stretto.client.answered import define
from stretto.client.starting import version_of

router = APIRouter(prefix="/api/v1", tags=["definitions"], default_response_class=Response)

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml"})
"""Not text/plain or text/yaml: those a page of another site could send without asking."""

SOURCE = takes("SourceBody")
SOURCE["requestBody"]["content"]["application/yaml"] = {"schema": {"type": "string"}}

WorkflowName = Annotated[str, Path(max_length=100)]


async def source_of(request: Request, namespace: str) -> SourceBody:
    if media_type(request) in YAML_TYPES:
        try:
            text = (await request.body()).decode()
        except UnicodeDecodeError as error:
            raise Refused(400, "request_unreadable", f"expected UTF-8, but {error}") from None
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
        {
            "type": "object",
            "properties": {"definitions": {"type": "array", "items": ref("DefinitionSummary")}},
        },
        "every workflow with its latest version",
    ),
)
async def list_definitions(gate: TheGate, namespace: Namespace = "default") -> Response:
    """List the workflows of a namespace."""
    answer = await gate.ask("workflow", "definitions", namespace=named("namespace", namespace))
    return json_answer(answer)


async def _definition(gate: TheGate, namespace: str, name: str, which: str) -> Response:
    version, label = version_of(which)
    answer = await gate.ask(
        "workflow",
        "definition",
        namespace=named("namespace", namespace),
        workflow=named("workflow", name),
        version=version,
        version_label=label,
    )
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
    return await _definition(gate, namespace, name, "latest")


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
    return await _definition(gate, namespace, name, version)
