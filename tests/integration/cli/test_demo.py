"""`make demo`, as a program: everything from nothing, a real run, nothing left."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = demo(tmp_path / "nowhere", tmp_path)
    assert done.returncode == 1
    assert "to be a folder, but it is not" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
