"""Is this process alive, and can it work? For a person, a supervisor, a container platform.

`Health` is what the parts of a service say of themselves: each has a `Component`, which is ready or
not ready with a reason. `HealthServer` shows it over HTTP:

======== ====================================================================================
path     answer
======== ====================================================================================
/healthz 200 while the event loop answers at all
/readyz  200 when every component is ready, else 503; the body names which is not, and why
/metrics Prometheus text
======== ====================================================================================
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from stretto.contracts.codec import json_encode
from stretto.runtime.ending import stop_listening

MAX_REQUEST_BYTES = 8 * 1024
"""A request line and headers of any usual prober or browser fit in; nobody sends a body here."""

REQUEST_TIMEOUT_S = 5.0
"""A connection that says nothing must not stay."""

MAX_CONNECTIONS = 32
"""Probes come singly; more than this at once is a mistake or worse and is turned away."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_JSON_TYPE = "application/json"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


class Component:
    """One part of a service, ready or not ready with a reason."""

    __slots__ = ("name", "why")

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why: str | None = why

    def ready(self) -> None:
        """Say that this part can work."""
        self.why = None

    def not_ready(self, why: str) -> None:
        """Say that this part cannot work now, and why: a few words for a person."""
        self.why = why


class Health:
    """What the parts of one process say of themselves."""

    def __init__(self, service: str, instance: str) -> None:
        self._service = service
        self._instance = instance
        self._began = time.monotonic()
        self._components: dict[str, Component] = {}
        self._optional: dict[str, Callable[[], str | None]] = {}

    def optional(self, name: str, why_away: Callable[[], str | None]) -> None:
        """Tell of something that the process can do without: why it is away, None when it is there.

        It never changes whether the process is ready.
        """
        self._optional[name] = why_away

    def component(self, name: str, why: str = "starting") -> Component:
        """Return the component of this name; a new one is not ready."""
        return self._components.setdefault(name, Component(name, why))

    @property
    def ready(self) -> bool:
        """Whether every component is ready (and there is one)."""
        return bool(self._components) and not self.waiting_for

    @property
    def waiting_for(self) -> dict[str, str]:
        """The components that are not ready, and why."""
        return {c.name: c.why for c in self._components.values() if c.why is not None}

    def report(self) -> dict[str, object]:
        """Return what `/readyz` and `stretto.api.<service>.health` answer."""
        return {
            "status": "ok" if self.ready else "not_ready",
            "service": self._service,
            "instance": self._instance,
            "uptime_s": round(time.monotonic() - self._began, 3),
            "ready": [c.name for c in self._components.values() if c.why is None],
            "not_ready": self.waiting_for,
            **({"does_without": away} if (away := self._away()) else {}),
        }

    def _away(self) -> dict[str, str]:
        told = ((name, why_away()) for name, why_away in self._optional.items())
        return {name: why for name, why in told if why is not None}


class HealthServer:
    """The HTTP server of a process's health; one request a connection.

    Args:
        health: what to show.
        metrics: renders the metrics in Prometheus text.
        host, port: where to listen; port 0 takes a free one, see `port` after `start`.
    """

    def __init__(
        self, health: Health, metrics: Callable[[], str], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Listen. Raises OSError: the address cannot be used."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self._port, limit=MAX_REQUEST_BYTES
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut off who is still connected."""
        server, self._server = self._server, None
        if server is not None:
            await stop_listening(server, self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A prober that goes away in the middle is its own affair.
        with suppress(OSError):
            if len(self._open) >= MAX_CONNECTIONS:
                writer.close()
                return
            self._open.add(writer)
            try:
                writer.write(await self._response(reader))
                async with asyncio.timeout(REQUEST_TIMEOUT_S):
                    await writer.drain()
            except (asyncio.IncompleteReadError, TimeoutError):
                pass  # hung up, or silent for too long
            finally:
                self._open.discard(writer)
                writer.close()

    async def _response(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _reply(400, _JSON_TYPE, json_encode({"error": "expected a shorter request"}))
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0].decode("latin-1")
        if method not in (b"GET", b"HEAD"):
            return _reply(405, _JSON_TYPE, json_encode({"error": "expected GET or HEAD"}))
        status, kind, body = self._answer(path)
        return _reply(status, kind, body, with_body=method == b"GET")

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        match path:
            case "/healthz":
                return 200, _JSON_TYPE, json_encode({"status": "ok"})
            case "/readyz":
                status = 200 if self._health.ready else 503
                return status, _JSON_TYPE, json_encode(self._health.report())
            case "/metrics":
                return 200, METRICS_TYPE, self._metrics().encode()
            case _:
                wanted = {"error": "expected /healthz, /readyz or /metrics"}
                return 404, _JSON_TYPE, json_encode(wanted)


def _reply(status: int, kind: str, body: bytes, *, with_body: bool = True) -> bytes:
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if with_body else b"")
