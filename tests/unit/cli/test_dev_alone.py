"""`stretto dev` with nothing to run: how it begins, what it shows, how signals end it."""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from stretto.cli.commands import dev as dev_module
from stretto.cli.exits import EXIT_INTERRUPTED
from stretto.cli.main import commands
from stretto.dev import DevOptions
from stretto.dev.plan import Endpoints

HERE = Endpoints(nats="nats://127.0.0.1:7", postgres="", http=None, otlp=None)


def end() -> None:
    """What Ctrl-C and `kill` do."""
    signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`stretto dev` on a stack that is up at once; `then` is done when it is."""

    def run(*arguments: str, then: Callable[[], None] = end) -> Result:
        @asynccontextmanager
        async def stack(options: DevOptions, _report: object) -> AsyncIterator[Any]:
            (options.data / "logs").mkdir(parents=True)
            asyncio.get_running_loop().call_soon(then)
            yield SimpleNamespace(
                endpoints=HERE, log_dir=options.data / "logs", trace_dir=options.data
            )

        monkeypatch.setattr(dev_module, "dev_stack", stack)
        monkeypatch.delenv(dev_module.OTLP_ENDPOINT, raising=False)
        return CliRunner().invoke(commands, ["dev", "--data", str(tmp_path / "new"), *arguments])

    return run


def test_it_says_where_everything_is_and_ends_in_order(dev: Callable[..., Result]) -> None:
    done = dev()

    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.output.splitlines()]
    assert lines[0].startswith("ready in ")
    assert [line.split()[0] for line in lines[1:3]] == ["bus", "logs"], "no page, no traces"
    assert lines[3:] == [
        f"in other terminals: export STRETTO_NATS_URL={HERE.nats}",
        "Ctrl-C ends it.",
        "stopping …",
        "stopped",
    ]


def test_lines_of_logs_are_shown_as_they_come(
    dev: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = dev_module.Terminal.log

    def shown(terminal: dev_module.Terminal, name: str, line: str) -> None:
        show(terminal, name, line)
        end()

    monkeypatch.setattr(dev_module.Terminal, "log", shown)
    log = tmp_path / "new" / "logs" / "worker.log"

    done = dev("--logs", then=lambda: cast(None, log.write_text("no worker today\n")))

    assert done.exit_code == 0, done.output
    assert ["worker", "no", "worker", "today"] in [
        line.split() for line in done.output.splitlines()
    ]


def test_what_cannot_be_run_is_said_before_anything_begins(dev: Callable[..., Result]) -> None:
    done = dev("--scale", "none=1")

    assert done.exit_code == 2
    assert "expected --scale to name one of" in done.output


async def test_a_second_signal_ends_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(dev_module.os, "_exit", codes.append)
    made: list[dev_module._Signals] = []

    async def wait() -> None:
        made.append(dev_module._Signals(Console(file=io.StringIO())))
        await asyncio.Event().wait()

    waiting = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    made[0]._hear()
    await asyncio.wait([waiting])
    assert waiting.cancelled() and codes == []

    made[0]._hear()

    assert codes == [EXIT_INTERRUPTED]


def test_on_the_usual_port_other_terminals_need_nothing(
    dev: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev_module, "USUAL_NATS_PORT", 7)

    assert "in other terminals" not in dev().output
