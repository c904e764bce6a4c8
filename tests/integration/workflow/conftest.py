"""The workflow service on real servers."""

from collections.abc import AsyncIterator

import pytest

from services.workflow.engine import Engine
from stretto.testkit.isolation import Databases
from tests.integration.schemas import workflow_database
from tests.integration.workflow.world import World, opened


@pytest.fixture
async def dsn(databases: Databases) -> AsyncIterator[str]:
    """Give the superuser's DSN of a database with the schema of the service."""
    async with workflow_database(databases) as dsn:
        yield dsn


@pytest.fixture
async def alone(nats_url: str, dsn: str) -> AsyncIterator[World]:
    """Give a world in which the service does not run yet."""
    async with opened(nats_url, dsn) as world:
        yield world


@pytest.fixture
async def world(alone: World) -> AsyncIterator[World]:
    """Give a world with one instance of the service."""
    async with alone.service() as host:
        alone.host = host
        yield alone


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """The engines that were made, the latest last."""
    made: list[Engine] = []
    real = Engine.__init__

    def init(self: Engine, **parts: object) -> None:
        real(self, **parts)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(Engine, "__init__", init)
    return made
