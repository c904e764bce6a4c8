"""A service as a process: settings from the environment, exit codes, signals, uvloop."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

CODE = """
    import asyncio, sys
    from stretto.runtime.service import run_service
    from stretto.runtime.settings import ServiceSettings, settings_or_exit

    async def main(context):
        await context.started()
        print(type(asyncio.get_running_loop()).__module__, context.instance, flush=True)
        await context.stopping.wait()

    sys.exit(run_service("decision", settings_or_exit(ServiceSettings), main))
"""


@pytest.fixture
def program(data_dir: Path) -> list[str]:
    path = data_dir / "program.py"
    path.write_text(textwrap.dedent(CODE))
    return [sys.executable, str(path)]


def environment(**variables: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("STRETTO_")} | variables


def test_a_service_process_runs_on_uvloop_and_ends_with_0_when_told_to(
    program: list[str], nats_url: str
) -> None:
    with subprocess.Popen(
        program, env=environment(STRETTO_NATS_URL=nats_url), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        loop, instance = process.stdout.readline().split()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert loop == "uvloop"
    assert instance.startswith("decision-")
    assert len(instance) == len("decision-") + 8


def test_wrong_settings_end_it_with_2_and_one_sentence(program: list[str]) -> None:
    done = subprocess.run(
        program,
        env=environment(STRETTO_PARTITIONS="many"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("expected STRETTO_PARTITIONS to be a valid integer")
    assert len(done.stderr.splitlines()) == 1
