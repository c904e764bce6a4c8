"""Versions of definitions, their labels, and templates."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from services.gateway import versioned
from services.gateway.bodies import decode, media_type, named, read_json
from services.gateway.catalogue_bodies import InstantiateBody, LabelBody
from services.gateway.documented import gives, lists, ref, takes
from services.gateway.gate import Gate
from services.gateway.routes.definitions import SOURCE, WorkflowName, source_of
from services.gateway.routes.runs import Namespace, TheGate, json_answer
from stretto.client.answered import define
from stretto.client.catalogue import Catalogue, instance_of
from stretto.client.starting import version_of
from stretto.contracts.catalogue import Expansion
from stretto.contracts.public import Labelled
from stretto.contracts.versions import VersionRef
from stretto.definition.difference import difference, document_of

router = APIRouter(prefix="/api/v1", tags=["definitions"], default_response_class=Response)

TemplateName = Annotated[str, Path(max_length=100)]
Which = Annotated[str, Path(max_length=100, description="A version, a label or `latest`.")]
LabelName = Annotated[str, Path(max_length=100)]


@router.get(
    "/definitions/{name}/versions",
    summary="List the versions of a definition",
    responses=gives(ref("Versions"), "every version, the highest first", 200, 404, 422),
)
async def versions(name: WorkflowName, gate: TheGate, namespace: Namespace = "default") -> Response:
    """List the versions of a workflow, with the labels that point to them."""
    answer = await gate.ask(
        "workflow",
        "versions",
        namespace=named("namespace", namespace),
        workflow=named("workflow", name),
    )
    return json_answer(answer)


@router.get(
    "/definitions/{name}/diff",
    summary="Compare two versions of a definition",
    responses=gives(
        lists(changes="Change"),
        "what changed, step by step and field by field",
        200,
        404,
        422,
    ),
)
async def diff(
    name: WorkflowName,
    gate: TheGate,
    first: Annotated[str, Query(alias="from", max_length=100)],
    second: Annotated[str, Query(alias="to", max_length=100)] = "latest",
    namespace: Namespace = "default",
) -> Response:
    """Compare two versions, numbers or labels, with their templates written out."""
    before = decode(await versioned.definition(gate, namespace, name, first), dict[str, Any])
    after = decode(await versioned.definition(gate, namespace, name, second), dict[str, Any])
    return json_answer(
        {
            "workflow": name,
            "from": before["version"],
            "to": after["version"],
            "changes": difference(document_of(before), document_of(after)),
        }
    )


@router.put(
    "/definitions/{name}/labels/{label}",
    summary="Label a version",
    responses=gives(ref("Labelled"), "where the label points now", 200, 404, 422),
    openapi_extra=takes("LabelBody"),
)
async def put_label(
    name: WorkflowName,
    label: LabelName,
    request: Request,
    gate: TheGate,
    namespace: Namespace = "default",
) -> Response:
    """Let a label point to a version: starts may say `name@label` from then on."""
    body = await read_json(request, LabelBody)
    return json_answer(await _label(gate, namespace, VersionRef(name, body.version, label)))


@router.delete(
    "/definitions/{name}/labels/{label}",
    summary="Take a label away",
    responses=gives(ref("Labelled"), "where it pointed", 200, 404, 422),
)
async def delete_label(
    name: WorkflowName, label: LabelName, gate: TheGate, namespace: Namespace = "default"
) -> Response:
    """Take a label away; runs that were started by it go on."""
    return json_answer(await _label(gate, namespace, VersionRef(name, None, label)))


async def _label(gate: Gate, namespace: str, asked: VersionRef) -> Labelled:
    catalogue = Catalogue(gate.asks, named("namespace", namespace))
    assert asked.label is not None
    return await catalogue.label(named("workflow", asked.name), asked.version, asked.label)


@router.post(
    "/expand",
    summary="Write out the templates of a definition",
    responses=gives(ref("Expansion"), "the document, or its mistakes", 200, 413, 422),
    openapi_extra=SOURCE,
)
async def expand(request: Request, gate: TheGate, namespace: Namespace = "default") -> Response:
    """Write out the templates of a definition, without registering it."""
    body = await source_of(request, namespace)
    answer = await gate.ask("workflow", "expand", source=body.source, namespace=body.namespace)
    return json_answer(answer)


@router.get(
    "/templates",
    summary="List templates",
    responses=gives(ref("Templates"), "every template with its latest version"),
)
async def list_templates(gate: TheGate, namespace: Namespace = "default") -> Response:
    """List the templates of a namespace, with their parameters. `POST /definitions` adds one."""
    answer = await gate.ask("workflow", "templates", namespace=named("namespace", namespace))
    return json_answer(answer)


@router.get(
    "/templates/{name}",
    summary="Show the latest version of a template",
    responses=gives(ref("TemplateText"), "its source and parameters", 200, 404, 422),
)
async def template(name: TemplateName, gate: TheGate, namespace: Namespace = "default") -> Response:
    """Give the source and the parameters of the latest version."""
    return json_answer(await versioned.template(gate, namespace, name, "latest"))


@router.get(
    "/templates/{name}/{version}",
    summary="Show a version of a template",
    responses=gives(ref("TemplateText"), "its source and parameters", 200, 404, 422),
)
async def template_version(
    name: TemplateName, version: Which, gate: TheGate, namespace: Namespace = "default"
) -> Response:
    """Give the source and the parameters of one version."""
    return json_answer(await versioned.template(gate, namespace, name, version))


@router.post(
    "/templates/{name}/instantiate",
    summary="Make a workflow of a template",
    responses=gives(ref("Expansion"), "the document (201: the version that it has)", 200, 404, 422),
    openapi_extra=takes("InstantiateBody"),
)
async def instantiate(
    name: TemplateName, request: Request, gate: TheGate, namespace: Namespace = "default"
) -> Response:
    """Fill in the parameters of a template; with `apply` the workflow is registered, too."""
    body = await _instantiate_body(request)
    version, label = version_of(body.version)
    reference = str(VersionRef(named("template", name), version, label))
    workflow = name if body.name is None else named("workflow", body.name)
    source = instance_of(reference, body.parameters, workflow)
    where = named("namespace", namespace)
    if body.apply:
        defined = await define(gate.asks, where, source)
        return json_answer(defined, 201 if defined.created else 200)
    answer = await gate.ask("workflow", "expand", source=source, namespace=where, file=name)
    expansion = decode(answer, Expansion)
    return json_answer(expansion)


async def _instantiate_body(request: Request) -> InstantiateBody:
    if not await request.body() and not media_type(request):
        return InstantiateBody()
    return await read_json(request, InstantiateBody)
