"""Whether a folder can hold what the servers keep: told before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path

from stretto.runtime.errors import PermanentError

LEAST_ROOM_BYTES = 200 * 1024 * 1024
"""A new cluster of Postgres with its first log files, and the streams: 120 MB. With less left, what
stops first and what it says is a matter of chance."""


def check_room(data: Path) -> None:
    """Raise PermanentError where the disk of a folder is about full."""
    free = shutil.disk_usage(data).free
    if free < LEAST_ROOM_BYTES:
        raise PermanentError(
            "dev.no_room",
            f"expected at least {LEAST_ROOM_BYTES >> 20} MB of room in {data}, but there are "
            f"{free >> 20} MB: make room, or give another --data",
        )
