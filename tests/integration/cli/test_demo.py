"""`make demo`, as a program: everything from nothing, a real run, nothing left."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.demo import EXAMPLE, checked
from stretto.runtime.errors import PermanentError

from ..running import lives

ROOT = Path(__file__).resolve().parents[3]


def demo(folder: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py"), str(folder)],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if k != "STRETTO_NATS_URL"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(20):
        (source / f"{number}.txt").write_text(str(number) * 1000)
    return source


def test_the_demo_backs_up_a_folder_and_shows_how(folder: Path, tmp_path: Path) -> None:
    done = demo(folder, tmp_path)
    assert done.returncode == 0, (done.stdout, done.stderr)
    said = done.stdout
    assert "published on stretto.start.default.backup" in said
    assert "✓ verify 20/20" in said
    assert "20 files backed up and verified" in said
    found = re.search(r"^manifest  (\S+)", said, re.MULTILINE)
    assert found is not None
    assert len(json.loads(Path(found.group(1)).read_text())["copies"]) == 20
    trace = re.search(r"trace     (\d+) spans: .*stretto trace (\S+)", said)
    assert trace is not None
    assert int(trace.group(1)) > 40
    shown = subprocess.run(
        [sys.executable, "-m", "stretto.cli.main", "trace", trace.group(2)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.startswith("run backup")
    assert not lives("stretto-demo-")


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("nothing", "but it is not there"),
        ("file", "but it is a file"),
        ("loop", "to be a folder, but it is none"),
        ("empty", "expected a file to back up"),
        ("links", "expected a file to back up"),
        ("closed", "but that is not allowed"),
        ("large", "expected at most 1 files"),
    ],
)
def test_what_cannot_be_backed_up_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, why: str
) -> None:
    place = tmp_path / "place"
    if made == "file":
        place.touch()
    elif made == "loop":
        place.symlink_to(place)
    elif made != "nothing":
        place.mkdir()
    if made == "links":
        (place / "up").symlink_to("..")
        (place / "self").symlink_to("self")
    if made == "closed":  # to root everything is open
        monkeypatch.setattr("scripts.demo.os.access", lambda *_: False)
    if made == "large":
        monkeypatch.setattr("scripts.demo.MAX_FILES", 1)
        (place / "a").touch()
        (place / "b").touch()

    with pytest.raises(PermanentError, match=why):
        checked(place)


def test_odd_names_and_empty_files_are_backed_up_as_far_as_they_can_be_said(tmp_path: Path) -> None:
    place = tmp_path / 'a folder, "ünï"'
    (place / "sub").mkdir(parents=True)
    (place / "sub" / "loop").symlink_to("..")
    for name in ("empty", "two\nlines", "${{ x }}"):
        (place / name).touch()
    Path(os.fsdecode(bytes(place) + b"/\xff")).touch()

    assert checked(place / ".." / place.name) == place
    found = runpy.run_path(str(EXAMPLE / "worker.py"))["list_files"](str(place), "/x", 9, 9)
    assert [file["path"] for file in found["files"]] == ["${{ x }}", "empty", "two\nlines"]
    assert (found["bytes"], found["left_out"]) == (0, 1)
