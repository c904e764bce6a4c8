"""Random tables against testing every rule one by one, and against looking at every row."""

import json
import random
from itertools import product
from typing import Any

import pytest

from stretto.contracts.asks import HitPolicy
from stretto.table.cells import read_cell
from stretto.table.check import Dimension, check_table
from stretto.table.domains import domain_of_schema
from stretto.table.values import contains
from tests.unit.table.tables import ask, table

CONDITIONS = {
    "n": ["-", "< 3", "3", "[1..4)", "(2..5]", "> 4", "not(2)", "<= 1, > 3", "!= 3", "[0..6]"],
    "t": ["-", "a", "a, b", "not(a)", ">= b", "[a..c)", "c", "< c"],
    "b": ["-", "true", "false", "not(true)"],
}
VALUES: dict[str, list[Any]] = {"n": list(range(7)), "t": ["a", "b", "c"], "b": [True, False]}
TYPES = {"n": "integer", "t": "string", "b": "boolean"}
SCHEMAS = {
    "n": {"type": "integer", "minimum": 0, "maximum": 6},
    "t": {"enum": ["a", "b", "c"]},
    "b": {"type": "boolean"},
}
ROWS = [dict(zip(VALUES, row, strict=True)) for row in product(*VALUES.values())]


def random_rules(seed: int) -> list[dict[str, str]]:
    chance = random.Random(seed)
    return [
        {name: chance.choice(texts) for name, texts in CONDITIONS.items()}
        for _ in range(chance.randint(1, 8))
    ]


def fitting(rules: list[dict[str, str]], row: dict[str, Any]) -> list[int]:
    """The rules that fit, tested one by one."""
    found = []
    for number, rule in enumerate(rules):
        sets = [(read_cell(text, TYPES[name]).admits, row[name]) for name, text in rule.items()]
        if all(admits is not None and contains(admits, value) for admits, value in sets):
            found.append(number)
    return found


@pytest.mark.parametrize("seed", range(60))
def test_the_index_finds_the_rules_that_testing_one_by_one_finds(seed: int) -> None:
    rules = random_rules(seed)
    policies: tuple[HitPolicy, ...] = ("first", "collect")
    first, every = (table(TYPES, *[(r, n) for n, r in enumerate(rules)], hit=h) for h in policies)

    for row in ROWS:
        fits = fitting(rules, row)
        assert ask(every, **row) == (fits, fits), (seed, row)
        assert ask(first, **row) == (fits[0] if fits else None, fits[:1]), (seed, row)


@pytest.mark.parametrize("seed", range(60))
def test_gaps_overlaps_and_dead_rules_are_exactly_those_that_looking_at_every_row_shows(
    seed: int,
) -> None:
    rules = random_rules(seed)
    dimensions = [Dimension(name, domain_of_schema(schema)) for name, schema in SCHEMAS.items()]
    cells = [[read_cell(rule[name], TYPES[name]) for name in SCHEMAS] for rule in rules]

    found = check_table(dimensions, cells, ranks=range(len(rules)), one_counts=True)

    fits = {json.dumps(row): fitting(rules, row) for row in ROWS}
    gaps = [row for row, rules_of in fits.items() if not rules_of]
    pairs = {(a, b) for each in fits.values() for a in each for b in each if a < b}
    firsts = {each[0] for each in fits.values() if each}
    assert not found.gave_up
    assert bool(found.gaps) == bool(gaps)
    assert all(json.dumps(gap.row) in gaps for gap in found.gaps), (seed, found.gaps)
    assert found.overlap_count == len(pairs)
    assert all((o.first, o.second) in pairs for o in found.overlaps)
    for overlap in found.overlaps:
        both = {overlap.first, overlap.second}
        rows = [row for row in ROWS if overlap.row.items() <= row.items()]
        assert rows
        assert all(both <= set(fits[json.dumps(row)]) for row in rows)
    assert {dead.rule for dead in found.dead} == set(range(len(rules))) - firsts
