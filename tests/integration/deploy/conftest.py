"""The stack of `docker-compose.yml` as processes: its users, roles, environments; no containers."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from stretto.testkit.nats_server import NatsServer
from stretto.testkit.postgres_server import PostgresServer, find_postgres
from tests.deployed import ROOT, SERVICES, compose, environment

PATIENCE_S = 60.0
WORKER = ROOT / "docs" / "examples" / "backup" / "worker.py"


@dataclass
class Deployed:
    """What runs: two servers with the deployment's users, and the processes.

    Attributes:
        nats: as the client's user.
    """

    bus: NatsServer
    database: PostgresServer
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def nats(self) -> str:
        return self.nats_as("client")

    def nats_as(self, user: str) -> str:
        """The URL of the bus for one of its users."""
        passwords = compose()["services"]["nats"]["environment"]
        return self.bus.url_for(user, passwords[f"STRETTO_NATS_PASSWORD_{user.upper()}"])

    def dsn_as(self, service: str) -> str:
        """The DSN that a service was given."""
        return self.environment(service)["STRETTO_POSTGRES_DSN"]

    def environment(self, service: str) -> dict[str, str]:
        places = (f"127.0.0.1:{self.bus.port}", f"127.0.0.1:{self.database.port}")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("STRETTO_", "OTEL_"))}
        return kept | environment(service, *places) | {"PYTHONPATH": f"{ROOT}/libs:{ROOT}"}

    def begin(self, service: str, *command: str, **more: str) -> None:
        """Start the process of a service with the environment of its container."""
        log = (self.bus.data_dir / f"{service}.log").open("ab")
        self.processes[service] = subprocess.Popen(
            [sys.executable, *command],
            cwd=self.bus.data_dir,
            env=self.environment(service) | more,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()

    @property
    def http(self) -> str:
        """Where the gateway is."""
        port = re.search(r'"http is served".*"port":(\d+)', self.log("gateway"))
        assert port is not None, self.log("gateway")
        return f"http://127.0.0.1:{port[1]}"

    def log(self, service: str) -> str:
        return (self.bus.data_dir / f"{service}.log").read_text()

    def violations(self) -> list[str]:
        """What the bus refused so far: the end of each such line of its log."""
        found = re.findall(r"(user:.* Violation.*)", self.bus.log_path.read_text())
        return [str(line) for line in found]


@pytest.fixture(scope="package")
def deployed() -> Iterator[Deployed]:
    """The servers with their users, roles and migrated schemas; the five services and a worker."""
    data = Path(tempfile.mkdtemp(prefix="stretto-dep-"))
    with asyncio.Runner() as runner:
        stack = Deployed(_bus(data / "nats"), PostgresServer(data / "postgres"))
        runner.run(stack.bus.start())
        runner.run(stack.database.start())
        try:
            _make_roles(stack.database, runner)
            for service in ("workflow", "monitoring"):
                stack.begin(f"migrate-{service}", "-m", f"services.{service}", "migrate")
                assert stack.processes.pop(f"migrate-{service}").wait(PATIENCE_S) == 0, stack.log(
                    f"migrate-{service}"
                )
            for service in SERVICES:
                more = {"STRETTO_HTTP_PORT": "0"} if service == "gateway" else {}
                stack.begin(service, "-m", f"services.{service}", STRETTO_HEALTH_PORT="0", **more)
            stack.begin("worker", "-m", "stretto.cli.main", "worker", str(WORKER))
            for service in SERVICES:
                _until_ready(stack, service)
            yield stack
        finally:
            for process in stack.processes.values():
                process.send_signal(signal.SIGTERM)
            for process in stack.processes.values():
                process.wait(PATIENCE_S)
            runner.run(stack.bus.stop())
            runner.run(stack.database.stop())
            shutil.rmtree(data, ignore_errors=True)


def _bus(data: Path) -> NatsServer:
    """The server with the users of the deployment; its passwords are those of the compose file."""
    data.mkdir(parents=True)
    users = (ROOT / "deploy" / "nats" / "users.conf").read_text()
    for name, value in compose()["services"]["nats"]["environment"].items():
        users = users.replace(f"${name}\n", f"{value}\n")
    (data / "users.conf").write_text(users)
    return NatsServer(data, config='authorization {\n  include "users.conf"\n}\n')


def _make_roles(server: PostgresServer, runner: asyncio.Runner) -> None:
    async def make_database() -> None:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute("create database stretto")
        await connection.close()

    runner.run(make_database())
    subprocess.run(
        [
            str(find_postgres() / "psql"),
            "--quiet",
            "--dbname",
            server.dsn_for("stretto"),
            "--file",
            str(ROOT / "deploy" / "postgres" / "roles.sql"),
        ],
        env={**os.environ, **compose()["services"]["postgres"]["environment"]},
        check=True,
        capture_output=True,
    )


def _until_ready(stack: Deployed, service: str) -> None:
    """Wait until the service says on /readyz that it can work; its log says at which port."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert stack.processes[service].poll() is None, stack.log(service)
        port = re.search(r'"health is served".*"port":(\d+)', stack.log(service))
        if port is not None and _ready(int(port[1])):
            return
        time.sleep(0.05)
    raise AssertionError(f"{service} is not ready: {stack.log(service)[-3000:]}")


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(json.load(answer))
    except OSError:
        return False


@asynccontextmanager
async def acting_as(
    stack: Deployed, service: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the database with the login of a service."""
    connection = await asyncpg.connect(stack.dsn_as(service))
    try:
        yield connection
    finally:
        await connection.close()
