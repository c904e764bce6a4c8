"""docs/decisions.md tells the truth: its examples run, and have the mistakes that are shown."""

import json
import re
from pathlib import Path

import pytest

from services.testing.world import World
from stretto.contracts.codec import decode_ask_plan
from stretto.definition import check, compile_graph, load
from stretto.expression import ProgramCache
from stretto.table import limits
from stretto.table.compiled import CompiledTable
from stretto.table.tree import table_lines

TEXT = (Path(__file__).parents[3] / "docs" / "decisions.md").read_text(encoding="utf-8")
RUNS = re.findall(r"```yaml\n(.*?)```\s+```json runs\n(.*?)```", TEXT, flags=re.DOTALL)
WRONG = re.findall(r"```yaml wrong\n(.*?)```\s+```text\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize(("definition", "runs"), RUNS, ids=range(len(RUNS)))
def test_an_example_gives_what_is_shown(definition: str, runs: str) -> None:
    loaded = load(definition)
    assert [str(each) for each in (*loaded.mistakes, *loaded.warnings)] == []
    assert loaded.definition is not None
    world = World(definition)
    for case in json.loads(runs):
        run = world.start(loaded.definition.workflow, case["input"])
        assert (run.status, run.output) == ("completed", case["output"]), run.failure


@pytest.mark.parametrize(("definition", "said"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_example_has_the_mistakes_that_are_shown(definition: str, said: str) -> None:
    assert [str(mistake) for mistake in check(definition, "fees.yaml")] == said.splitlines()


def test_the_tree_that_is_shown_is_that_of_the_first_example() -> None:
    definition = load(RUNS[0][0]).definition
    assert definition is not None
    [step] = compile_graph(definition, 1).root.steps
    assert step.ask is not None
    table = decode_ask_plan(step.ask.plan).table
    assert table is not None

    lines = list(table_lines(CompiledTable(table, ProgramCache())))

    shown = "\n".join([f"fee: {lines[0]}", *lines[1 : lines.index("changed:")]])
    assert shown in TEXT


def test_the_limits_are_those_of_the_code() -> None:
    language = (Path(__file__).parents[3] / "docs" / "language.md").read_text(encoding="utf-8")
    told = f"{limits.MAX_RULES:,}; {limits.MAX_INPUTS}; {limits.MAX_TESTS:,}"

    assert told in language
    assert f"{limits.MAX_CHECK_NODES:,} combinations" in TEXT
