"""The room on the disk: before anything starts, and while it runs."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stretto.dev import room
from stretto.dev.room import check_room, watch_room
from stretto.runtime.errors import PermanentError

MB = 1024 * 1024


def free(monkeypatch: pytest.MonkeyPatch, *megabytes: int) -> None:
    """Let the disk have so much room, look after look; the last one for ever."""

    def looks() -> Iterator[int]:
        yield from megabytes
        while True:
            yield megabytes[-1]

    given = looks()
    monkeypatch.setattr(room, "_free", lambda _data: next(given) * MB)


def test_a_disk_that_is_about_full_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_room(tmp_path)
    free(monkeypatch, 8)
    with pytest.raises(PermanentError, match=r"at least 200 MB of room in .*, but there are 8 MB"):
        check_room(tmp_path)


def test_a_folder_on_a_disk_of_its_own_is_looked_at_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nats").mkdir()
    (tmp_path / "dev.json").touch()
    usage = shutil.disk_usage(tmp_path)._replace(free=900 * MB)

    def used(folder: Path) -> Any:
        return usage._replace(free=8 * MB) if folder.name == "nats" else usage

    monkeypatch.setattr(shutil, "disk_usage", used)
    with pytest.raises(PermanentError, match="but there are 8 MB"):
        check_room(tmp_path)


async def test_the_bus_is_started_anew_when_a_full_disk_has_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 900, 1, 0, 900)
    said: list[str] = []
    ended = asyncio.Event()

    async def end() -> None:
        ended.set()

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch_room(tmp_path, said.append, end, every_s=0))
        await asyncio.wait_for(ended.wait(), 10)
        watching.cancel()

    assert [sentence.partition(str(tmp_path))[0] for sentence in said] == [
        "the disk of ",
        "there is room in ",
    ]
