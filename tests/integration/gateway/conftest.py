"""The gateway over real NATS and Postgres, beside monitoring and a fake workflow service."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import NamedTuple

import httpx
import pytest

from services.gateway.service import main
from services.gateway.settings import GatewaySettings
from services.monitoring.service import main as monitoring_main
from services.monitoring.settings import MonitoringSettings
from stretto.testkit.fake_workflow import FakeWorkflow
from stretto.testkit.isolation import Databases
from stretto.testkit.ports import free_port
from stretto.testkit.service_host import Hosted, hosted
from tests.integration.schemas import monitoring_database
from tests.integration.stand_in import fake_workflow


class Site(NamedTuple):
    """A gateway that serves."""

    host: Hosted[GatewaySettings]
    http: httpx.AsyncClient
    url: str

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws") + "/api/v1/ws"


@pytest.fixture
async def workflow(nats_url: str) -> AsyncIterator[FakeWorkflow]:
    async with fake_workflow(nats_url) as fake:
        yield fake


@pytest.fixture
async def monitoring(
    nats_url: str, databases: Databases, workflow: FakeWorkflow
) -> AsyncIterator[Hosted[MonitoringSettings]]:
    async with monitoring_database(databases) as dsn:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        settings = MonitoringSettings(nats_url=nats_url, postgres_dsn=dsn, nice=nice)
        async with hosted("monitoring", settings, monitoring_main) as host:
            await host.ready()
            yield host


def settings(nats_url: str, **more: object) -> GatewaySettings:
    return GatewaySettings(nats_url=nats_url, http_port=free_port(), **more)  # type: ignore[arg-type]


@pytest.fixture
async def site(nats_url: str) -> AsyncIterator[Site]:
    async with serving(settings(nats_url)) as site:
        yield site


def serving(chosen: GatewaySettings) -> _Serving:
    return _Serving(chosen)


class _Serving:
    def __init__(self, chosen: GatewaySettings) -> None:
        self._chosen = chosen
        self._hosted = hosted("gateway", chosen, main)
        self._url = f"http://127.0.0.1:{chosen.http_port}"
        self._http = httpx.AsyncClient(base_url=self._url, timeout=15)

    async def __aenter__(self) -> Site:
        host = await self._hosted.__aenter__()
        await host.ready()
        return Site(host, self._http, self._url)

    async def __aexit__(self, *error: object) -> None:
        await self._http.aclose()
        await self._hosted.__aexit__(*error)  # type: ignore[arg-type]
