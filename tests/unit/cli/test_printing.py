"""How values look."""

from datetime import UTC, datetime, timedelta

import pytest

from stretto.cli import printing


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
    assert printing.local_time(None) == ""


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
