"""`docs/configuration.md` names every variable that the code reads, with default and meaning."""

import ast
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from scripts.configuration import CLASSES, PAGE, own_fields, page, table, variable
from scripts.generate import ROOT
from stretto.contracts import subjects
from stretto.proto.declared import field_words

TEXT = (ROOT / PAGE).read_text()
STREAMS = {value for name, value in vars(subjects).items() if name.startswith("STREAM_")}


@pytest.mark.parametrize("name", CLASSES)
def test_every_setting_is_described_where_it_is_declared(name: str) -> None:
    cls = CLASSES[name]
    words = field_words(cls)
    assert [field for field, _ in own_fields(cls) if not words.get(field)] == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_setting_stands_on_the_page(name: str) -> None:
    for field, info in own_fields(CLASSES[name]):
        assert f"| `{variable(field, info)}` |" in TEXT


def test_every_table_is_on_the_page() -> None:
    assert set(re.findall(r"<!-- table: ([a-z ]+) -->", TEXT)) == set(CLASSES)
    assert page(TEXT) == TEXT


def test_every_settings_class_of_a_service_has_a_table() -> None:
    found = {path.parent.name for path in (ROOT / "services").glob("*/settings.py")}
    assert found <= set(CLASSES)


def variables_in(path: Path) -> set[str]:
    """The variables that a file names in its code."""
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"STRETTO_[A-Z][A-Z_]+[A-Z]", node.value)
    }


def test_every_variable_that_the_code_names_stands_on_the_page() -> None:
    named = {
        each
        for folder in ("libs", "services")
        for path in (ROOT / folder).rglob("*.py")
        for each in variables_in(path)
    }
    assert {name for name in named - STREAMS if f"`{name}`" not in TEXT} == set()


def test_a_table_says_variable_default_and_bounds() -> None:
    lines = table(CLASSES["every service"]).splitlines()
    assert any(
        line.startswith("| `STRETTO_PARTITIONS` | `4` | ") and line.endswith(" 1 to 256. |")
        for line in lines
    )
    assert any(line.startswith("| `OTEL_EXPORTER_OTLP_ENDPOINT` | not set | ") for line in lines)
    assert any("Above 0 to 600." in line for line in lines)
    assert "| `STRETTO_POSTGRES_DSN` | required | " in table(CLASSES["workflow"])
    assert "| `STRETTO_API_OPEN` | `false` | " in table(CLASSES["gateway"])


def test_only_what_a_class_adds_is_in_its_table() -> None:
    class Same(CLASSES["every service"]):  # type: ignore[misc,name-defined] # a class in a table
        """Adds nothing."""

    assert issubclass(Same, BaseSettings)
    assert list(own_fields(Same)) == []
