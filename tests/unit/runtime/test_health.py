"""What a process says of itself, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from stretto.runtime import health as health_module
from stretto.runtime.health import MAX_CONNECTIONS, METRICS_TYPE, Health, HealthServer


@pytest.fixture
def health() -> Health:
    return Health("decision", "decision-1")


@pytest.fixture
async def server(health: Health) -> AsyncIterator[HealthServer]:
    server = HealthServer(health, lambda: "# TYPE a counter\na 1\n")
    await server.start()
    yield server
    await server.stop()


async def ask(server: HealthServer, request: bytes) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["Connection"] == "close"
    return int(first.split()[1]), headers, body


async def get(server: HealthServer, path: str, method: str = "GET") -> tuple[int, bytes]:
    status, headers, body = await ask(
        server, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    )
    if method == "GET":
        assert int(headers["Content-Length"]) == len(body)
    return status, body


async def test_a_process_is_alive_before_it_is_ready(server: HealthServer, health: Health) -> None:
    health.component("bus")
    assert await get(server, "/healthz") == (200, b'{"status":"ok"}')
    status, body = await get(server, "/readyz")
    assert status == 503
    assert json.loads(body)["not_ready"] == {"bus": "starting"}


async def test_it_is_ready_when_all_its_components_are(
    server: HealthServer, health: Health
) -> None:
    assert not health.ready  # nothing has said that it is
    bus, log = health.component("bus"), health.component("log", "waits for Postgres")
    bus.ready()
    assert (await get(server, "/readyz"))[0] == 503
    log.ready()
    status, body = await get(server, "/readyz?verbose")
    told = json.loads(body)
    assert status == 200
    assert (told["status"], told["service"], told["instance"]) == ("ok", "decision", "decision-1")
    assert (told["ready"], told["not_ready"]) == (["bus", "log"], {})
    assert told["uptime_s"] >= 0

    bus.not_ready("the connection is lost")
    status, body = await get(server, "/readyz")
    assert status == 503
    assert json.loads(body)["not_ready"] == {"bus": "the connection is lost"}
    assert health.component("bus") is bus


def test_what_a_process_can_do_without_is_told_and_keeps_it_ready(health: Health) -> None:
    away: list[str | None] = ["no answer"]
    health.component("bus").ready()
    health.optional("redis", lambda: away[0])
    assert health.report()["does_without"] == {"redis": "no answer"}
    assert health.ready
    away[0] = None
    assert "does_without" not in health.report()


async def test_metrics_are_shown_as_prometheus_wants_them(server: HealthServer) -> None:
    status, headers, body = await ask(server, b"GET /metrics HTTP/1.1\r\n\r\n")
    assert (status, headers["Content-Type"]) == (200, METRICS_TYPE)
    assert body == b"# TYPE a counter\na 1\n"


async def test_head_is_answered_without_a_body(server: HealthServer) -> None:
    assert await get(server, "/healthz", "HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("request_line", "status"),
    [("GET /", 404), ("GET /nothing", 404), ("POST /readyz", 405), ("nonsense", 405)],
)
async def test_other_requests_are_refused(
    server: HealthServer, request_line: str, status: int
) -> None:
    answered, _, body = await ask(server, f"{request_line} HTTP/1.1\r\n\r\n".encode())
    assert answered == status
    assert "expected" in json.loads(body)["error"]


async def test_a_request_that_is_too_long_is_refused(server: HealthServer) -> None:
    answered, _, _ = await ask(server, b"GET /" + b"x" * 10_000 + b"\r\n\r\n")
    assert answered == 400


async def test_who_says_nothing_is_cut_off(
    server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_module, "REQUEST_TIMEOUT_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /healthz")
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_who_hangs_up_in_the_middle_harms_nobody(server: HealthServer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /he")
    writer.close()
    await writer.wait_closed()
    assert (await get(server, "/healthz"))[0] == 200


async def test_too_many_connections_are_turned_away(server: HealthServer) -> None:
    open_ones = [
        await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)
    ]
    async with asyncio.timeout(5):
        while len(server._open) < MAX_CONNECTIONS:  # noqa: ASYNC110 - accepted by another task
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
    writer.close()
    for _, one in open_ones:
        one.close()


async def test_stopping_cuts_off_who_is_connected(health: Health) -> None:
    server = HealthServer(health, lambda: "")
    await server.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(5):
        while not server._open:  # noqa: ASYNC110 - accepted by another task
            await asyncio.sleep(0.01)
        await server.stop()
        assert await reader.read() == b""
    writer.close()
    await server.stop()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", server.port)
