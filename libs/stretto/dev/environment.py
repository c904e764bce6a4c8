"""The environment of each process of a stack: only what it needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from stretto.dev.plan import DEV_TRACE_RATIO, Endpoints

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

KEEP_A_LOG = frozenset({"workflow", "monitoring"})
"""The services that have tables; the others are not told where Postgres is."""


def client_environment(endpoints: Endpoints) -> dict[str, str]:
    """Return the variables for a client or worker: where the bus is, where spans go."""
    variables = {"STRETTO_NATS_URL": endpoints.nats}
    if endpoints.otlp is not None:
        variables[OTLP_ENDPOINT] = endpoints.otlp
    return variables


def service_environment(
    endpoints: Endpoints, more: Mapping[str, str]
) -> Callable[[str], dict[str, str]]:
    """Return a function from the name of a service to all variables of its process.

    What the person has set in the environment wins over what is worked out here, but for the
    addresses of the servers; `more` wins over everything.
    """
    fixed = client_environment(endpoints)
    wished = {"STRETTO_TRACE_RATIO": str(DEV_TRACE_RATIO), "STRETTO_LOG_FORMAT": "json"}
    inherited = {
        name: value
        for name, value in os.environ.items()
        # One process's own: not for five.
        if name not in ("STRETTO_INSTANCE", "STRETTO_HEALTH_PORT", "STRETTO_POSTGRES_DSN")
    }

    def of(service: str) -> dict[str, str]:
        own: dict[str, str] = {}
        if service in KEEP_A_LOG:
            own["STRETTO_POSTGRES_DSN"] = endpoints.postgres
        if service == "gateway" and endpoints.http is not None:
            own["STRETTO_HTTP_PORT"] = str(urlsplit(endpoints.http).port)
        return {**wished, **inherited, **fixed, **own, **more}

    return of
