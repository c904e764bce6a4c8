"""Which files a worker is made of: told by the worker to whoever begins it again.

The worker writes them into a file when it has been imported, and again when it imports more while
it runs (for development only: a thread looks once a second).
"""

from __future__ import annotations

import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

import stretto

LOOK_EVERY_S = 1.0

_NOT_ITS_OWN = ("site-packages", "dist-packages")
_PLACES = (sysconfig.get_path("stdlib"), str(Path(stretto.__file__).parent))
"""What lies here nobody changes while writing a worker."""


def imported_files() -> frozenset[str]:
    """Return the source files of what was imported, but for those of Python, of installed packages
    and of Stretto."""
    found = set[str]()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        if any(part in path.parts for part in _NOT_ITS_OWN) or str(path).startswith(_PLACES):
            continue
        found.add(str(path))
    return frozenset(found)


def tell_imported(place: Path) -> None:
    """Write into a file what was imported, now and, while the process lives, when it is more."""
    threading.Thread(target=_keep_telling, args=(place, _tell(place)), daemon=True).start()


def _tell(place: Path) -> frozenset[str]:
    files = imported_files()
    partial = place.with_suffix(".partial")
    partial.write_text("\n".join(sorted(files)))
    partial.replace(place)
    return files


def _keep_telling(
    place: Path, told: frozenset[str], wait: Callable[[float], object] = time.sleep
) -> None:
    modules = len(sys.modules)
    while place.parent.is_dir():  # it goes with who begins the worker
        wait(LOOK_EVERY_S)
        if len(sys.modules) == modules:
            continue
        modules = len(sys.modules)
        if imported_files() != told and place.exists():
            told = _tell(place)


def told_imported(place: Path) -> frozenset[str] | None:
    """Return what a worker has told; None: nothing yet."""
    try:
        return frozenset(place.read_text().split("\n"))
    except OSError:
        return None
