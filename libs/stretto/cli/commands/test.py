"""`stretto test`: run files of tests in virtual time."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import click
from rich.markup import escape

from stretto.cli.exits import EXIT_OK, EXIT_RUN_FAILED, EXIT_USAGE
from stretto.cli.printing import note, out, print_json
from stretto.testing.files import PATTERNS, Results, find, run_files
from stretto.testing.report import coverage_lines, json_of, junit_of, lines_of, summary


@click.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-k", "chosen", metavar="TEXT", help="Only tests whose name holds this.")
@click.option("-v", "--verbose", is_flag=True, help="Tell the events of tests that fail.")
@click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Fail when fewer steps and branches than this were run through.",
)
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write JUnit XML to FILE.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
def test_command(
    *,
    files: tuple[Path, ...],
    chosen: str | None,
    verbose: bool,
    fail_under: float | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Run workflows in virtual time with mocked tasks, as FILES of tests say.

    A folder stands for the files of tests in it (*.test.yaml, *_test.yaml). Needs no server. Exit
    codes: 0 all passed, 1 some did not or too little was run through, 2 a file has mistakes.
    """
    found = find(files)
    if not found:
        raise click.UsageError(f"expected files like {' or '.join(PATTERNS[::2])}, but found none")
    results = Results()
    try:
        for result in run_files(found, chosen):
            results.files.append(result)
            if not as_json:
                _print_lines(lines_of(result, story=verbose))
    except OSError as error:
        raise click.UsageError(
            f"expected to read {error.filename}, but: {error.strerror}"
        ) from None
    except UnicodeDecodeError as error:
        raise click.UsageError(f"expected files of tests to be text, but {error}") from None
    if junit is not None:
        _write(junit, junit_of(results))
    if as_json:
        print_json(json_of(results))
    else:
        _print_lines(coverage_lines(results))
        out().print(summary(results), markup=False, style="green" if results.passed else "red")
    sys.exit(_exit_code(results, fail_under))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        style = {"✓": "green", "✗": "red"}.get(line[:1])
        text = escape(line)
        out().print(f"[{style}]{text[0]}[/]{text[1:]}" if style else text, soft_wrap=True)


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise click.UsageError(f"expected to write {file}, but: {error.strerror}") from None


def _exit_code(results: Results, fail_under: float | None) -> int:
    if results.mistakes:
        return EXIT_USAGE
    if not results.tests:
        note("no test has such a name", "yellow")
        return EXIT_USAGE
    if fail_under is not None and results.percent < fail_under:
        note(f"expected a coverage of {fail_under:g} %, but it is {results.percent:.1f} %", "red")
        return EXIT_RUN_FAILED
    return EXIT_OK if results.passed else EXIT_RUN_FAILED
