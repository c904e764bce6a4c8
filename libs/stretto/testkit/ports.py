"""Free TCP ports on this machine."""

from __future__ import annotations

import secrets
import socket

from stretto.runtime.errors import TransientError

LOOPBACK = "127.0.0.1"
# Below the range from which kernels take the local ports of outgoing connections (32768 on Linux,
# 49152 elsewhere): a server that is down for a moment must find its port free when it comes back,
# and a client that tries to connect meanwhile must not connect to itself.
LOWEST_PORT = 20_000
HIGHEST_PORT = 32_000
_ATTEMPTS = 200
# Not the module's generator: a property test that seeds it would give two sessions the same ports.
_random = secrets.SystemRandom()


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


_REMEMBERED = 2_000
"""Ports that were given lately: whoever has one may not have taken it yet."""

_given: set[int] = set()


def free_port() -> int:
    """Return a port of the loopback address that is free now; another process may still be faster.

    Never the same one twice in a process, as long as there are others.

    Raises:
        TransientError: no free port was found in a bounded number of attempts.
    """
    for _ in range(_ATTEMPTS):
        port = _random.randrange(LOWEST_PORT, HIGHEST_PORT)
        if port not in _given and is_free(port):
            if len(_given) >= _REMEMBERED:
                _given.clear()
            _given.add(port)
            return port
    raise TransientError(
        "testkit.no_free_port",
        f"expected a free port in {LOWEST_PORT}..{HIGHEST_PORT}, but {_ATTEMPTS} were in use",
    )
