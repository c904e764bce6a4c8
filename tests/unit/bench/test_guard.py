"""A large loss fails, chance does not, and what cannot be compared is said."""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stretto.bench import guard
from stretto.bench.guard import REFERENCE, guarded, is_loss, reference_of

BASE, THIS = Path("base"), Path("this")


def measuring(base: list[float], this: list[float]) -> tuple[list[Path], Any]:
    """Give figures in this order; and the trees that were asked for them."""
    figures = {BASE: iter(base), THIS: iter(this)}
    asked: list[Path] = []

    def measure(tree: Path) -> Mapping[str, Any]:
        asked.append(tree)
        return {"B": {"cpu_ms_per_step": next(figures[tree])}}

    return asked, measure


def test_both_trees_are_measured_in_turn() -> None:
    asked, measure = measuring([0.2, 0.21], [0.22, 0.2])
    found = guarded(BASE, THIS, measure)
    assert asked == [BASE, THIS, BASE, THIS]
    assert not is_loss(found)


def test_a_loss_is_one_when_it_is_there_again() -> None:
    asked, measure = measuring([0.2, 0.2, 0.2, 0.21], [0.3, 0.31, 0.29, 0.3])
    assert is_loss(guarded(BASE, THIS, measure))
    assert len(asked) == 8


def test_one_slow_run_is_no_loss() -> None:
    _, measure = measuring([0.2, 0.2, 0.2, 0.2], [0.3, 0.31, 0.2, 0.2])
    assert not is_loss(guarded(BASE, THIS, measure))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A repository with two commits, which names the first as its reference."""

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=tmp_path, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    git("init", "--quiet")
    (tmp_path / REFERENCE).parent.mkdir(parents=True)
    git("commit", "--quiet", "--allow-empty", "-m", "one")
    (tmp_path / REFERENCE).write_text(git("rev-parse", "HEAD"))
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    yield tmp_path


def test_the_named_revision_is_taken_else_the_one_before(tree: Path) -> None:
    assert reference_of(tree) == (tree / REFERENCE).read_text().strip()
    (tree / REFERENCE).write_text("0" * 40)
    assert reference_of(tree) == "HEAD~1"


def test_the_command_fails_on_a_loss_and_says_the_figures(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = iter([0.2, 0.4] * 4 + [0.2, 0.2] * 2)
    monkeypatch.setattr(guard, "run_bench", lambda *_: {"B": {"cpu_ms_per_step": next(figures)}})
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "x")
    lost = CliRunner().invoke(guard.main, ["--tree", str(tree)])
    assert lost.exit_code == 1
    assert "0.400, 0.400, 0.400, 0.400 ms of CPU" in lost.output
    assert "2.00 × (up to 1.3 is tolerated)" in lost.output
    kept = CliRunner().invoke(guard.main, ["--tree", str(tree)])
    assert kept.exit_code == 0


def test_a_clone_without_history_is_not_compared(tree: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth", "1", f"file://{tree}", str(shallow)], check=True
    )
    (shallow / REFERENCE).write_text("0" * 40)
    ended = CliRunner().invoke(guard.main, ["--tree", str(shallow)])
    assert ended.exit_code == 0
    assert "no revision to compare with" in ended.output
