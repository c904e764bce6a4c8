"""A decision table of many rules against testing its rules one by one.

`python -m tests.bench.table_speed [RULES]` prints microseconds per decision: through the index, by
plain tests of the values (Python, no expressions), and by expressions, a condition a rule.
"""

import random
import sys
from collections.abc import Callable
from time import process_time
from typing import Any, NamedTuple

import msgspec

from stretto.contracts.asks import TableInput, TablePlan, TableRule
from stretto.expression import Kind, ProgramCache
from stretto.table.cells import read_cell
from stretto.table.compiled import CompiledTable
from stretto.table.values import contains

REGIONS = ("eu", "us", "asia", "africa", "oceania")
SEED = 20_26


class Speeds(NamedTuple):
    """Microseconds of one decision."""

    by_index: float
    by_tests: float
    by_expressions: float


def measure(rules: int, questions: int = 60) -> Speeds:
    """Measure a table of so many rules over random questions; all three answer the same."""
    chance = random.Random(SEED)
    whens = [
        {
            "total": f"[{10 * n}..{10 * n + 10})",
            "region": ", ".join(chance.sample(REGIONS, 3)),
            "vip": chance.choice(["true", "-", "-"]),
        }
        for n in range(rules)
    ]
    rows = [
        {
            "total": chance.uniform(0, 10 * rules),
            "region": chance.choice(REGIONS),
            "vip": chance.choice([True, False]),
        }
        for _ in range(questions)
    ]
    table = _table(whens)
    tests = _by_tests(whens)
    expressions = _by_expressions(whens)
    for row in rows:
        found = table.decide({"input": row}).rules
        assert found == tests(row) == expressions(row), row
    return Speeds(
        _microseconds(lambda row: table.decide({"input": row}), rows, 200),
        _microseconds(tests, rows, 2),
        _microseconds(expressions, rows, 1),
    )


def _table(whens: list[dict[str, str]]) -> CompiledTable:
    types = {"total": "number", "region": "string", "vip": "boolean"}
    return CompiledTable(
        TablePlan(
            inputs=tuple(
                TableInput(name=name, expression=f"input.{name}", type=type_)  # type: ignore[arg-type]
                for name, type_ in types.items()
            ),
            rules=tuple(
                TableRule(when=when, then=msgspec.Raw(b"%d" % n)) for n, when in enumerate(whens)
            ),
            hit="first",
        ),
        ProgramCache(),
    )


def _by_tests(whens: list[dict[str, str]]) -> Callable[[dict[str, Any]], list[int]]:
    rules = [[(name, read_cell(text).admits or ()) for name, text in w.items()] for w in whens]

    def first(row: dict[str, Any]) -> list[int]:
        for number, rule in enumerate(rules):
            if all(contains(admits, row[name]) for name, admits in rule):
                return [number]
        return []

    return first


def _by_expressions(whens: list[dict[str, str]]) -> Callable[[dict[str, Any]], list[int]]:
    programs = ProgramCache(len(whens))
    conditions = []
    for when in whens:
        low, high = when["total"][1:-1].split("..")
        names = ", ".join(f"'{name}'" for name in when["region"].split(", "))
        vip = " && input.vip" if when["vip"] == "true" else ""
        source = f"input.total >= {low} && input.total < {high} && input.region in [{names}]{vip}"
        conditions.append(programs.expression(source, None, Kind.BOOL).evaluate)

    def first(row: dict[str, Any]) -> list[int]:
        scope = {"input": row}
        return next(([n] for n, holds in enumerate(conditions) if holds(scope)), [])

    return first


def _microseconds(
    work: Callable[[dict[str, Any]], object], rows: list[dict[str, Any]], times: int
) -> float:
    began = process_time()
    for _ in range(times):
        for row in rows:
            work(row)
    return (process_time() - began) * 1e6 / (times * len(rows))


def main() -> None:
    """Measure and print."""
    rules = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    found = measure(rules)
    print(f"{rules} rules, microseconds a decision")
    print(f"  by index        {found.by_index:10.1f}")
    print(f"  by tests        {found.by_tests:10.1f}  {found.by_tests / found.by_index:8.0f} ×")
    times = found.by_expressions / found.by_index
    print(f"  by expressions  {found.by_expressions:10.1f}  {times:8.0f} ×")


if __name__ == "__main__":
    main()
