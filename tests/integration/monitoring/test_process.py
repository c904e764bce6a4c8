"""The process: migrate, start, stop, as a supervisor does it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg

from services.monitoring.store import MIGRATIONS, ROLE
from stretto.client import Client
from stretto.testkit.fake_workflow import FakeWorkflow

from .conftest import eventually

ROOT = Path(__file__).resolve().parents[3]


async def launch(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.monitoring",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'libs'}:{ROOT}", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_process_migrates_works_and_stops_in_order(
    nats_url: str, postgres_dsn: str, workflow: FakeWorkflow, client: Client
) -> None:
    process = await launch("migrate", STRETTO_POSTGRES_DSN=postgres_dsn)
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    latest = len(list(MIGRATIONS.glob("*.sql")))
    assert (process.returncode, out) == (0, b"schema monitoring is at version %d\n" % latest)

    process = await launch(
        STRETTO_POSTGRES_DSN=postgres_dsn, STRETTO_NATS_URL=nats_url, STRETTO_NICE="0"
    )
    try:
        await client.start("echo")
        await client._link.asks.ask("monitoring", "health", {}, dict, 30)
        await eventually(client.runs, lambda page: len(page.runs) == 1)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 20)
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_without_a_database_it_says_what_is_missing() -> None:
    process = await launch(STRETTO_POSTGRES_DSN="")
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert b"expected STRETTO_POSTGRES_DSN to be set, but it is not" in err


async def test_the_role_may_do_no_more_than_it_needs(monitoring_dsn: str) -> None:
    connection = await asyncpg.connect(monitoring_dsn)
    rows = await connection.fetch(
        "select table_name::text, string_agg(privilege_type, ',' order by privilege_type) "
        "from information_schema.role_table_grants where grantee = $1 group by 1 order by 1",
        ROLE,
    )
    assert {row[0]: row[1] for row in rows} == {
        "migration": "SELECT",
        "run": "DELETE,INSERT,SELECT,UPDATE",
        "run_count": "DELETE,INSERT,SELECT,UPDATE",
        "state": "DELETE,INSERT,SELECT,UPDATE",
        "step": "SELECT",
    }
    assert not await connection.fetchval(
        "select rolcanlogin from pg_roles where rolname = $1", ROLE
    )
    await connection.close()
