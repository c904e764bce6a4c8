"""`stretto worker MODULE --reload`: the worker again whenever its code changes, for development.

::

    a file that it has imported changes ─► the process gets SIGTERM: it takes no more, and drains
                                        └► a new one begins at once, with the new code
    the new one cannot begin             ─► it says why; the next change begins another

Until a worker has told what it has imported (`imported`), every Python file in the folder of the
module counts.

Files are looked at, not listened to: that works on every file system.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from stretto.worker.children import all_ended, begun, told_to_end
from stretto.worker.imported import told_imported

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


def _times(files: Iterable[str]) -> Seen:
    """When files were changed; those that cannot be read are not there."""
    found: dict[str, int] = {}
    for file in files:
        try:
            found[file] = Path(file).stat().st_mtime_ns
        except OSError:
            continue  # it is being replaced: seen at the next look
    return found


class Watched:
    """The files that a worker is made of, and those that may become so.

    Args:
        folder: of the module.
        imports: where the worker tells what it has imported.
    """

    def __init__(self, folder: Path, imports: Path) -> None:
        self.folder = folder
        self._imports = imports
        self._elsewhere: set[str] = set()
        """What was imported from outside of the folder, by any of the workers."""
        self._seen = self._look()

    def _look(self) -> Seen:
        return {**seen_in(self.folder), **_times(self._elsewhere)}

    def begin(self) -> None:
        """Forget what the worker told: a new one begins."""
        self._imports.unlink(missing_ok=True)

    def changed(self) -> list[str]:
        """Return which of the files that matter changed since the last look, by name."""
        told = told_imported(self._imports)
        if told is not None:
            further = _times(file for file in told if file not in self._seen)
            self._elsewhere.update(further)
            self._seen = {**further, **self._seen}
        now = self._look()
        found = changed_files(self._seen, now)
        self._seen = now
        return [file for file in found if told is None or file in told]


def changed_files(before: Seen, now: Seen) -> list[str]:
    """Return the files that came, went or were changed, by name."""
    return sorted(f for f in before.keys() | now.keys() if before.get(f) != now.get(f))


async def keep_reloaded(
    command: Sequence[str],
    watched: Watched,
    stopping: asyncio.Event,
    tell: Callable[[str], None],
) -> None:
    """Run a command, anew whenever a file changes that matters, until `stopping` is set; then let
    all drain. `tell` is told what is done."""
    running = await begun(command)
    leaving: list[asyncio.subprocess.Process] = []
    told_ended = False
    try:
        while not stopping.is_set():
            if running.returncode is not None and not told_ended:
                tell("the worker has ended: it begins again when a file changes")
                told_ended = True
            changed = await asyncio.to_thread(watched.changed)
            if changed:
                tell(f"{Path(changed[0]).name} has changed: the worker begins again")
                told_ended = False
                watched.begin()
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
