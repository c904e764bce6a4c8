"""The ports that a stack had when it ran before on a data directory: `<data>/ports.json`.

Who has exported `STRETTO_NATS_URL`, or kept the page open, finds the stack where it was.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from stretto.dev.plan import Endpoints

FILE_NAME = "ports.json"


class Ports(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The ports of a stack; None: not known, or of somebody else's server. Fields are only
    added."""

    nats: int | None = None
    postgres: int | None = None
    http: int | None = None
    otlp: int | None = None


def ports_of(endpoints: Endpoints, *, nats: bool = True, postgres: bool = True) -> Ports:
    """Give the ports of addresses; `nats`, `postgres`: whether the server is ours."""
    return Ports(
        nats=_port(endpoints.nats) if nats else None,
        postgres=_port(endpoints.postgres) if postgres else None,
        http=_port(endpoints.http),
        otlp=_port(endpoints.otlp),
    )


def _port(url: str | None) -> int | None:
    return None if url is None else urlsplit(url).port


def read_ports(data: Path) -> Ports:
    """Read the ports of the stack that ran in a data directory before; none known without it."""
    try:
        return msgspec.json.decode((data / FILE_NAME).read_bytes(), type=Ports)
    except (OSError, msgspec.DecodeError):
        return Ports()


def write_ports(data: Path, ports: Ports) -> None:
    """Keep the ports for the next start, whole or not at all."""
    partial = data / f".{FILE_NAME}"
    partial.write_bytes(msgspec.json.encode(ports))
    partial.replace(data / FILE_NAME)


def moved(before: Ports, now: Ports) -> list[str]:
    """Say which ports could not be had again, a sentence each."""
    return [
        f"port {was} of {name}, where it was before, is taken: it is on port {is_now}"
        for name in Ports.__struct_fields__
        if (was := getattr(before, name)) is not None
        and (is_now := getattr(now, name)) is not None
        and was != is_now
    ]
