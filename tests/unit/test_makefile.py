"""The Makefile explains itself, and finds a Python that works."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEW_VENV = ROOT / "scripts" / "new_venv.sh"
TARGETS = ("help", "setup", "demo", "dev", "up", "test", "check", "fix", "bench", "lock", "clean")

# A Python as far as the script looks: passes its check or not, says what the fixed piece of work
# costs, then what it was asked to do.
GOOD = (
    '#!/bin/sh\ncase "$1" in -c) exit 0;; --version) echo fine;; -) echo 100;; '
    '*) echo "$0" "$@";; esac\n'
)
SLOW = GOOD.replace("echo 100", "echo 126")
BROKEN = "#!/bin/sh\necho 'the version is not installed' >&2\nexit 127\n"


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def new_venv(path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(NEW_VENV), "here"],
        env={"PATH": f"{path}:/bin:/usr/bin" if environment else f"{path}:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_lists_what_can_be_done() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    said = subprocess.run(
        ["make"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert all(f"  make {target} " in said for target in TARGETS)


def test_a_python_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", BROKEN)
    program(tmp_path, "python3.12", GOOD)
    program(tmp_path, "python3.11", GOOD)
    done = new_venv(tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "making here with fine …",
        f"{tmp_path}/python3.12 -m venv --clear here",
    ]


def test_the_newest_python_is_passed_over_when_it_is_slow(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", SLOW)
    program(tmp_path, "python3.12", GOOD.replace("echo 100", "echo 125"))
    program(tmp_path, "python3.11", GOOD)
    done = new_venv(tmp_path)
    assert done.stdout.splitlines()[1:] == [f"{tmp_path}/python3.12 -m venv --clear here"]


def test_the_python_that_was_named_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "python3.13", GOOD)
    program(tmp_path, "mine", SLOW)
    done = new_venv(tmp_path, PYTHON=f"{tmp_path}/mine")
    assert f"{tmp_path}/mine -m venv --clear here" in done.stdout


def test_without_a_python_that_works_the_remedy_is_said(tmp_path: Path) -> None:
    program(tmp_path, "mine", BROKEN)
    done = new_venv(tmp_path, PYTHON=f"{tmp_path}/mine")
    assert done.returncode == 1
    assert "expected Python 3.11 or newer" in done.stderr
    assert "python3-venv" in done.stderr


@pytest.mark.parametrize("script", [NEW_VENV, ROOT / "scripts" / "test.sh", ROOT / ".ci" / "run"])
def test_every_script_stops_at_the_first_mistake(script: Path) -> None:
    assert "set -euo pipefail" in script.read_text()
    assert os.access(script, os.X_OK)
