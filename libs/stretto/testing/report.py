"""What is said of tests: lines for people, data for programs, JUnit XML for build servers."""

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from stretto.testing.expecting import length
from stretto.testing.files import FileResult, Results, TestResult
from stretto.testing.scene import Coverage

MAX_MISSED = 20
"""Steps and branches that are named as missed, of each workflow."""

MAX_STORY = 60
"""Events told of a run that went otherwise than expected; the last ones say most."""


def lines_of(file: FileResult, *, story: bool) -> Iterator[str]:
    """Say how the tests of a file went; `story`: with the events of those that did not pass."""
    for mistake in file.mistakes:
        yield str(mistake)
    for test in file.tests:
        took = "" if test.outcome is None else f"  ({length(test.outcome.took_s)})"
        yield f"{'✓' if test.passed else '✗'} {file.file}: {test.name}{took}"
        if not test.passed:
            yield from _why(file, test, story=story)


def _why(file: FileResult, test: TestResult, *, story: bool) -> Iterator[str]:
    if test.error is not None:
        yield f"    {file.file}:{test.line}: {test.error}"
    for each in test.differences:
        yield f"    {file.file}:{each.line}: {each}"
    outcome = test.outcome
    if outcome is None:
        return
    for refused in outcome.rejections:
        yield f"    refused: {refused}"
    if story:
        told = outcome.story[-MAX_STORY:]
        if len(told) < len(outcome.story):
            yield f"      … {len(outcome.story) - len(told)} events before"
        for at_s, said in told:
            yield f"      +{length(at_s):<12} {said}"


def coverage_lines(results: Results) -> Iterator[str]:
    """Say how much of each workflow was run through, and what was not."""
    for each in results.coverage:
        steps = f"steps {len(each.steps_hit)}/{len(each.steps)}"
        branches = f"branches {len(each.branches_hit)}/{len(each.branches)}"
        yield f"{each.workflow}: {each.percent:.0f} %, {steps}, {branches}"
        missed = each.missed
        for name in missed[:MAX_MISSED]:
            yield f"    not run: {name}"
        if len(missed) > MAX_MISSED:
            yield f"    … and {len(missed) - MAX_MISSED} more"


def summary(results: Results) -> str:
    """Say all of it in one sentence."""
    tests = results.tests
    passed = sum(1 for test in tests if test.passed)
    parts = [f"{passed} passed"]
    if passed < len(tests):
        parts.append(f"{len(tests) - passed} failed")
    if results.mistakes:
        count = len(results.mistakes)
        parts.append("1 mistake" if count == 1 else f"{count} mistakes")
    seconds = sum(test.seconds for test in tests)
    virtual = sum(test.outcome.took_s for test in tests if test.outcome is not None)
    took = f"{length(virtual)} of virtual time in {length(round(seconds, 3))}"
    covered = f"coverage {results.percent:.0f} %; " if tests else ""
    return f"{', '.join(parts)}; {covered}{took}"


def json_of(results: Results) -> dict[str, Any]:
    """Give all of it as data."""
    return {
        "passed": results.passed,
        "tests": [_test_data(file, test) for file in results.files for test in file.tests],
        "mistakes": results.mistakes,
        "coverage": {
            "percent": round(results.percent, 1),
            "workflows": [_coverage_data(each) for each in results.coverage],
            "files": {
                file.file: [_coverage_data(each) for each in file.coverage]
                for file in results.files
            },
        },
    }


def _test_data(file: FileResult, test: TestResult) -> dict[str, Any]:
    outcome = test.outcome
    data: dict[str, Any] = {
        "file": file.file,
        "line": test.line,
        "name": test.name,
        "passed": test.passed,
        "seconds": round(test.seconds, 6),
        "differences": [
            {"what": each.what, "message": each.message, "line": each.line}
            for each in test.differences
        ],
    }
    if test.error is not None:
        data["error"] = test.error
    if outcome is not None:
        data |= {
            "status": outcome.status,
            "virtual_s": outcome.took_s,
            "path": outcome.path,
            "skipped": outcome.skipped,
            "compensated": outcome.compensated,
            "output": outcome.output,
        }
    return data


def _coverage_data(each: Coverage) -> dict[str, Any]:
    return {
        "workflow": each.workflow,
        "percent": round(each.percent, 1),
        "steps": [len(each.steps_hit), len(each.steps)],
        "branches": [len(each.branches_hit), len(each.branches)],
        "missed": each.missed,
    }


def junit_of(results: Results) -> bytes:
    """Write JUnit XML: a suite a file, a case a test; a file with mistakes is a case in error."""
    root = ET.Element("testsuites", name="stretto")
    for file in results.files:
        failures = sum(1 for test in file.tests if test.differences)
        errors = sum(1 for test in file.tests if test.error is not None)
        suite = ET.SubElement(
            root,
            "testsuite",
            name=file.file,
            tests=str(len(file.tests) + bool(file.mistakes)),
            failures=str(failures),
            errors=str(errors + bool(file.mistakes)),
            time=f"{sum(test.seconds for test in file.tests):.6f}",
        )
        if file.mistakes:
            case = ET.SubElement(suite, "testcase", classname=file.file, name="mistakes")
            text = "\n".join(str(mistake) for mistake in file.mistakes)
            _said(case, "error", f"{len(file.mistakes)} mistakes", text)
        for test in file.tests:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=file.file,
                name=test.name,
                time=f"{test.seconds:.6f}",
            )
            if test.error is not None:
                _said(case, "error", test.error, test.error)
            elif test.differences:
                text = "\n".join(f"{file.file}:{each.line}: {each}" for each in test.differences)
                _said(case, "failure", str(test.differences[0]), text)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _said(case: ET.Element, kind: str, message: str, text: str) -> None:
    ET.SubElement(case, kind, message=_printable(message)).text = _printable(text)


def _printable(text: str) -> str:
    """Leave out what XML 1.0 cannot hold."""
    return "".join(c for c in text if c.isprintable() or c in "\n\t")
