"""docs/language.md tells the truth: its examples compile, and its lists are those of the code."""

import re
from pathlib import Path

import jsonschema_rs
import pytest

from stretto.definition import check, compile_graph, json_schema, load
from stretto.definition import limits as limits_of_language
from stretto.definition.document import FIELDS as DOCUMENT_FIELDS
from stretto.definition.kinds import KINDS
from stretto.definition.mistakes import Report
from stretto.definition.steps import FIELDS as STEP_FIELDS
from stretto.definition.yaml_reader import read

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "language.md").read_text()
PACKAGE = Path(limits_of_language.__file__).parent

EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
WRONG = re.findall(r"```yaml wrong\n(.*?)```\s+```text\n(.*?)```", TEXT, flags=re.DOTALL)


def whole(example: str) -> str:
    """An example that is a part of a definition, completed."""
    return example if example.startswith("workflow:") else "workflow: example\n" + example


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_compiles_without_warnings(example: str) -> None:
    loaded = load(whole(example))

    assert [str(m) for m in (*loaded.mistakes, *loaded.warnings)] == []
    assert loaded.definition is not None
    assert compile_graph(loaded.definition, 1).root.steps


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_schema_for_editors_takes_an_example(example: str) -> None:
    node = read(whole(example), Report("f"))

    assert node is not None
    assert jsonschema_rs.is_valid(json_schema(), node.data)


def test_a_wrong_example_has_the_mistakes_that_are_shown() -> None:
    assert WRONG
    for text, said in WRONG:
        assert [str(mistake) for mistake in check(text, "order.yaml")] == said.splitlines()


def test_every_key_kind_and_field_is_there() -> None:
    names = {*DOCUMENT_FIELDS, *STEP_FIELDS, *KINDS}

    assert [name for name in sorted(names) if f"`{name}`" not in TEXT] == []


def test_every_code_of_a_mistake_is_there() -> None:
    source = "".join(path.read_text() for path in sorted(PACKAGE.rglob("*.py")))
    codes = set(re.findall(r'^\s+"([a-z]+_?[a-z_]+)",\s*\n\s+f?"expected', source, re.MULTILINE))
    codes |= set(re.findall(r'"([a-z_]+)", f?"expected', source))

    assert {"unknown_step", "cycle", "yaml", "bad_value"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in TEXT] == []
