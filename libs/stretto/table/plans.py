"""What the plan of a table is made of, for who does not run it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from stretto.contracts.asks import TablePlan
from stretto.table.cells import expression_in


def expressions_of(plan: TablePlan | None) -> Iterator[str]:
    """The expressions of the inputs and conditions of a table, each once."""
    if plan is None:
        return
    seen = {each.expression for each in plan.inputs}
    yield from seen
    for rule in plan.rules:
        for text in rule.when.values():
            source = expression_in(text)
            if source is not None and source not in seen:
                seen.add(source)
                yield source


def outputs_of(plan: TablePlan | None) -> Iterator[msgspec.Raw]:
    """The templates of what a table gives."""
    if plan is not None:
        yield from (rule.then for rule in plan.rules)
        yield plan.otherwise
