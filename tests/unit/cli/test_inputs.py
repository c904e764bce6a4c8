"""The input of a run, from the command line."""

import io
import sys
from pathlib import Path

import click
import pytest

from stretto.cli.inputs import read_input
from stretto.cli.labels import labels_of


def test_values_are_json_where_they_parse_and_text_where_they_do_not() -> None:
    given = ["name=Ada", "total=12.5", "ok=true", 'items=["a"]', "empty=", "url=a=b", 'quoted="1"']
    assert read_input(given, None) == {
        "name": "Ada",
        "total": 12.5,
        "ok": True,
        "items": ["a"],
        "empty": "",
        "url": "a=b",
        "quoted": "1",
    }


def test_dots_go_into_objects_and_later_ones_win() -> None:
    assert read_input(["a.b.c=1", "a.b.d=2", "a.b.c=3"], None) == {"a": {"b": {"c": 3, "d": 2}}}


def test_nothing_given_is_no_input() -> None:
    assert read_input([], None) is None


def test_what_is_given_goes_over_an_input_that_is_there() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": 3}
    assert read_input(["a.c=9"], None, before) == {"a": {"b": 1, "c": 9}, "d": 3}
    assert before["a"] == {"b": 1, "c": 2}
    assert read_input(["a=1"], None, None) == {"a": 1}
    with pytest.raises(click.UsageError, match="meets something else"):
        read_input(["a=1"], None, [1])


def test_a_file_is_put_under_what_follows(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"a": 1, "b": {"c": 2}}')
    assert read_input([f"@{file}", "b.d=3"], None) == {"a": 1, "b": {"c": 2, "d": 3}}
    file.write_text("[1, 2]")
    assert read_input([f"@{file}"], None) == [1, 2]


def test_the_whole_input_may_come_as_json_or_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_input(["b=2"], '{"a": 1}') == {"a": 1, "b": 2}
    monkeypatch.setattr(sys, "stdin", io.StringIO('"text"'))
    assert read_input([], "-") == "text"


@pytest.mark.parametrize(
    ("inputs", "whole", "why"),
    [
        (["name"], None, "expected -i to be like key=value, but got 'name'"),
        (["=1"], None, "expected -i to be like key=value"),
        (["a=1"], "[1]", "expected objects to put together"),
        ([], "{", "expected --input-json to be JSON, but"),
        (["@/nowhere.json"], None, "expected to read /nowhere.json, but: No such file"),
    ],
)
def test_what_cannot_be_is_refused(inputs: list[str], whole: str | None, why: str) -> None:
    with pytest.raises(click.UsageError, match=why):
        read_input(inputs, whole)


def test_files_that_are_no_json_or_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text("{")
    with pytest.raises(click.UsageError, match="to be JSON"):
        read_input([f"@{file}"], None)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(click.UsageError, match="to be text"):
        read_input([f"@{file}"], None)


def test_labels_are_keys_and_values() -> None:
    assert labels_of(("a=1", "b=x=y")) == {"a": "1", "b": "x=y"}
    with pytest.raises(click.UsageError, match="--label"):
        labels_of(("a",))


@pytest.mark.parametrize("given", ["n={bad", "n=[1,", 'n="half', "n= {'a': 1}"])
def test_a_value_that_begins_as_json_has_to_be_json(given: str) -> None:
    with pytest.raises(click.UsageError, match="expected the value of -i n to be JSON"):
        read_input([given], None)


def test_text_that_looks_like_json_can_be_given_as_json() -> None:
    assert read_input(['n="{bad"'], None) == {"n": "{bad"}
