"""The command that measures workers and devices: what it runs, tells and ends with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from click.testing import CliRunner

from stretto.bench.fleets import __main__ as command
from stretto.bench.fleets import backlog, handlers
from stretto.bench.fleets.figure import SMALL, Figure, Size
from stretto.bench.fleets.handlers import MOSAIC_KINDS
from stretto.bench.fleets.mosaic import USUAL_MS, mosaic


class Asked:
    """Cases that were asked for, with figures of one value each."""

    def __init__(self, value: float) -> None:
        self.cases: list[tuple[str, Size]] = []
        self._value = value

    async def measure(self, case: str, size: Size) -> list[Figure]:
        self.cases.append((case, size))
        return [Figure(case=case, what="w", value=self._value, unit="s", bound=2)]


def test_the_cases_that_are_named_are_run_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(1.5)
    monkeypatch.setattr(command, "_measure", asked.measure)
    out = tmp_path / "new" / "fleets.json"

    done = CliRunner().invoke(command.main, ["lost", "scale", "--small", "--out", str(out)])

    assert done.exit_code == 0, done.output
    assert asked.cases == [("lost", SMALL), ("scale", SMALL)]
    assert "✓ at most 2" in done.stdout
    assert [each.case for each in msgspec.json.decode(out.read_bytes(), type=list[Figure])] == [
        "lost",
        "scale",
    ]


def test_all_cases_are_run_and_a_promise_that_is_not_kept_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked(3.0)
    monkeypatch.setattr(command, "_measure", asked.measure)

    done = CliRunner().invoke(command.main, [])

    assert done.exit_code == 1
    assert asked.cases == [(case, Size()) for case in command.CASES if case != "recorded"]
    assert "✗ at most 2" in done.stdout


def test_the_worker_of_the_mosaic_has_a_handler_for_every_kind_of_step() -> None:
    assert set(MOSAIC_KINDS) == set(USUAL_MS) == {step.kind for step in mosaic().values()}


async def test_a_case_is_measured_on_a_rig_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    rigs: list[str] = []

    @asynccontextmanager
    async def rig(_options: object) -> AsyncIterator[str]:
        rigs.append("up")
        yield "rig"
        rigs.append("down")

    async def case(running: object, size: Size) -> list[Figure]:
        assert (running, size) == ("rig", SMALL)
        rigs.append("measured")
        return []

    monkeypatch.setattr(command, "rig", rig)
    monkeypatch.setattr(command, "CASES", {"mine": case})

    assert await command._measure("mine", SMALL) == []
    assert rigs == ["up", "measured", "down"]


async def test_processes_are_counted_until_there_are_as_many_as_are_wanted() -> None:
    said = asyncio.StreamReader()
    said.feed_data(b"something else\n1 worker process\n2 worker processes\n")
    said.feed_eof()
    scaler, counts = cast(Any, SimpleNamespace(stderr=said)), list[int]()

    await backlog._counted(scaler, counts, 2)
    assert counts == [1, 2]

    with pytest.raises(AssertionError, match="the scaler has ended"):
        await backlog._counted(scaler, counts, 3)


async def test_an_attempt_that_is_to_be_lost_takes_longer_than_anybody_waits() -> None:
    hanging = asyncio.ensure_future(handlers.hang())
    await asyncio.sleep(0)

    hanging.cancel()
    await asyncio.wait([hanging])

    assert hanging.cancelled()
