"""The handlers of the backup example do what they say, twice as well as once."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from stretto.definition import load
from stretto.worker import NonRetryable, Worker, load_workers

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "examples"


@pytest.fixture(scope="module")
def worker() -> Worker:
    [found] = load_workers(str(EXAMPLES / "backup" / "worker.py"))
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("a" * 1000)
    (folder / "deep" / "er" / "b.txt").write_text("b")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("no")
    (folder / "x_cache").mkdir()
    (folder / "x_cache" / "c").write_text("no")
    (folder / "link").symlink_to(folder / "a.txt")
    return folder


async def listed(worker: Worker, folder: Path, **more: Any) -> dict[str, Any]:
    given = {"source": str(folder), "target": "/nowhere", "max_files": 10, "max_bytes": 5000}
    found: dict[str, Any] = await worker.run_local("backup.list", {**given, **more})
    return found


async def opened(worker: Worker, source: Path, target: Path) -> str:
    given = {"source": str(source), "target": str(target)}
    folder: str = (await worker.run_local("backup.open", given))["folder"]
    return folder


async def stored(worker: Worker, source: Path, folder: str, damage: str = "") -> dict[str, Any]:
    given = {"source": str(source), "folder": folder, "path": "a.txt", "damage": damage}
    copy: dict[str, Any] = await worker.run_local("backup.store", given)
    return copy


@pytest.mark.parametrize("name", ["backup", "hello"])
def test_the_definitions_of_the_examples_have_no_mistakes(name: str) -> None:
    loaded = load((EXAMPLES / name / "workflow.yaml").read_text(), name)
    assert [str(m) for m in [*loaded.mistakes, *loaded.warnings]] == []


async def test_regular_files_are_listed_and_what_can_be_made_again_is_left_out(
    worker: Worker, source: Path
) -> None:
    assert await listed(worker, source) == {
        "files": [{"path": "a.txt", "bytes": 1000}, {"path": "deep/er/b.txt", "bytes": 1}],
        "bytes": 1001,
        "left_out": 1,
    }
    inside = source / "deep"
    found = await listed(worker, source, target=str(inside))
    assert [file["path"] for file in found["files"]] == ["a.txt"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"max_files": 1}, "expected at most 1 files"),
        ({"max_bytes": 1000}, "expected at most 1000 bytes"),
        ({"source": "/nowhere"}, "expected /nowhere to be a folder"),
    ],
)
async def test_too_much_or_nothing_is_refused(
    worker: Worker, source: Path, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(NonRetryable, match=why):
        await listed(worker, source, **more)


async def test_a_file_is_stored_compressed_and_verified(
    worker: Worker, source: Path, tmp_path: Path
) -> None:
    folder = await opened(worker, source, tmp_path / "target")
    assert await opened(worker, source, tmp_path / "target") == folder
    copy = await stored(worker, source, folder)
    assert await stored(worker, source, folder) == copy
    kept = Path(folder) / "files" / "a.txt.gz"
    assert gzip.decompress(kept.read_bytes()) == b"a" * 1000
    assert copy["bytes"] == 1000
    assert copy["stored_bytes"] == kept.stat().st_size
    assert await worker.run_local("backup.verify", {"folder": folder, "copy": copy}) is True
    assert list(kept.parent.iterdir()) == [kept], "nothing half-written stays"


async def test_a_damaged_copy_is_found(worker: Worker, source: Path, tmp_path: Path) -> None:
    folder = await opened(worker, source, tmp_path / "target")
    copy = await stored(worker, source, folder, damage="a.txt")
    with pytest.raises(NonRetryable, match=r"the copy of a\.txt to be as the file"):
        await worker.run_local("backup.verify", {"folder": folder, "copy": copy})


async def test_the_manifest_says_what_the_backup_holds(
    worker: Worker, source: Path, tmp_path: Path
) -> None:
    folder = await opened(worker, source, tmp_path / "target")
    copy = await stored(worker, source, folder)
    given = {"source": str(source), "folder": folder, "copies": [copy]}
    facts = await worker.run_local("backup.manifest", given)
    written = json.loads(Path(facts["manifest"]).read_text())
    assert written["copies"] == [copy]
    assert (facts["files"], facts["bytes"]) == (1, 1000)
    empty = await worker.run_local("backup.manifest", {**given, "copies": []})
    assert (empty["files"], empty["ratio"]) == (0, 1.0)


async def test_a_backup_is_taken_back_and_nothing_else_is(
    worker: Worker, source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    folder = await opened(worker, source, target)
    await stored(worker, source, folder)
    given = {"folder": folder, "target": str(target)}
    await worker.run_local("backup.discard", given)
    await worker.run_local("backup.discard", given)
    assert list(target.iterdir()) == []
    with pytest.raises(NonRetryable, match="expected a folder in"):
        await worker.run_local("backup.discard", {"folder": str(source), "target": str(target)})
    assert source.exists()
