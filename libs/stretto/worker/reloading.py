"""`stretto worker MODULE --reload`: the worker again whenever its code changes, for development.

::

    a file beside the module changes ─► the process gets SIGTERM: it takes no more, and drains
                                     └► a new one begins at once, with the new code
    the new one cannot begin          ─► it says why; the next change begins another

Files are looked at, not listened to: that works on every file system.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stretto.worker.children import all_ended, begun, told_to_end

LOOK_EVERY_S = 0.3

MAX_FILES = 5_000
"""More are not looked at: a folder like that is not that of one worker."""

NOT_CODE = frozenset({"__pycache__", "node_modules", "site-packages"})

Seen = Mapping[str, int]
"""Source files, and when each was changed, in nanoseconds."""


def folder_of(target: str) -> Path:
    """Return the folder whose files are looked at: that of the file, or of the module's package.

    Args:
        target: as for `load_workers`; a module that is not found is one of this folder.
    """
    place = target.partition(":")[0]
    if place.endswith(".py") or os.sep in place:
        return Path(place).resolve().parent
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.find_spec(place.partition(".")[0])
    if spec is None or not spec.has_location or spec.origin is None:
        return Path.cwd()
    return Path(spec.origin).parent


def seen_in(folder: Path) -> Seen:
    """Return the source files below a folder, at most `MAX_FILES`; those that cannot be read are
    not there."""
    seen: dict[str, int] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if f not in NOT_CODE and not f.startswith(".")]
        for file in files:
            if not file.endswith(".py"):
                continue
            path = Path(place, file)
            try:
                seen[str(path)] = path.stat().st_mtime_ns
            except OSError:
                continue  # it is being replaced: seen at the next look
            if len(seen) >= MAX_FILES:
                return seen
    return seen


def changed_files(before: Seen, now: Seen) -> list[str]:
    """Return the files that came, went or were changed, by name."""
    return sorted(f for f in before.keys() | now.keys() if before.get(f) != now.get(f))


async def keep_reloaded(
    command: Sequence[str],
    folder: Path,
    stopping: asyncio.Event,
    tell: Callable[[str], None],
) -> None:
    """Run a command, anew whenever a source file below a folder changes, until `stopping` is set;
    then let all drain. `tell` is told what is done."""
    seen = seen_in(folder)
    running = await begun(command)
    leaving: list[asyncio.subprocess.Process] = []
    told_ended = False
    try:
        while not stopping.is_set():
            if running.returncode is not None and not told_ended:
                tell("the worker has ended: it begins again when a file changes")
                told_ended = True
            now = await asyncio.to_thread(seen_in, folder)
            changed = changed_files(seen, now)
            if changed:
                tell(f"{Path(changed[0]).name} has changed: the worker begins again")
                seen, told_ended = now, False
                leaving = [each for each in leaving if each.returncode is None]
                leaving.append(told_to_end(running))
                running = await begun(command)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await stopping.wait()
            except TimeoutError:
                continue
    finally:
        await all_ended([*leaving, told_to_end(running)])
