"""Databases with the schema of a service: migrated once, then copied for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.monitoring import store as monitoring
from services.workflow import store as workflow
from stretto.postgres import migrate
from stretto.testkit.isolation import Databases


@asynccontextmanager
async def workflow_database(databases: Databases) -> AsyncIterator[str]:
    """Give the superuser's DSN of a database with the schema of the workflow service."""

    async def prepare(dsn: str) -> None:
        await migrate(dsn, workflow.SCHEMA, workflow.MIGRATIONS, workflow.ROLE)

    async with databases.fresh(await databases.template("workflow", prepare)) as dsn:
        yield dsn


@asynccontextmanager
async def monitoring_database(databases: Databases) -> AsyncIterator[str]:
    """Give the superuser's DSN of a database with the schema of the monitoring service."""

    async def prepare(dsn: str) -> None:
        await migrate(dsn, monitoring.SCHEMA, monitoring.MIGRATIONS, monitoring.ROLE)

    async with databases.fresh(await databases.template("monitoring", prepare)) as dsn:
        yield dsn
