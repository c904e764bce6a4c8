"""The command that measures workers and devices: what it runs, tells and ends with."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from stretto.bench.fleets import __main__ as command
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
    assert asked.cases == [(case, Size()) for case in command.CASES]
    assert "✗ at most 2" in done.stdout


def test_the_worker_of_the_mosaic_has_a_handler_for_every_kind_of_step() -> None:
    assert set(MOSAIC_KINDS) == set(USUAL_MS) == {step.kind for step in mosaic().values()}
