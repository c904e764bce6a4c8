"""How values look."""

import io
from datetime import UTC, datetime, timedelta

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from stretto.cli import printing
from stretto.cli.groups import CommandGroup


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (0.0004, "0.4 ms"),
        (0.0123, "12 ms"),
        (1.236, "1.24 s"),
        (59.99, "59.99 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_short(value: float | None, text: str) -> None:
    assert printing.seconds(value) == text


def test_milliseconds_are_durations_too() -> None:
    assert printing.milliseconds(12.3) == "12 ms"
    assert printing.milliseconds(None) == ""


def test_an_instant_of_another_day_has_its_date() -> None:
    now = datetime.now(UTC)
    assert len(printing.local_time(now.isoformat())) == len("12:00:00")
    assert "-" in printing.local_time((now - timedelta(days=2)).isoformat())
    assert printing.local_time(None) == printing.zoned_time(None) == ""


def test_an_instant_can_be_told_with_the_name_of_its_zone() -> None:
    at = "2026-07-01T12:00:00Z"
    assert printing.zoned_time(at, "Europe/Zurich") == "2026-07-01 14:00:00 CEST"
    assert printing.zoned_time(at, "UTC") == "2026-07-01 12:00:00 UTC"
    here = datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    assert printing.zoned_time(at) == printing.zoned_time(at, "Nowhere/Atall") == here


def test_long_values_are_cut() -> None:
    assert printing.short({"a": 1}) == '{"a":1}'
    cut = printing.short("x" * 500, 10)
    assert len(cut) == 10
    assert cut.endswith("…")


def test_a_status_is_escaped_and_coloured() -> None:
    assert printing.status("completed") == "[green]completed[/]"
    assert printing.status("running") == "[cyan]running[/]"


def test_an_empty_table_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    printing.table(("a", "b"), [], "nothing there")
    printing.table(("a", "b"), [("1", "2")], "nothing there")
    captured = capsys.readouterr()
    assert captured.err == "nothing there\n"
    assert captured.out.split() == ["a", "b", "1", "2"]


def test_rows_for_a_program_end_with_their_last_cell(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("1", "[dim]long enough[/] \\[x] :warning:"), ("2", ""), ("three", "x" * 600)]
    printing.table(("n", "what is told"), rows, "")
    lines = capsys.readouterr().out.split("\n")
    assert lines == [line.rstrip() for line in lines]
    assert lines[0] == "n      what is told"
    assert lines[1].startswith("1      long enough [x]")
    assert lines[2] == "2"
    assert lines[-1] == ""
    assert "".join(lines[3:]).count("x") == 600


def test_json_is_one_line_for_a_program_and_indented_for_a_person(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    printing.print_json({"a": [1]})
    assert capsys.readouterr().out == '{"a":[1]}\n'
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    printing.print_json({"a": [1]})
    assert capsys.readouterr().out == '{\n  "a": [\n    1\n  ]\n}\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2, "1 s"), (1.4, "1 s"), (1.6, "2 s"), (59.4, "59 s"), (90, "1 min 30 s")],
)
def test_time_that_is_left_is_told_roughly(value: float, text: str) -> None:
    assert printing.left(value) == text


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> io.StringIO:
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(printing, "out", lambda: console)
    return written


def test_long_cells_are_folded_and_headings_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    written = on_a_terminal(monkeypatch, 40)
    printing.table(("run", "passages", "id"), [("x" * 20, "1", "key-" * 10), ("y", "2")], "")
    lines = written.getvalue().splitlines()
    assert lines[0].split() == ["run", "passages", "id"]
    assert max(map(len, lines)) <= 40


def test_a_table_that_cannot_fit_folds_headings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    written = on_a_terminal(monkeypatch, 12)
    printing.table(("passages", "attempts"), [("1", "2")], "")
    assert max(map(len, written.getvalue().splitlines())) <= 12


def test_a_narrow_terminal_shows_so_much_of_run_ids_as_tells_them_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = [f"01a204be-63d0-7757-8131-d2865ce7{end}" for end in ("6af0", "6af1")]
    on_a_terminal(monkeypatch, 200)
    assert printing.run_ids(ids) == ids
    on_a_terminal(monkeypatch, 80)
    assert printing.run_ids(ids) == ids
    assert printing.run_ids(ids[:1]) == ["01a204be-63d0"]
    assert printing.run_ids([*ids[:1], "01a204be-63d1-7757-8131-d2865ce76af0"]) == [
        "01a204be-63d0",
        "01a204be-63d1",
    ]
    assert printing.run_ids([]) == []


def test_a_group_lists_its_commands_in_their_order_with_whole_sentences() -> None:
    @click.group("things", cls=CommandGroup)
    def things() -> None:
        """Things."""

    @things.command("z-first")
    def first() -> None:
        """Do a thing whose sentence is so long that click itself would cut it with three dots.

        And more that is not shown.
        """

    @things.command("a-second")
    def second() -> None:
        """Another."""

    said = CliRunner().invoke(things, ["--help"], terminal_width=60).output
    assert said.index("z-first") < said.index("a-second")
    assert "dots." in said and "And more" not in said
