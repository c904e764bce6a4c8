"""The text of a definition: YAML 1.2 with places, JSON, and what is made of numbers and strings."""

import pytest
import yaml

from stretto.definition import yaml_reader
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Json, Mapping, Position, Scalar, find, path_text
from stretto.definition.yaml_reader import read


def value_of(text: str) -> Json:
    report = Report("f")
    node = read(f"v: {text}\n", report)
    assert isinstance(node, Mapping) and not report.count, report.mistakes()
    return node.entries["v"].data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None), ("nil", "nil"), ("nUll", "nUll"),
        ("true", True), ("False", False), ("TRUE", True), ("on", "on"), ("yes", "yes"),
        ("No", "No"), ("off", "off"), ("y", "y"),
        ("0", 0), ("-7", -7), ("+7", 7), ("017", 17), ("0o17", 15), ("0x1F", 31), ("0b1", "0b1"),
        ("1_000", "1_000"), ("9223372036854775807", 2**63 - 1), ("1:30", "1:30"),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("-1e3", -1000.0), ("1e-2", 0.01), (".", "."),
        ("1.2.3", "1.2.3"), ("2030-01-01", "2030-01-01"), ("'5'", "5"), ('"5"', "5"),
        ("!!str 5", "5"), ("!!int '5'", 5), ("! 5", "5"), ("[1, a, {b: c}]", [1, "a", {"b": "c"}]),
        ("!!map {}", {}), ("!!seq []", []), ("nothing", "nothing"), ("~x", "~x"),
        ("&a [1]", [1]), ("|\n  a\n  b", "a\nb\n"), (">\n  a\n  b", "a b\n"),
    ],
)  # fmt: skip
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: Json) -> None:
    read_value = value_of(text)

    assert read_value == value
    assert type(read_value) is type(value)


def test_aliases_stand_for_what_they_name() -> None:
    report = Report("f")
    node = read("a: &x {n: [1, 2]}\nb: *x\nc: [*x, *x]\n", report)

    assert node is not None and not report.count
    assert node.data == {"a": {"n": [1, 2]}, "b": {"n": [1, 2]}, "c": [{"n": [1, 2]}] * 2}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('{"a": "\\ud83d\\ude00", "b": [true, null, 1.5]}', {"a": "😀", "b": [True, None, 1.5]}),
        ('{"a": "\\\\ud83d\\\\ude00 \\\\"}', {"a": "\\ud83d\\ude00 \\"}),
        ('{"a":"\\/\\u00e9",\n\t"b":{}}', {"a": "/é", "b": {}}),
        ('\ufeff{"a": 1}', {"a": 1}),
    ],
)
def test_json_is_read_as_it_is(text: str, data: Json) -> None:
    report = Report("f")
    node = read(text, report)

    assert node is not None and not report.count
    assert node.data == data


def test_surrogates_in_what_is_no_json_are_a_mistake() -> None:
    report = Report("f")

    assert read('{a: "\\ud83d\\ude00"}', report) is None
    assert read("{" * 3000 + '"\\ud83d\\ude00"', report) is None


def test_lines_and_columns_count_from_one() -> None:
    node = read("é: 1\nsteps:\n  - name: [x, yy]\n", Report("f"))

    assert node is not None
    place = find(node, ("steps", 0, "name", 1))
    assert isinstance(place, Scalar) and place.value == "yy"
    assert place.position == Position(3, 15)


def test_a_path_is_followed_as_far_as_it_exists() -> None:
    node = read("a: [1, {b: 2}]\n", Report("f"))

    assert node is not None
    assert find(node, ("a", 1, "c")).data == {"b": 2}
    assert find(node, ("a", 9)).data == [1, {"b": 2}]


def test_odd_names_stand_in_brackets_in_a_path() -> None:
    assert path_text(("steps", "a-b", "with", "a b", 0, "")) == 'steps.a-b.with["a b"][0][""]'
    assert path_text(("a.b",)) == '["a.b"]'


def test_the_reader_in_python_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: &x [1, 'b', \"c\"]\nd: {e: *x}\nf: |\n  g\n"
    with_c = read(text, Report("f"))
    monkeypatch.setattr(yaml_reader, "_Loader", yaml.SafeLoader)
    without = read(text, Report("f"))

    assert with_c is not None and without is not None
    assert with_c.data == without.data
    assert find(without, ("d", "e", 1)).position == find(with_c, ("d", "e", 1)).position


def test_the_reader_in_python_says_where_a_character_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(yaml_reader, "_Loader", yaml.SafeLoader)
    report = Report("f")

    assert read("a: b\nc: \x01\n", report) is None
    assert (report.mistakes()[0].line, report.mistakes()[0].column) == (2, 4)
