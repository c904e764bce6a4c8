"""The application: routes, errors, the page, and the shield around all of it."""

from fastapi import FastAPI, Response
from starlette.types import ASGIApp

import stretto
from services.gateway.documented import document
from services.gateway.gate import Gate
from services.gateway.pages import load, page_router
from services.gateway.problems import add_handlers
from services.gateway.routes import (
    catalogue,
    decisions,
    definitions,
    profiles,
    reuse,
    runs,
    schedules,
    streams,
    turns,
    views,
)
from services.gateway.routes.runs import json_answer
from services.gateway.shield import Shield


def make_app(gate: Gate) -> ASGIApp:
    """Make the ASGI application that serves a gate."""
    app = FastAPI(
        title="Stretto",
        version=stretto.__version__,
        openapi_url=None,  # served below: with the schemas of our own types
        docs_url=None,
        redoc_url=None,
    )
    app.state.gate = gate
    add_handlers(app)
    for router in (
        runs.router,
        turns.router,
        schedules.router,
        reuse.router,
        decisions.router,
        profiles.router,
        streams.router,
        catalogue.router,  # before definitions: /versions is no version
        definitions.router,
        views.router,
    ):
        app.include_router(router)
    app.include_router(page_router(load()))

    async def openapi() -> Response:
        return json_answer(document(app))

    app.add_api_route("/openapi.json", openapi, include_in_schema=False)
    return Shield(app, gate.guard)
