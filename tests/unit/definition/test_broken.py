"""Every mistake of a definition is found in one pass, with its place and what was expected."""

import pytest

from stretto.definition import check, load
from tests.unit.definition.broken import Broken
from tests.unit.definition.broken_documents import DOCUMENTS
from tests.unit.definition.broken_expressions import EXPRESSIONS
from tests.unit.definition.broken_fields import FIELDS
from tests.unit.definition.broken_groups import GROUPS
from tests.unit.definition.broken_kinds import KINDS
from tests.unit.definition.broken_needs import NEEDS
from tests.unit.definition.broken_policies import POLICIES
from tests.unit.definition.broken_references import REFERENCES
from tests.unit.definition.broken_schemas import SCHEMAS
from tests.unit.definition.broken_switches import SWITCHES
from tests.unit.definition.broken_timeouts import TIMEOUTS
from tests.unit.definition.broken_yaml import YAML

ALL = (
    *DOCUMENTS,
    *EXPRESSIONS,
    *FIELDS,
    *GROUPS,
    *KINDS,
    *NEEDS,
    *POLICIES,
    *REFERENCES,
    *SCHEMAS,
    *SWITCHES,
    *TIMEOUTS,
    *YAML,
)


@pytest.mark.parametrize("broken", ALL, ids=lambda broken: broken.name)
def test_a_broken_definition_has_exactly_its_mistakes(broken: Broken) -> None:
    said = [str(mistake).removeprefix("f:") for mistake in check(broken.text, "f")]

    assert len(said) == len(broken.mistakes), said
    for line, expected in zip(said, broken.mistakes, strict=True):
        if expected.endswith("…"):
            assert line.startswith(expected[:-1])
        else:
            assert line == expected


def test_there_are_enough_of_them_and_each_is_named_once() -> None:
    assert len({broken.name for broken in ALL}) == len(ALL) >= 60


@pytest.mark.parametrize("broken", ALL, ids=lambda broken: broken.name)
def test_a_broken_definition_cannot_be_used(broken: Broken) -> None:
    loaded = load(broken.text)

    assert loaded.definition is None
    assert loaded.mistakes
    assert all(m.line >= 1 and m.column >= 1 and m.code for m in loaded.mistakes)


def test_mistakes_come_in_the_order_of_the_text() -> None:
    for broken in ALL:
        places = [(m.line, m.column) for m in check(broken.text)]
        assert places == sorted(places)


def test_more_mistakes_than_anybody_reads_are_cut() -> None:
    text = "workflow: w\nsteps:\n" + "".join(f"  s{i}: {{needs: [x{i}]}}\n" for i in range(500))

    mistakes = check(text)

    assert len(mistakes) == 201
    assert mistakes[-1].code == "too_many_mistakes"
    assert str(mistakes[-1]).endswith(": expected at most 200 mistakes, but there are more")
