"""The OpenAPI document: the schemas are those of the types that are sent, nothing is said twice."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import stretto
from services.gateway.bodies import ControlBody, SourceBody, StartBody
from services.gateway.catalogue_bodies import InstantiateBody, LabelBody
from services.gateway.problems import PROBLEM_TYPE, Problem
from services.gateway.reuse_bodies import PurgeBody
from services.gateway.schedule_bodies import ScheduleActionBody, ScheduleBody
from services.gateway.schemas import Schemas
from services.gateway.turn_bodies import ForkBody, MigrationsBody, MigrationsDone
from stretto.contracts import answers, catalogue, decisions, migration, public, reuse, schedules
from stretto.definition.difference import Change
from stretto.profiling.report import Profile, RunProfile

_REF = "#/components/schemas/"
TYPES: tuple[type, ...] = (
    *(StartBody, ControlBody, SourceBody, Problem),
    *(ScheduleBody, ScheduleActionBody, schedules.Scheduled, schedules.SchedulePage),
    *(schedules.ScheduleView, schedules.Preview),
    *(PurgeBody, reuse.Purged, reuse.KeptPage),
    *(public.Started, public.Controlled, public.Defined, public.Presence),
    *(answers.RunPage, answers.RunView, answers.Stats, answers.QueueView),
    *(ForkBody, MigrationsBody, MigrationsDone, migration.MigrationView),
    *(answers.ResourceView, answers.RateView, answers.LineView),
    *(answers.UnknownTask, answers.RunProgress, answers.Controls),
    *(RunProfile, Profile),
    *(decisions.DecisionStats, decisions.AskedDecision, decisions.Explained),
    *(answers.DefinitionSummary, public.EventsMessage),
    *(InstantiateBody, LabelBody, public.Labelled, Change, catalogue.Versions),
    *(catalogue.Templates, catalogue.TemplateText, catalogue.Expansion),
)


def ref(name: str) -> dict[str, Any]:
    """The schema of a type by its name."""
    return {"$ref": _REF + name}


def gives(
    schema: dict[str, Any] | None, description: str, status: int = 200, *refusals: int
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: its answer, and the problems that it may end in."""
    content = {"application/json": {"schema": schema or {"type": "object"}}}
    said: dict[int | str, dict[str, Any]] = {
        status: {"description": description, "content": content}
    }
    for refusal in (*refusals, 401, 503):
        said[refusal] = {
            "description": {401: "no known token", 503: "a service is not reachable"}.get(
                refusal, "refused; `code` says why"
            ),
            "content": {PROBLEM_TYPE: {"schema": ref("Problem")}},
        }
    return said


def lists(**types: str) -> dict[str, Any]:
    """The schema of an object with lists: of each its name, and the type of what is in it."""
    fields = {name: {"type": "array", "items": ref(type_)} for name, type_ in types.items()}
    return {"type": "object", "properties": fields}


def takes(name: str, *, yaml: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route with a JSON body of a type, or the YAML that it would hold."""
    content: dict[str, Any] = {"application/json": {"schema": ref(name)}}
    if yaml:
        content["application/yaml"] = {"schema": {"type": "string"}}
    return {"requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> dict[str, Any]:
    """Build the document, once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Stretto",
            version=stretto.__version__,
            description="Start, watch and control runs; register definitions; look at queues.",
            routes=app.routes,
        )
        schemas = Schemas(_REF)
        for type_ in TYPES:
            schemas.add(type_)
        components = made.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas.components)
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema
