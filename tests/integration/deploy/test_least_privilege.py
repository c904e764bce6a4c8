"""The users and roles of the deployment: enough for everything, and no more."""

import asyncio
import subprocess
from pathlib import Path

import asyncpg
import httpx
import nats
import pytest
from nats.aio.client import Client as RawClient

from stretto.bus.connection import connect
from stretto.client import Client, Run
from stretto.client.errors import RunFailed
from stretto.runtime.access import inbox_prefix
from stretto.runtime.errors import PermanentError, TransientError
from stretto.testkit.postgres_server import find_postgres
from tests.deployed import ROOT

from .conftest import Deployed, acting_as

PATIENCE_S = 30.0
SWEPT_S = 120.0
"""What was lost with the store is sent again by the sweep at the latest, after a minute or so."""

POLL_S = 0.05
EXAMPLES = ROOT / "docs" / "examples"


async def test_runs_complete_and_the_bus_refuses_nothing(
    deployed: Deployed, tmp_path: Path
) -> None:
    # Given
    source = tmp_path / "source"
    source.mkdir()
    (source / "letter.txt").write_text("dear reader")
    async with Client.connect(deployed.nats) as client:
        for name in ("hello", "backup"):
            await client.register((EXAMPLES / name / "workflow.yaml").read_text())
        # When: one with a built-in task, one with a worker, one that fails and is undone
        hello = await client.start("hello", {"name": "Ada"})
        paths = {"source": str(source), "target": str(tmp_path)}
        backup = await client.start("backup", paths, id="first")
        undone = await client.start("backup", paths | {"damage": "letter.txt"})
        async with asyncio.timeout(PATIENCE_S):
            # Then
            assert await hello.result() == "Hello, Ada!"
            assert (await backup.result())["files"] == 1
            with pytest.raises(RunFailed, match="expected the copy of letter"):
                await undone.result()
        assert (await client.explain(hello.id))["pending"] == []
        assert {queue.queue for queue in await client.queues()} >= {"backup"}
        await _until_listed(client, 3)
    assert deployed.violations() == []


async def test_the_gateway_starts_a_run_and_hears_of_it(deployed: Deployed) -> None:
    # Given
    before = deployed.violations()
    async with (
        Client.connect(deployed.nats) as client,
        httpx.AsyncClient(base_url=deployed.http, timeout=PATIENCE_S) as browser,
    ):
        await client.register((EXAMPLES / "hello" / "workflow.yaml").read_text())
        # When
        asked = {"workflow": "hello", "input": {"name": "Ada"}, "id": "by-http"}
        started = await browser.post("/api/v1/runs", json=asked)
        # Then
        run = client.get(started.raise_for_status().json()["run_id"])
        async with asyncio.timeout(PATIENCE_S):
            assert await run.result() == "Hello, Ada!"
        history = await browser.get(f"/api/v1/runs/{run.id}/events")
        assert history.raise_for_status().json()["events"]
    assert deployed.violations() == before


async def test_the_users_may_make_everything_again_when_the_store_is_deleted(
    deployed: Deployed,
) -> None:
    # Given
    before = deployed.violations()
    # When
    await deployed.bus.wipe_store()
    # Then
    async with Client.connect(deployed.nats) as client:
        await client.register((EXAMPLES / "hello" / "workflow.yaml").read_text())
        async with asyncio.timeout(SWEPT_S):
            run = await _start_when_possible(client)
            assert await run.result() == "Hello, Ada!"
    assert deployed.violations() == before


async def _start_when_possible(client: Client) -> Run:
    """Starts are refused while their stream is being made again."""
    while True:
        try:
            return await client.start("hello", {"name": "Ada"})
        except TransientError:
            await asyncio.sleep(POLL_S)


async def _until_listed(client: Client, count: int) -> None:
    """Monitoring is a moment behind the log."""
    listed = 0
    async with asyncio.timeout(PATIENCE_S):
        while listed < count:
            listed = len((await client.runs(status="completed,failed")).runs)
            await asyncio.sleep(POLL_S)


async def test_any_client_finds_the_services(deployed: Deployed) -> None:
    client = await nats.connect(deployed.nats)
    inbox = client.new_inbox()
    answers = await client.subscribe(inbox)
    await client.publish("$SRV.PING", reply=inbox)
    found = [(await answers.next_msg(timeout=PATIENCE_S)).data for _ in range(5)]
    await client.close()
    assert len(found) == 5


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("decision", "stretto.start.default.hello"),
        ("decision", "stretto.dispatch.0"),
        ("execution", "stretto.start.default.hello"),
        ("execution", "stretto.decided.0"),
        ("monitoring", "stretto.control.default.x"),
        ("monitoring", "stretto.results.0"),
        ("worker", "stretto.start.default.hello"),
        ("worker", "stretto.work.default.backup"),
        ("worker", "$JS.API.STREAM.DELETE.STRETTO_WORK"),
        ("client", "stretto.results.0"),
        ("client", "stretto.events.default.hello.x"),
        ("client", "$JS.API.STREAM.PURGE.STRETTO_EVENTS"),
        ("gateway", "stretto.log.0"),
        ("workflow", "$JS.API.STREAM.DELETE.STRETTO_STARTS"),
        ("workflow", "stretto.decided.0"),
    ],
)
async def test_a_user_cannot_publish_what_is_not_its_own(
    deployed: Deployed, user: str, subject: str
) -> None:
    async with _Refused(deployed, user) as refused:
        await refused.client.publish(subject, b"{}")
        assert f'permissions violation for publish to "{subject.lower()}"' in await refused.reason()


@pytest.mark.parametrize(
    ("user", "subject"),
    [
        ("decision", "stretto.start.*.*"),
        ("execution", "stretto.decide"),
        ("worker", "stretto.events.>"),
        ("worker", "stretto.work.default.backup"),
        ("client", "stretto.decide"),
        ("client", "_INBOX_workflow.>"),
        ("monitoring", "_INBOX.>"),
        ("workflow", ">"),
    ],
)
async def test_a_user_cannot_hear_what_is_not_its_own(
    deployed: Deployed, user: str, subject: str
) -> None:
    async with _Refused(deployed, user) as refused:
        await refused.client.subscribe(subject)
        assert "permissions violation for subscription" in await refused.reason()


class _Refused:
    """A plain client of one user, and what the server says against it."""

    def __init__(self, deployed: Deployed, user: str) -> None:
        self._url = deployed.nats_as(user)
        self._user = user
        self._said: asyncio.Queue[str] = asyncio.Queue()
        self.client = RawClient()

    async def __aenter__(self) -> "_Refused":
        prefix = inbox_prefix(self._user)  # type: ignore[arg-type] # users, as the table has them

        async def said(error: Exception) -> None:
            self._said.put_nowait(str(error).lower())

        await self.client.connect(self._url, error_cb=said, inbox_prefix=prefix.encode())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def reason(self) -> str:
        await self.client.flush()
        async with asyncio.timeout(PATIENCE_S):
            return await self._said.get()


async def test_nobody_gets_in_with_a_wrong_password(deployed: Deployed) -> None:
    for url in (deployed.bus.url_for("workflow", "guessed"), deployed.bus.url_for(None)):
        with pytest.raises(PermanentError) as refused:
            await connect(url, "guesser")
        assert refused.value.code == "bus.not_authorized"


@pytest.mark.parametrize(
    ("service", "statement"),
    [
        ("workflow", "update workflow.event set type = 'other'"),
        ("workflow", "delete from workflow.event"),
        ("workflow", "truncate workflow.event"),
        ("workflow", "drop table workflow.event"),
        ("workflow", "delete from workflow.run"),
        ("workflow", "select * from monitoring.run"),
        ("workflow", "create schema mine"),
        ("workflow", "create table public.mine (x int)"),
        ("workflow", "set role stretto_monitoring"),
        ("workflow", "set role stretto_owner"),
        ("monitoring", "select * from workflow.event"),
        ("monitoring", "insert into monitoring.migration values (9)"),
        ("monitoring", "create role mine"),
    ],
)
async def test_a_login_may_do_no_more_than_its_service_does(
    deployed: Deployed, service: str, statement: str
) -> None:
    async with acting_as(deployed, service) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_the_login_of_a_service_cannot_enter_another_database(deployed: Deployed) -> None:
    server, _, _ = deployed.dsn_as("workflow").rpartition("/")
    for name in ("postgres", "template1"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(f"{server}/{name}")


def test_a_login_that_may_not_migrate_is_told_who_must(deployed: Deployed) -> None:
    # Given: a database without the schema
    server, _, _ = deployed.database.dsn.rpartition("/")
    psql = [str(find_postgres() / "psql"), "--quiet", "--command", "create database unmade"]
    subprocess.run([*psql, "--dbname", f"{server}/postgres"], check=True)
    own, _, _ = deployed.dsn_as("workflow").rpartition("/")
    # When
    command = ("-m", "services.workflow", "migrate")
    deployed.begin("migrate-workflow", *command, STRETTO_POSTGRES_DSN=f"{own}/unmade")
    # Then
    assert deployed.processes.pop("migrate-workflow").wait(PATIENCE_S) != 0
    assert "with an owner's DSN" in deployed.log("migrate-workflow")
