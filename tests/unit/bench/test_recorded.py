"""Recordings of runs: both forms of the file, names of steps, and what is no recording."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.bench.fleets import __main__ as command
from stretto.bench.fleets import recorded
from stretto.bench.fleets.chains import in_order, longest_chain_ms, work_ms
from stretto.bench.fleets.recorded import NotARecording, read, scaled
from stretto.definition import load

OLDER = [
    {"name": "mFit ID2", "category": "mFit", "parents": ["mProject_ID1", "mProject-ID1"],
     "runtimeInSeconds": 2.0},
    {"name": "mProject_ID1", "category": "mProject", "parents": [], "runtimeInSeconds": 3.0},
    {"name": "mProject-ID1", "category": "mProject", "parents": [], "runtime": 5},
    {"name": "42", "category": "show", "parents": ["mFit ID2"], "runtimeInSeconds": 0.0},
    {"name": "mproject_id1", "category": "more", "parents": [], "runtimeInSeconds": 1.0},
]  # fmt: skip
"""Schema 1.4: tasks by name, in no order."""


def newer() -> dict[str, Any]:
    """The same run in schema 1.5: what is to be done apart from what was done, by id."""
    tasks = [{"id": t["name"], "name": t["category"], "parents": t["parents"]} for t in OLDER]
    ran = [
        {"id": t["name"], "runtimeInSeconds": t.get("runtimeInSeconds", t.get("runtime"))}
        for t in OLDER
    ]
    return {"specification": {"tasks": tasks}, "execution": {"tasks": ran}}


def file_of(folder: Path, workflow: object) -> Path:
    file = folder / "run.json"
    file.write_text(json.dumps({"workflow": workflow}))
    return file


@pytest.mark.parametrize("workflow", [{"tasks": OLDER}, newer()], ids=["1.4", "1.5"])
def test_a_recording_is_a_graph_of_steps_with_the_times_that_were_measured(
    tmp_path: Path, workflow: dict[str, Any]
) -> None:
    steps = read(file_of(tmp_path, workflow))

    assert {name: (step.kind, step.ms) for name, step in steps.items()} == {
        "mproject_id1": ("mproject", 3000.0),
        "mproject-id1": ("mproject", 5000.0),
        "mproject_id1-4": ("more", 1000.0),
        "mfit-id2": ("mfit", 2000.0),
        "t-42": ("show", 0.0),
    }
    assert steps["mfit-id2"].needs == ("mproject_id1", "mproject-id1")
    assert list(steps).index("mfit-id2") < list(steps).index("t-42")
    assert (longest_chain_ms(steps), work_ms(steps)) == (7000.0, 11000.0)


def test_it_is_scaled_to_a_chain_of_some_seconds_and_is_a_workflow(tmp_path: Path) -> None:
    file = file_of(tmp_path, {"tasks": OLDER})

    done = CliRunner().invoke(recorded.main, [str(file), "--chain", "0.7"])

    assert done.exit_code == 0, done.output
    assert done.output.startswith("# 5 steps; the longest chain 0.7 s, all 1.1 s\n")
    loaded = load(done.output, "recorded")
    assert [str(m) for m in [*loaded.mistakes, *loaded.warnings]] == []
    assert scaled(read(file), 0.7)["mproject-id1"].ms == 500.0


@pytest.mark.parametrize(
    ("workflow", "why"),
    [
        ({"jobs": []}, "to be a recording in WfFormat 1.4 or 1.5"),
        ({"tasks": [{"name": "a", "parents": []}]}, "KeyError('runtime')"),
        ({"tasks": [{**OLDER[1], "runtimeInSeconds": -1}]}, "a task ran for -1.0 s"),
        ({"tasks": []}, "expected 1 to 5000 tasks"),
        ({"tasks": [OLDER[3]]}, "expected task 'mFit ID2'"),
        (
            {"tasks": [{**OLDER[1], "parents": ["mProject_ID1"]}]},
            "these need one another: mproject_id1 → mproject_id1",
        ),
    ],
)
def test_what_is_no_recording_says_what_was_expected(
    tmp_path: Path, workflow: object, why: str
) -> None:
    with pytest.raises(NotARecording) as caught:
        read(file_of(tmp_path, workflow))
    assert why in str(caught.value)


def test_a_step_that_needs_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    steps = read(file_of(tmp_path, {"tasks": OLDER}))
    with pytest.raises(KeyError):
        in_order({"t-42": steps["t-42"]})


def test_the_case_needs_a_file_and_is_left_out_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def measure(case: str, _size: object) -> list[object]:
        asked.append(case)
        return []

    monkeypatch.setattr(command, "_measure", measure)

    refused = CliRunner().invoke(command.main, ["recorded", "--small"])
    without = CliRunner().invoke(command.main, ["--small"])
    file = file_of(tmp_path, {"tasks": OLDER})
    with_one = CliRunner().invoke(command.main, ["--small", "--trace", str(file)])

    assert refused.exit_code == 2 and "expected --trace FILE" in refused.output
    assert (without.exit_code, with_one.exit_code) == (0, 0)
    cases = list(command.CASES)
    assert asked == [*(case for case in cases if case != "recorded"), *cases]
