"""Workers found in modules."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stretto.worker import NoWorkers, load_workers

TWO = """
from stretto import Worker
first = Worker(name="first")
second = Worker(name="second")
again = first

@first.task("till.open")
@second.task("till.open")
async def open_till() -> None:
    pass
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that is the current one; what is imported from it is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_workers_of_a_module_are_found_once_each(place: Path) -> None:
    (place / "tills.py").write_text(TWO)
    assert [w.name for w in load_workers("tills")] == ["first", "second"]
    assert [w.name for w in load_workers("tills:second")] == ["second"]


def test_workers_of_a_file_are_found(place: Path) -> None:
    (place / "shop").mkdir()
    (place / "shop" / "counter.py").write_text(TWO)
    assert len(load_workers("shop/counter.py")) == 2
    assert [w.name for w in load_workers("shop/counter.py:again")] == ["first"]


def test_a_module_without_workers_is_refused(place: Path) -> None:
    (place / "empty.py").write_text("")
    with pytest.raises(NoWorkers, match="expected a worker, as in"):
        load_workers("empty")
    with pytest.raises(NoWorkers, match="expected a worker called 'x' in empty"):
        load_workers("empty:x")


@pytest.mark.parametrize("target", ["nowhere", "nowhere.py"])
def test_a_module_that_is_not_there_is_refused(place: Path, target: str) -> None:
    with pytest.raises(NoWorkers, match=r"expected a Python (module|file) nowhere"):
        load_workers(target)


def test_a_module_that_needs_another_says_which(place: Path) -> None:
    (place / "needy.py").write_text("import not_installed_here\n")
    with pytest.raises(NoWorkers, match="it needs the module 'not_installed_here'"):
        load_workers("needy.py")


def test_a_file_without_its_ending_is_recognised(place: Path) -> None:
    (place / "mine.py").write_text("")
    with pytest.raises(NoWorkers, match=r"is `\.py` missing at its end"):
        load_workers(f"{place}/mine")


def test_a_module_that_is_no_python_says_where(place: Path) -> None:
    (place / "odd.py").write_text("def :\n")
    with pytest.raises(NoWorkers, match="SyntaxError"):
        load_workers("odd.py")


def test_what_is_wrong_with_a_handler_is_told_with_its_line(place: Path) -> None:
    twice = "@worker.task('t')\nasync def {}() -> None: pass\n"
    start = "from stretto import Worker\nworker = Worker()\n"
    (place / "twice.py").write_text(start + twice.format("a") + twice.format("b"))
    with pytest.raises(NoWorkers, match=r"import twice.py, .* there is one already \(line 5\)"):
        load_workers("twice.py")


def test_a_worker_without_handlers_is_refused_before_it_runs(place: Path) -> None:
    (place / "idle.py").write_text("from stretto import Worker\nidle = Worker()\n")
    with pytest.raises(NoWorkers, match=r"expected 'idle' in idle.py to have a handler, as in "):
        load_workers("idle.py")


@pytest.mark.parametrize("line", ["raise RuntimeError('no settings')", "{}['no settings']"])
def test_a_module_that_fails_in_a_way_of_its_own_says_how_and_where(place: Path, line: str) -> None:
    (place / "failing.py").write_text(f"import os\n{line}\n")
    with pytest.raises(NoWorkers, match=r"import failing.py, .*Error: .*no settings.* \(line 2\)"):
        load_workers("failing.py")
