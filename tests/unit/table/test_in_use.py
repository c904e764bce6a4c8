"""How a table and a switch ask now, told with what was measured of them."""

import msgspec

from services.decision.core.plans import PlanCache
from stretto.contracts.asks import TableInput, TablePlan, TableRule
from stretto.expression.cache import ProgramCache
from stretto.table.branches import CompiledBranches
from stretto.table.in_use import switch_in_use, table_in_use
from stretto.table.measuring import SAMPLE_EVERY
from tests.unit.decision.plans import decide, plan
from tests.unit.table.tables import ask, table


def test_a_table_tells_its_order_and_what_was_measured() -> None:
    rules = [({"x": str(n % 2), "y": str(n)}, n) for n in range(100)]
    learns = table({"x": "any", "y": "any"}, *rules, hit="first")
    assert table_in_use(learns) == []

    ask(learns, x=0, y=0)
    assert table_in_use(learns)[0] == (
        "1 decisions of this instance; inputs are asked in this order:"
    )
    assert "x: not measured yet" in table_in_use(learns)

    for n in range(SAMPLE_EVERY * 16):
        ask(learns, x=n % 2, y=n % 100)
    head, first, second = table_in_use(learns)
    assert head.startswith(f"{SAMPLE_EVERY * 16 + 1} decisions")
    assert first.startswith("y: ") and "leaves 1% of the rules (measured 16 times)" in first
    assert second.startswith("x: ")


def test_a_switch_tells_its_order() -> None:
    cases = ["input.a > 1 && input.b > 1", "input.a > 1 && input.c > 1", None]
    branches = CompiledBranches(cases, ProgramCache())
    assert switch_in_use(branches) == []
    for _ in range(SAMPLE_EVERY + 1):
        branches.choose({"input": {"a": 2, "b": 0, "c": 0}})
    head, first, *_ = switch_in_use(branches)
    assert head == f"{SAMPLE_EVERY + 1} decisions of this instance; cases are asked in this order:"
    assert first == "case 0: `input.b > 1`, then `input.a > 1`"


def test_a_cache_tells_of_the_plans_that_it_has() -> None:
    cache = PlanCache()
    cases = ("input.a > 1 && input.b > 1", "input.a > 1 && input.c > 1", None)
    switch, other = plan("input", cases=cases), plan("input", condition="true")
    assert cache.in_use(switch) == []
    decide(switch, {"a": 2, "b": 0, "c": 2}, cache=cache)
    decide(other, {}, cache=cache)
    assert cache.in_use(switch)[0].startswith("1 decisions of this instance")
    assert cache.in_use(other) == []
    assert cache.in_use(b"none") == []

    rules = (TableRule(when={"x": "> 1"}, then=msgspec.Raw(b"1")),)
    inputs = (TableInput(name="x", expression="input.x", type="number"),)
    asks = plan("input", table=TablePlan(inputs=inputs, rules=rules, hit="first"))
    decide(asks, {"x": 2}, cache=cache)
    assert cache.in_use(asks)[0].startswith("1 decisions of this instance")
