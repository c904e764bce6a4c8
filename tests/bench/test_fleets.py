"""Each case of workers and devices runs on one small stack and says what it found."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stretto.bench.fleets.__main__ import CASES, table
from stretto.bench.fleets.backlog import turns
from stretto.bench.fleets.figure import SMALL, Figure
from stretto.bench.fleets.waiting import disorder
from stretto.bench.rig import RigOptions, rig


@pytest.mark.slow
async def test_all_cases_say_what_they_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRETTO_SCALE_TARGET_S", "1")
    monkeypatch.setenv("STRETTO_SCALE_DOWN_AFTER_S", "3")
    tasks = [
        {"name": name, "parents": needs, "runtimeInSeconds": 90.0}
        for name, needs in [("project 1", []), ("project 2", []), ("fit", ["project 1"])]
    ]
    (tmp_path / "run.json").write_text(json.dumps({"workflow": {"tasks": tasks}}))
    size = replace(SMALL, trace=tmp_path / "run.json")
    figures: dict[str, list[Figure]] = {}
    async with rig(RigOptions(logs=tmp_path)) as running:
        for name, case in CASES.items():
            figures[name] = await case(running, size)
    assert figures["branches"][0].value > SMALL.branches / 4
    assert figures["presence"][0].unit == "% of a core"
    assert figures["lost"][0].value < 30, "noticed; how soon depends on the machine"
    memory, early = figures["waiting"]
    assert memory.unit == "kB" and early.kept
    assert figures["mosaic"][0].value >= 1
    assert figures["recorded"][0].value >= 1
    assert figures["recorded"][0].what.startswith("run: a graph of 3 steps")
    drained, changes = figures["scale"]
    assert "processes: 1 2 1" in drained.note and changes.value == 1
    assert table([each for found in figures.values() for each in found]).row_count == 9


def test_a_promise_is_kept_or_not() -> None:
    found = Figure(case="c", what="w", value=5, unit="s", bound=5)
    assert found.kept
    assert not Figure(case="c", what="w", value=6, unit="s", bound=5).kept
    assert not Figure(case="c", what="w", value=4, unit="s", bound=5, kind="at least").kept


def test_turns_are_counted() -> None:
    assert turns([1]) == 0
    assert turns([1, 4, 8, 8, 3, 1]) == 1
    assert turns([1, 8, 7, 8, 1]) == 3


def test_who_came_too_early_and_who_left_his_place_is_counted() -> None:
    assert disorder([(9, 0), (9, 1), (1, 2)]) == (0, 0)
    assert disorder([(1, 0), (9, 1), (9, 3), (9, 2), (1, 4)]) == (1, 1)
