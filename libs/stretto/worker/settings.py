"""What a worker can be told: by its constructor, else by its environment, else by default."""

import os
import re
import secrets
import socket

from stretto.contracts.subjects import MAX_NAME_CHARS, is_name
from stretto.runtime.settings import ServiceSettings

MAX_SLOTS = 10_000
"""Attempts at once in one process; more belong into more processes."""

_NOT_IN_NAME = re.compile(r"[^a-z0-9_-]+")
_RANDOM_BYTES = 3
_MAX_HOST_CHARS = 40


class WorkerSettings(ServiceSettings):
    """The settings of a worker process: where the bus is and where spans go, as for services."""

    service_name: str = "stretto-worker"
    """`service.name` of the worker's spans."""

    drain_timeout_s: float = 30.0
    """After a signal the attempts that run have this long to end; then they are given up, and
    other workers do them."""


def checked_name(kind: str, name: str) -> str:
    """Return a name that subjects can hold.

    Raises:
        ValueError: it cannot be one.
    """
    if not is_name(name):
        raise ValueError(
            f"expected the {kind} to be a name like 'payments' (lower-case letters, digits, - and "
            f"_, at most {MAX_NAME_CHARS} characters), but got {name[:50]!r}"
        )
    return name


def checked_slots(slots: int) -> int:
    """Return how many attempts run at once. Raises ValueError outside of 1 to 10 000."""
    if not 1 <= slots <= MAX_SLOTS:
        raise ValueError(f"expected 1 to {MAX_SLOTS} slots, but got {slots}")
    return slots


def own_name() -> str:
    """Make a name that no other worker has: host, process and a few random digits."""
    host = _NOT_IN_NAME.sub("-", socket.gethostname().lower()).strip("-_")[:_MAX_HOST_CHARS]
    return f"{host or 'worker'}-{os.getpid()}-{secrets.token_hex(_RANDOM_BYTES)}"
