"""What the README shows is what happens."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..running import Dev, end

README = Path(__file__).resolve().parents[3] / "README.md"
MAX_LINES = 150


def files() -> dict[str, str]:
    """The files that the README shows, by name."""
    found = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    return dict(found)


def consoles() -> list[str]:
    return re.findall(r"<!-- run -->\n```console\n(.*?)```", README.read_text(), re.DOTALL)


def same(shown: str, said: str) -> bool:
    """Compare lines; `…` in what is shown stands for anything."""
    pattern = ".*".join(re.escape(part) for part in shown.split("…"))
    return re.fullmatch(pattern, said) is not None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in files().items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_the_readme_is_short() -> None:
    assert README.read_text().count("\n") <= MAX_LINES


def test_the_commands_of_the_readme_print_what_it_shows(dev: Dev, folder: Path) -> None:
    worker = dev.begin("worker", str(folder / "shop.py"))
    try:
        [console] = consoles()
        command, *shown = console.splitlines()
        name, *arguments = shlex.split(command.removeprefix("$ "))
        assert name == "stretto"
        done = subprocess.run(
            [sys.executable, "-m", "stretto.cli.main", *arguments],
            cwd=folder,
            env={**os.environ, "STRETTO_NATS_URL": dev.ready["nats"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = [*done.stderr.splitlines(), *done.stdout.splitlines()]
        assert done.returncode == 0, said
        stages = [line for line in said if not line.startswith("•")]
        assert len(stages) == len(shown), said
        assert all(map(same, shown, stages)), said
    finally:
        end(worker, signal.SIGTERM)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
