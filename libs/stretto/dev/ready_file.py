"""Where everything is, for programs: `<data>/dev.json` and the file of `--ready-file`.

::

    {"nats": url, "postgres": dsn, "http": url, "otlp": url, "supervisor": pid,
     "pids": {"workflow": [pid], ..., "nats": [pid], "postgres": [pid]}, "ready": true}

`<data>/dev.json` is there from when all is up for the first time until the end: it tells other
commands where things are, also while one of them starts again (`ready` is false then). The file of
`--ready-file` is there only while everything is up: who waits for it may begin.

`nats` and `postgres` have no pids when they are somebody else's. `http` is null without a gateway,
`otlp` where spans go elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from stretto.dev.plan import Endpoints

FILE_NAME = "dev.json"


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """What the file says. Fields are only added."""

    nats: str
    postgres: str
    http: str | None = None
    otlp: str | None = None
    supervisor: int = 0
    pids: dict[str, list[int]] = {}
    ready: bool = True


def write_ready(
    paths: Sequence[Path],
    endpoints: Endpoints,
    pids: Mapping[str, list[int]],
    *,
    ready: bool = True,
) -> None:
    """Write the file to each path, whole or not at all: a reader never sees a part of it.

    Only its owner may read it: the Postgres DSN holds a password.
    """
    content = msgspec.json.encode(
        Ready(
            nats=endpoints.nats,
            postgres=endpoints.postgres,
            http=endpoints.http,
            otlp=endpoints.otlp,
            supervisor=os.getpid(),
            pids=dict(pids),
            ready=ready,
        )
    )
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_bytes(msgspec.json.format(content, indent=2) + b"\n")
        partial.replace(path)


def remove_ready(paths: Sequence[Path]) -> None:
    """Remove the file from each path; not being there is fine."""
    for path in paths:
        path.unlink(missing_ok=True)


def read_ready(data: Path) -> Ready | None:
    """Read what runs in a data directory; None when nothing does (or its supervisor is gone)."""
    try:
        ready = msgspec.json.decode((data / FILE_NAME).read_bytes(), type=Ready)
        os.kill(ready.supervisor, 0)
    except PermissionError:
        return None  # somebody else's
    except (OSError, msgspec.DecodeError):
        return None
    return ready
