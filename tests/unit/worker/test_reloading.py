"""The worker again when its code changes: which files count, and what becomes of the processes."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import pytest

from stretto.worker import children, imported, reloading
from stretto.worker.imported import told_imported
from stretto.worker.reloading import Watched, changed_files, folder_of, keep_reloaded, seen_in

PATIENCE_S = 30.0


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_source_files_count_and_nothing_else(tmp_path: Path) -> None:
    counted = {write(tmp_path / "a.py"), write(tmp_path / "deeper" / "b.py")}
    for other in ("a.txt", ".hidden/c.py", "__pycache__/d.py", "node_modules/e.py"):
        write(tmp_path / other)
    assert set(seen_in(tmp_path)) == set(map(str, counted))


def test_no_more_files_are_looked_at_than_a_worker_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "MAX_FILES", 3)
    for number in range(5):
        write(tmp_path / f"m{number}.py")
    assert len(seen_in(tmp_path)) == 3


def test_a_file_that_cannot_be_looked_at_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    assert seen_in(tmp_path) == {}


def test_files_that_came_went_or_changed_are_named() -> None:
    before, now = {"same": 1, "changed": 1, "gone": 1}, {"same": 1, "changed": 2, "new": 1}
    assert changed_files(before, now) == ["changed", "gone", "new"]


def test_the_folder_is_that_of_the_file_or_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert folder_of(f"deeper{os.sep}workers.py:one") == tmp_path / "deeper"
    assert folder_of("workers.py") == tmp_path
    write(tmp_path / "packaged" / "__init__.py")
    assert folder_of("packaged.workers") == tmp_path / "packaged"
    assert folder_of("nothing_like_it") == tmp_path
    assert folder_of("sys") == tmp_path, "it has no file"


def touched(path: Path, turn: int) -> None:
    """Let a file have been changed at another instant than before."""
    os.utime(path, ns=(turn, turn))


def test_what_a_worker_has_imported_counts_wherever_it_lies(tmp_path: Path) -> None:
    folder, imports = tmp_path / "here", tmp_path / "imports"
    used, other = write(folder / "used.py"), write(folder / "other.py")
    elsewhere = write(tmp_path / "there" / "shared.py")
    watched = Watched(folder, imports)

    touched(other, 1)
    assert watched.changed() == [str(other)], "nobody has told what counts"
    write(imports, f"{used}\n{elsewhere}\n{tmp_path / 'gone.py'}")
    assert watched.changed() == []
    for turn, (file, counts) in enumerate([(other, False), (elsewhere, True), (used, True)], 2):
        touched(file, turn)
        assert watched.changed() == ([str(file)] if counts else [])
    watched.begin()
    assert not imports.exists()
    touched(elsewhere, 9)
    assert watched.changed() == [str(elsewhere)], "a worker that cannot begin imported it before"


def test_a_worker_tells_what_it_has_imported_and_what_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    place = tmp_path / "told" / "imports"
    place.parent.mkdir()
    write(tmp_path / "first_one.py")
    write(tmp_path / "later_one.py")
    importlib.import_module("first_one")
    looks = 0

    def wait(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            importlib.import_module("later_one")
        if looks == 3:
            shutil.rmtree(place.parent)

    assert told_imported(place) is None
    told = imported._tell(place)
    assert told_imported(place) == told
    assert str(tmp_path / "first_one.py") in told
    assert not any("site-packages" in file or file.endswith("/pathlib.py") for file in told)
    written: list[frozenset[str]] = []
    tell = imported._tell
    monkeypatch.setattr(imported, "_tell", lambda where: written.append(tell(where)) or written[-1])
    imported._keep_telling(place, told, wait)
    assert written == [told | {str(tmp_path / "later_one.py")}]
    for name in ("first_one", "later_one"):
        del sys.modules[name]


def test_modules_without_a_file_of_the_project_are_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path / "told" / "imports")
    looks = 0

    def wait(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            monkeypatch.setitem(sys.modules, "made_up_one", ModuleType("made_up_one"))
        else:
            shutil.rmtree(place.parent)

    def told_again(_place: Path) -> frozenset[str]:
        raise AssertionError("nothing has changed")

    told = imported.imported_files()
    monkeypatch.setattr(imported, "_tell", told_again)
    imported._keep_telling(place, told, wait)
    assert looks == 2


class Kept:
    """What is told, and the lines that the processes have written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.told: list[str] = []
        self.stopping = asyncio.Event()

    @property
    def written(self) -> list[str]:
        file = self.folder / "written.txt"
        return file.read_text().splitlines() if file.exists() else []

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - other processes make it true
                await asyncio.sleep(0.02)


WRITES = """\
import signal
def write(text):
    with open("written.txt", "a") as file:
        file.write(text + chr(10))
"""
WAITS = """
signal.signal(signal.SIGTERM, lambda *_: (write("{0} ends"), exit(0)))
write("{0}")
signal.pause()
"""


@asynccontextmanager
async def kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Kept]:
    monkeypatch.setattr(reloading, "LOOK_EVERY_S", 0.02)
    monkeypatch.chdir(folder)
    made = Kept(folder)
    command = (sys.executable, str(folder / "program.py"))
    async with asyncio.TaskGroup() as group:
        watched = Watched(folder, folder / "imports")
        group.create_task(keep_reloaded(command, watched, made.stopping, made.told.append))
        yield made
        made.stopping.set()


async def test_a_change_begins_another_while_the_old_one_drains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "program.py", WRITES + WAITS.format("one"))
    async with kept(tmp_path, monkeypatch) as running:
        await running.until(lambda: running.written == ["one"])
        write(tmp_path / "program.py", WRITES + WAITS.format("two"))
        await running.until(lambda: set(running.written) == {"one", "one ends", "two"})
    assert running.told == ["program.py has changed: the worker begins again"]
    assert running.written[-1] == "two ends"


async def test_one_that_cannot_begin_is_begun_again_by_the_next_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "program.py", "this is no Python")
    async with kept(tmp_path, monkeypatch) as running:
        await running.until(lambda: running.told)
        write(tmp_path / "program.py", WRITES + WAITS.format("well"))
        await running.until(lambda: running.written == ["well"])
    assert running.told[0].startswith("the worker has ended")


async def test_one_that_does_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "END_S", 0.5)
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwrite('deaf')\nwhile 1: signal.pause()\n"
    write(tmp_path / "program.py", WRITES + deaf)
    async with kept(tmp_path, monkeypatch) as running:
        await running.until(lambda: running.written == ["deaf"])
    assert running.written == ["deaf"]
