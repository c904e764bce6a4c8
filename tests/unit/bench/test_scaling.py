"""More processes are compared with one, and what cannot be shared out is told."""

from dataclasses import replace
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from stretto.bench import scaling
from stretto.bench.figures import FiguresB, Report
from stretto.bench.rig import RigOptions
from stretto.bench.run import BenchOptions
from stretto.bench.scaling import SETUPS, Found, options_of, scaled, serial_share, setups_of
from stretto.bench.sizes import FULL
from tests.unit.bench.reports import WORKLOADS, report


def found(setup: dict[str, int], steps_per_s: float) -> Found:
    figures = WORKLOADS["B"]
    assert isinstance(figures, FiguresB)
    return Found(setup, msgspec.structs.replace(figures, steps_per_s=steps_per_s))


def test_the_serial_share_follows_from_what_more_processes_give() -> None:
    assert serial_share(2, 2.0) == 0
    assert serial_share(2, 4 / 3) == 0.5
    assert serial_share(4, 1.6) == 0.5
    assert serial_share(4, 5.0) == 0  # more than there can be: chance
    assert serial_share(2, 0.9) is None
    assert serial_share(1, 1.5) is None


def test_set_ups_are_compared_with_the_first() -> None:
    one, two = scaled([found({}, 6000.0), found({"workflow": 2}, 8000.0)])
    assert (one.to_one, one.serial_share) == (1.0, None)
    assert (two.to_one, two.serial_share, two.lost) == (1.333, 0.5, 0)


def test_what_is_asked_for_is_run_beside_one_of_each() -> None:
    assert list(setups_of([])) == list(SETUPS)
    assert list(setups_of(["workflow=2", "worker=3"])) == [{}, {"workflow": 2}, {"worker": 3}]
    for wrong in ("workflow", "=2", "workflow=0", "workflow=x"):
        with pytest.raises(click.UsageError, match="expected SERVICE=N"):
            list(setups_of([wrong]))
    options = options_of({"decision": 2, "worker": 3}, 5.0)
    assert options.rig == replace(RigOptions(), scale={"decision": 2}, workers=3)
    assert options.sizes == replace(FULL, seconds=5.0)


def test_the_command_prints_a_line_each_and_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fake(_options: BenchOptions) -> Report:
        return report("B")

    monkeypatch.setattr(scaling, "bench", fake)
    out = tmp_path / "a" / "scaling.json"
    ended = CliRunner().invoke(scaling.main, ["workflow=2", "--out", str(out)])
    assert ended.exit_code == 0, ended.output
    lines = ended.stdout.splitlines()
    assert lines[1].split()[:4] == ["one", "of", "each", "6,000"]
    assert lines[2].split()[:4] == ["2", "workflow", "6,000", "1.00"]
    shown = CliRunner().invoke(scaling.main, ["workflow=2"])
    assert shown.stdout == ended.stdout
    assert [row["setup"] for row in msgspec.json.decode(out.read_bytes())] == [{}, {"workflow": 2}]
