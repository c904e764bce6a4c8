"""Two revisions are compared in turn, each with its own packages."""

import subprocess
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from stretto.bench import compare
from stretto.bench.compare import checked_out, compared, run_bench
from tests.unit.bench.reports import WORKLOADS

FAKE_MAIN = """
import json, pathlib, sys
assert sys.argv[1] == "bench"
steps = int((pathlib.Path.cwd() / "speed").read_text())
if steps == 0:
    sys.exit("it broke")
print(json.dumps({"workloads": {"B": {"steps_per_s": steps}}}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository whose `stretto bench` says what a file says: 100 committed, 150 as it is."""
    package = tmp_path / "libs" / "stretto" / "cli"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "main.py").write_text(FAKE_MAIN)
    (tmp_path / "speed").write_text("100")
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "one"]):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)
    (tmp_path / "speed").write_text("150")
    return tmp_path


def test_ratio_and_spread_tell_a_difference_from_chance() -> None:
    base = [
        {"B": {"steps_per_s": 100.0, "p50_ms": 10.0}},
        {"B": {"steps_per_s": 110.0, "p50_ms": 20.0}},
    ]
    this = [
        {"B": {"steps_per_s": 210.0, "p50_ms": 14.0}},
        {"B": {"steps_per_s": 210.0, "p50_ms": 17.0}},
    ]

    steps, p50 = compared(base, this)  # what one of them does not have is left out

    assert (steps.workload, steps.figure, steps.ratio) == ("B", "steps_per_s", 2.0)
    assert steps.spread == pytest.approx(10 / 105)
    assert steps.differs
    assert p50.figure == "p50_ms"
    assert not p50.differs


def test_each_tree_runs_its_own_packages(tree: Path) -> None:
    with checked_out(tree, "HEAD") as base:
        assert run_bench(base, ["B"]) == {"B": {"steps_per_s": 100}}
        assert run_bench(tree, ["B"]) == {"B": {"steps_per_s": 150}}
    assert not base.exists()
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=tree, capture_output=True, text=True, check=True
    )
    assert len(listed.stdout.splitlines()) == 1


def test_an_unknown_revision_is_said(tree: Path) -> None:
    with pytest.raises(click.ClickException, match="expected a revision"), checked_out(tree, "no"):
        pass


def test_a_benchmark_that_breaks_is_shown(tree: Path) -> None:
    (tree / "speed").write_text("0")
    with pytest.raises(click.ClickException, match="it broke"):
        run_bench(tree, ["B"])


def test_the_command_prints_both_and_their_ratio(tree: Path) -> None:
    ended = CliRunner().invoke(compare.main, ["HEAD", "B", "--tree", str(tree)])
    assert ended.exit_code == 0, ended.output
    line = next(line for line in ended.stdout.splitlines() if "steps_per_s" in line)
    assert line.split() == ["B", "steps_per_s", "100", "100", "150", "150", "1.50", "0%", "differs"]


def test_figures_that_are_compared_are_measured() -> None:
    measured = {letter: msgspec.to_builtins(figures) for letter, figures in WORKLOADS.items()}
    for letter, names in compare.FIGURES.items():
        for name in names:
            found = measured[letter]
            for key in name.split("."):
                found = found[key]
            assert found > 0, name
