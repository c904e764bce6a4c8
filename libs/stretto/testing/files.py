"""Files of tests: found, run, added up."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stretto.definition import Mistake
from stretto.testing.document import Expected, TestText
from stretto.testing.expecting import Difference, differences
from stretto.testing.reading import read_tests
from stretto.testing.scene import Coverage, Outcome, Scene
from stretto.testing.stage import engine

PATTERNS = ("*.test.yaml", "*.test.yml", "*_test.yaml", "*_test.yml")
"""What files of tests are called, for who gives a folder."""

Play = Callable[[Scene], Outcome]


@dataclass(frozen=True, kw_only=True)
class TestResult:
    """How one test went. `error`: the run could not be played to its end."""

    __test__ = False

    name: str
    line: int
    differences: list[Difference] = field(default_factory=list)
    outcome: Outcome | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.error is None and not self.differences


@dataclass(frozen=True, kw_only=True)
class FileResult:
    """How a file of tests went."""

    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    tests: list[TestResult] = field(default_factory=list)
    coverage: list[Coverage] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.mistakes and all(test.passed for test in self.tests)


@dataclass(kw_only=True)
class Results:
    """How all files went. The same workflow in several files is added up in `coverage`."""

    files: list[FileResult] = field(default_factory=list)

    @property
    def tests(self) -> list[TestResult]:
        return [test for file in self.files for test in file.tests]

    @property
    def passed(self) -> bool:
        return all(file.passed for file in self.files)

    @property
    def mistakes(self) -> list[Mistake]:
        return [mistake for file in self.files for mistake in file.mistakes]

    @property
    def coverage(self) -> list[Coverage]:
        return joined(each for file in self.files for each in file.coverage)

    @property
    def percent(self) -> float:
        """Steps and branches that were run through, of all workflows together."""
        every = self.coverage
        count = sum(each.count for each in every)
        return 100.0 * sum(each.hit for each in every) / count if count else 100.0


def joined(coverages: Iterable[Coverage]) -> list[Coverage]:
    """Add up coverages by workflow, in the order in which they come."""
    found: dict[str, Coverage] = {}
    for each in coverages:
        known = found.get(each.workflow)
        found[each.workflow] = each if known is None else known.joined(each)
    return list(found.values())


def find(paths: Iterable[Path]) -> list[Path]:
    """Give the files of tests: those that are named, and those in folders that are named."""
    found: list[Path] = []
    for path in paths:
        inside = {each for pattern in PATTERNS for each in path.rglob(pattern)}
        found += sorted(inside) if path.is_dir() else [path]
    return list(dict.fromkeys(found))


def run_files(files: Iterable[Path], chosen: str | None = None) -> Iterator[FileResult]:
    """Run files one after the other. `chosen`: only tests whose name holds it.

    Raises:
        OSError, UnicodeDecodeError: a file cannot be read.
        PermanentError: what tests need is not installed.
    """
    play = engine().play
    for file in files:
        yield run_file(file, play, chosen)


def run_file(file: Path, play: Play, chosen: str | None = None) -> FileResult:
    """Run the tests of a file; with mistakes none is run."""
    read = read_tests(file)
    wanted = [each for each in read.tests if chosen is None or chosen in each[0].name.value]
    tests = [_run(test, scene, play) for test, scene in wanted]
    coverage = joined(
        each for test in tests if test.outcome is not None for each in test.outcome.coverage
    )
    return FileResult(file=read.file, mistakes=read.mistakes, tests=tests, coverage=coverage)


def _run(test: TestText, scene: Scene, play: Play) -> TestResult:
    line = test.name.node.line
    began = time.perf_counter()
    try:
        outcome = play(scene)
    except AssertionError as error:
        # The engine says so: too many events, or a mistake of ours; the other tests still count.
        text = f"expected to play the run to its end, but: {error}"
        return TestResult(name=test.name.value, line=line, error=text)
    expected, at = Expected(), line
    if test.expect is not None:
        expected, at = test.expect.value, test.expect.node.line
    return TestResult(
        name=test.name.value,
        line=line,
        differences=differences(expected, outcome, at),
        outcome=outcome,
        seconds=time.perf_counter() - began,
    )
