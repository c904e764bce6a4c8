"""A Python process of its own: what is set once in a process is not set in this one."""

import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest


@pytest.fixture
def run_python() -> Callable[[str, str], object]:
    """Give a function that runs code, with `ENDPOINT` set, to its end."""

    def run(code: str, endpoint: str) -> object:
        text = f"ENDPOINT = {endpoint!r}\n" + textwrap.dedent(code)
        return subprocess.run([sys.executable, "-c", text], check=True, timeout=60)

    return run
