"""The workflow service on real servers."""

from collections.abc import AsyncIterator

import pytest

from services.workflow.store import MIGRATIONS, ROLE, SCHEMA
from stretto.postgres import migrate
from stretto.testkit.isolation import Databases
from tests.integration.workflow.world import World, opened


@pytest.fixture
async def dsn(databases: Databases) -> AsyncIterator[str]:
    """Give the superuser's DSN of a database with the schema of the service."""

    async def prepare(dsn: str) -> None:
        await migrate(dsn, SCHEMA, MIGRATIONS, ROLE)

    template = await databases.template("workflow", prepare)
    async with databases.fresh(template) as dsn:
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
