"""Keeps aiohttp out of processes that speak no WebSocket.

nats-py imports it whenever it is installed, for its WebSocket transport alone: 0.12 s and some ten
megabytes for each process. So it is held off while nats-py is imported, and given to it when a URL
asks for it.
"""

import sys
from importlib import import_module

from stretto.runtime.errors import PermanentError

_AIOHTTP = "aiohttp"
_TRANSPORT = "nats.aio.transport"
SCHEMES = ("ws://", "wss://")


def hold_off() -> None:
    """Import nats-py's transports without aiohttp, unless somebody has imported either already."""
    if _AIOHTTP in sys.modules or _TRANSPORT in sys.modules:
        return
    sys.modules[_AIOHTTP] = None  # type: ignore[assignment] # so that its import fails
    try:
        import_module(_TRANSPORT)
    finally:
        del sys.modules[_AIOHTTP]


def is_wanted(url: str) -> bool:
    """Whether one of the servers of a URL (with commas between) is spoken to over WebSocket."""
    return any(part.strip().startswith(SCHEMES) for part in url.split(","))


def allow() -> None:
    """Give nats-py what it needs for WebSocket.

    Raises:
        PermanentError: it is not installed.
    """
    try:
        aiohttp = import_module(_AIOHTTP)
    except ImportError as error:
        raise PermanentError(
            "bus.no_websocket",
            "expected aiohttp to be installed for a ws:// URL, but it is not: "
            "pip install 'stretto[websocket]'",
        ) from error
    import_module(_TRANSPORT).aiohttp = aiohttp  # type: ignore[attr-defined]
