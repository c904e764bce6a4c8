"""The servers of a connection: which one is tried next, and when; how their URLs are shown."""

import random
from collections.abc import Mapping

from nats.aio.client import Server

# The first try comes at once; then waits double, with jitter, so that a fleet does not come back
# in the same instant and a server that is back is noticed within two seconds.
RECONNECT_FIRST_WAIT_S = 0.05
RECONNECT_MAX_WAIT_S = 2.0


def next_server(servers: list[Server], _info: Mapping[str, object]) -> tuple[Server | None, float]:
    """Choose the server that failed least often, and how long to wait before trying it."""
    least = min(server.reconnects for server in servers)
    chosen = random.choice([server for server in servers if server.reconnects == least])
    wait_s = min(RECONNECT_FIRST_WAIT_S * 2 ** min(least, 10), RECONNECT_MAX_WAIT_S)
    return chosen, random.uniform(0, wait_s)


def without_password(url: str) -> str:
    """Return the URL as it may be shown."""
    return ",".join(part.rpartition("@")[2] for part in url.split(","))
