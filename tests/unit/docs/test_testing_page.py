"""docs/testing.md tells the truth: its files of tests pass, its Python runs, its output is real."""

import re
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner

from stretto.cli.commands.test import test_command as command
from stretto.definition.mistakes import Report
from stretto.definition.yaml_reader import read
from stretto.testing.document import ACT, EXPECTED, FILE, STATUSES, TEST, json_schema

TEXT = (Path(__file__).parents[3] / "docs" / "testing.md").read_text(encoding="utf-8")
FILES = re.findall(r"```yaml (\S+\.yaml)\n(.*?)```", TEXT, flags=re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
SAID = re.findall(r"```text\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_of_tests_passes_and_says_what_is_shown(folder: Path) -> None:
    assert [name for name, _ in FILES] == ["order.yaml", "order.test.yaml"]
    done = CliRunner().invoke(command, ["order.test.yaml"])
    assert done.exit_code == 0, done.output
    shown = SAID[0].splitlines()
    assert shown[0] == "$ stretto test order.test.yaml"
    assert done.output.splitlines()[:-1] == shown[1:]


def test_a_test_that_does_not_pass_says_what_is_shown(folder: Path) -> None:
    file = folder / "order.test.yaml"
    file.write_text(file.read_text().replace("took: 2h", "took: 3h"))
    done = CliRunner().invoke(command, ["order.test.yaml"])
    assert done.exit_code == 1
    assert done.output.splitlines()[:2] == SAID[1].splitlines()


@pytest.mark.parametrize("source", PYTHON, ids=range(len(PYTHON)))
def test_the_python_examples_run(folder: Path, source: str) -> None:
    names: dict[str, object] = {}
    exec(compile(source, "testing.md", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        assert callable(test)
        test()


def test_every_key_and_status_is_there() -> None:
    names = {*FILE, *TEST.fields, *ACT, *EXPECTED, *STATUSES}
    assert [name for name in sorted(names) if not re.search(rf"`{name}\b", TEXT)] == []


def test_the_schema_for_editors_takes_the_example_and_refuses_other_keys() -> None:
    node = read(dict(FILES)["order.test.yaml"], Report("f"))
    assert node is not None
    jsonschema_rs.validate(json_schema(), node.data)
    assert not jsonschema_rs.is_valid(json_schema(), {"workflow": "a", "tests": [], "tasts": {}})
