"""A compiled table, shown: the order of its columns, its tree, and what the optimiser changed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from stretto.contracts.codec import json_encode
from stretto.table.compiled import CompiledTable
from stretto.table.index import numbers_in
from stretto.table.values import (
    BOOL_KIND,
    EVERYTHING,
    NULL_KIND,
    NUMBER_KIND,
    OF_TYPE,
    TEXT_KIND,
    Cut,
    Interval,
    ValueSet,
    common,
    complement,
    contains,
    cuts_of,
    example,
    united,
)

MAX_TREE_LINES = 200
"""A larger tree tells nobody anything."""

MAX_PARTS = 6
"""Intervals of one set that are shown."""

MAX_RULES_SHOWN = 12


def table_lines(table: CompiledTable) -> Iterator[str]:
    """Tell a compiled table in lines."""
    plan = table.plan
    rules, inputs = len(plan.rules), len(plan.inputs)
    yield f"a decision table: {rules} rules, {inputs} inputs, hit {plan.hit}"
    yield "asked in this order:"
    for place, number in enumerate(table.order, 1):
        yield f"  {place}. {_column(table, number)}"
    asked = sum(map(len, table.asked.values()))
    if asked:
        yield f"  then, of rules that are left, {asked} conditions that are expressions"
    yield "tree:"
    lines = _tree(table)
    for _, line in zip(range(MAX_TREE_LINES), lines, strict=False):
        yield "  " + line
    if next(lines, None) is not None:
        yield f"  … cut after {MAX_TREE_LINES} lines"
    yield "changed:"
    for line in changes(table) or ["nothing: there was nothing to gain"]:
        yield "  " + line


def changes(table: CompiledTable) -> list[str]:
    """What the optimiser has changed of a table."""
    told = []
    tests = sum(1 for row in table.cells for cell in row if cell.admits is not None)
    tests -= sum(1 for row in table.cells for cell in row if cell.is_any)
    looks = sum(1 for column in table.columns if column.indifferent != table.all_rules)
    if tests > looks:
        told.append(f"{tests} conditions became {looks} looks into an index")
    if table.order != sorted(table.order):
        order = ", ".join(table.names[number] for number in table.order)
        told.append(f"inputs are asked in the order {order}: what leaves the fewest rules first")
    for place, _ in enumerate(table.getters):
        same = [table.names[c] for c, shared in enumerate(table.sharing) if shared == place]
        if len(same) > 1:
            told.append(f"{', '.join(same)}: the same expression, worked out once")
    expressions: dict[tuple[str, int], list[int]] = {}
    for rule, conditions in table.asked.items():
        for asked in conditions:
            expressions.setdefault((asked.source, asked.column), []).append(rule)
    for (source, _), of_rules in expressions.items():
        if len(of_rules) > 1:
            told.append(f"`{source}` of {_rules(of_rules)} is asked once at most")
    unused = [
        name
        for name, column in zip(table.names, table.columns, strict=True)
        if column.indifferent == table.all_rules and not column.expressions
    ]
    if unused:
        told.append(f"{', '.join(unused)}: no rule asks for it, it is worked out only if used")
    return told


def _column(table: CompiledTable, number: int) -> str:
    given, shape = table.plan.inputs[number], table.columns[number].shape
    named = [(shape.numbers, "numbers"), (shape.texts, "texts")]
    values = " and ".join(f"{count} {what}" for count, what in named if count)
    kind = "a map" if shape.by_equality else "a sorted index"
    kept = table.measured[number].share_kept * len(table.plan.rules)
    found = f"{kind} of {values}" if values else "no index: only booleans, null or nothing"
    return f"{given.name} ({given.expression}): {found}; leaves {kept:.1f} rules on average"


def _tree(table: CompiledTable) -> Iterator[str]:
    yield from _branch(table, 0, table.all_rules, "")


def _branch(table: CompiledTable, depth: int, left: int, indent: str) -> Iterator[str]:
    while depth < len(table.order):
        if left & ~table.columns[table.order[depth]].indifferent:
            break
        depth += 1
    if not left or depth == len(table.order) or _is_settled(table, depth, left):
        yield f"{indent}→ {_leaf(table, left)}"
        return
    number = table.order[depth]
    for values, mask in _groups(table, number, left):
        label = f"{indent}{table.names[number]} {shown_set(values, _possible(table, number))}"
        rest = list(_branch(table, depth + 1, mask, indent + "  "))
        if len(rest) == 1 and rest[0].lstrip().startswith("→"):
            yield f"{label} {rest[0].lstrip()}"
        else:
            yield label
            yield from rest


def _is_settled(table: CompiledTable, depth: int, left: int) -> bool:
    """Whether the first rule that is left counts, whatever the inputs that are still to come."""
    first = left & -left
    if table.hit not in ("first", "priority") or table.ranks[first.bit_length() - 1] in table.asked:
        return False
    return all(table.columns[number].indifferent & first for number in table.order[depth:])


def _leaf(table: CompiledTable, left: int) -> str:
    if not left:
        return "otherwise"
    rules = [table.ranks[bit] for bit in numbers_in(left)]
    if table.hit in ("first", "priority"):
        certain = next((n for n, rule in enumerate(rules) if rule not in table.asked), None)
        rules = rules if certain is None else rules[: certain + 1]
    elif table.hit != "unique":
        rules = sorted(rules)
    text = _rules(rules)
    return text if not set(rules) & table.asked.keys() else f"{text}, if their expressions hold"


def _rules(rules: list[int]) -> str:
    shown = ", ".join(map(str, rules[:MAX_RULES_SHOWN]))
    more = f" and {len(rules) - MAX_RULES_SHOWN} more" if len(rules) > MAX_RULES_SHOWN else ""
    return f"{'rule' if len(rules) == 1 else 'rules'} {shown}{more}"


def _groups(table: CompiledTable, number: int, left: int) -> list[tuple[ValueSet, int]]:
    """The values of a column that leave the same rules, and which."""
    sets = [row[number].admits or EVERYTHING for row in table.cells]
    type_, whole = table.plan.inputs[number].type, _possible(table, number)
    cuts = sorted({cut for each in (whole, *sets) for cut in cuts_of(each)})
    found: dict[int, list[Interval]] = {}
    for low, high in pairwise(cuts):
        piece = common((Interval(low, high),), whole)
        if not piece:
            continue
        try:
            value = example(piece, whole=type_ == "integer")
        except LookupError:
            continue
        mask = left & table.columns[number].standing(value)
        found.setdefault(mask, []).extend(piece)
    return [(united([tuple(pieces)]), mask) for mask, pieces in found.items()]


def _possible(table: CompiledTable, number: int) -> ValueSet:
    type_ = table.plan.inputs[number].type
    return EVERYTHING if type_ == "any" else OF_TYPE[type_]


def shown_set(values: ValueSet, among: ValueSet = EVERYTHING) -> str:
    """Write a set of values, of those that there may be, in the short forms."""
    others = common(complement(values), among)
    if not others:
        return "-"
    return f"not({_listed(others)})" if len(others) < len(values) else _listed(values)


def _listed(values: ValueSet) -> str:
    parts = [_interval(low, high) for low, high in values[:MAX_PARTS]]
    more = [f"… {len(values) - MAX_PARTS} more"] if len(values) > MAX_PARTS else []
    return ", ".join([*parts, *more])


def _interval(low: Cut, high: Cut) -> str:
    kind = low[0]
    if (high[0], high[1], low[2], high[2]) == (kind, low[1], 0, 1) and kind != BOOL_KIND:
        return "null" if kind == NULL_KIND else _literal(low[1])
    if kind == high[0] == BOOL_KIND:
        told = [(False, "false"), (True, "true")]
        return ", ".join(name for value, name in told if contains((Interval(low, high),), value))
    if kind not in (NUMBER_KIND, TEXT_KIND) or high[0] > kind + 1:
        return "any other"
    unbound_low = low[1] in (float("-inf"), "")
    unbound_high = high[0] > kind or high[1] == float("inf")
    if unbound_low and unbound_high:
        return "any number" if kind == NUMBER_KIND else "any text"
    if unbound_low:
        return f"{'<=' if high[2] else '<'} {_literal(high[1])}"
    if unbound_high:
        return f"{'>' if low[2] else '>='} {_literal(low[1])}"
    opening, closing = "(["[not low[2]], ")]"[bool(high[2])]
    return f"{opening}{_literal(low[1])}..{_literal(high[1])}{closing}"


def _literal(value: Any) -> str:
    return json_encode(value).decode()
