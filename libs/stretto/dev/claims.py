"""Ports of this machine that a `stretto dev` has chosen and may not listen on yet.

Two that start in the same moment would both find the usual port free, and one of them would have to
start its gateway a second time. Who has chosen a port holds a lock of its number until the process
ends. It is an arrangement: whether somebody listens decides, and a folder where no lock can be had
hinders nobody.
"""

import fcntl
import os
import tempfile
from pathlib import Path

_held: dict[int, int] = {}
"""The open files of the locks of this process, by port."""


def claim(port: int) -> bool:
    """Take a port for this process; False when another one has chosen it."""
    if port in _held:
        return True
    try:
        file = os.open(_file(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return True  # of another user, or no room: only a listener can be seen
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        return False
    _held[port] = file
    return True


def _file(port: int) -> Path:
    return Path(tempfile.gettempdir()) / f"stretto-port-{port}.lock"
