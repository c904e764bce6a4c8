"""The wiring of the gateway: an HTTP server inside the life of a service."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from services.gateway.app import make_app
from services.gateway.gate import Gate
from services.gateway.settings import GatewaySettings
from services.gateway.shield import Guard
from stretto.runtime.context import ServiceContext
from stretto.telemetry.names import LOG_ADDRESS, LOG_PORT

logger = logging.getLogger(__name__)

STREAMS_END_S = 2
"""Event streams have this long to end when the process stops; then they are cut."""

KEEP_ALIVE_S = 30
BACKLOG = 512
MAX_CONNECTIONS = 2_000
MAX_SOCKET_MESSAGE_BYTES = 16 * 1024
"""Of what a WebSocket says to us: one small object."""

MAX_HEADER_BYTES = 32 * 1024


class Server(uvicorn.Server):
    """uvicorn without its own handling of signals: the process has one (`run_service`)."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


async def main(context: ServiceContext[GatewaySettings]) -> None:
    """Serve HTTP until told to stop."""
    settings = context.settings
    guard = Guard(settings.tokens, settings.hosts)
    gate = Gate(context.connection, context.publisher, guard, context.health)
    listening = _listen(settings.http_host, settings.http_port)
    server = Server(
        uvicorn.Config(
            make_app(gate),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STREAMS_END_S,
            limit_concurrency=MAX_CONNECTIONS,
            ws="websockets-sansio",
            ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
    )
    port = listening.getsockname()[1]
    context.beside(_stop_with(context, server))
    await context.started()
    logger.info("http is served", extra={LOG_ADDRESS: settings.http_host, LOG_PORT: port})
    await server.serve(sockets=[listening])


async def _stop_with(context: ServiceContext[GatewaySettings], server: Server) -> None:
    await context.stopping.wait()
    server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    """Open the socket ourselves: who asks for port 0 wants to know which it became.

    Raises OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
