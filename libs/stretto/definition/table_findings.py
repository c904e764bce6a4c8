"""What was found about a decision table, said with its place."""

from collections.abc import Sequence
from typing import Any

import msgspec

from stretto.contracts.asks import TablePlan
from stretto.contracts.codec import json_encode
from stretto.definition.mistakes import Report
from stretto.definition.model import TableText
from stretto.definition.nodes import Mapping, Node
from stretto.table.cells import Cell
from stretto.table.check import Dead, Dimension, Findings, Overlap, check_table

_ONE_COUNTS = frozenset({"first", "priority"})
_NUMBERS = frozenset({"collect sum", "collect min", "collect max"})


def report_findings(
    text: TableText,
    plan: TablePlan,
    dimensions: Sequence[Dimension],
    rows: Sequence[Sequence[Cell]],
    report: Report,
) -> None:
    """Check a table for gaps, overlaps and rules that never count, and say what was found."""
    ranks = sorted(range(len(rows)), key=lambda n: (-plan.rules[n].priority, n))
    if plan.hit != "priority":
        ranks = list(range(len(rows)))
    found = check_table(dimensions, rows, ranks=ranks, one_counts=plan.hit in _ONE_COUNTS)
    rules = _rules_node(text)
    if text.otherwise is None and not plan.hit.startswith("collect"):
        for gap in found.gaps:
            only = "but only rules with expressions may fit" if gap.maybe else "but none does"
            report.warn(
                rules, (*text.path, "rules"), "gap",
                f"expected a rule that fits {shown(gap.row)}, {only}",
                "add a rule, or otherwise; else it gives null",
            )  # fmt: skip
    _report_overlaps(text, plan, found, report)
    for dead in found.dead:
        _report_dead(text, plan, dead, report)
    _report_unchecked(text, plan, found, report)


def _report_overlaps(text: TableText, plan: TablePlan, found: Findings, report: Report) -> None:
    for overlap in found.overlaps:
        first, second = (text.rules[number] for number in overlap[:2])
        more = found.overlap_count - len(found.overlaps)
        others = f" ({more} more overlaps)" if more and overlap is found.overlaps[-1] else ""
        both = f"rules[{overlap.first}] and rules[{overlap.second}] both fit {shown(overlap.row)}"
        if plan.hit == "unique":
            report.mistake(
                second.node, second.path, "overlap",
                f"expected at most one rule to fit (hit: unique), but {both}{others}",
                "narrow one of them, or choose another hit",
            )  # fmt: skip
        elif plan.hit == "any" and _differ(plan, overlap):
            report.mistake(
                second.node, second.path, "overlap",
                f"expected rules that fit together to give the same (hit: any), but {both}{others}",
            )  # fmt: skip
        elif (
            plan.hit == "priority" and first.priority == second.priority and _differ(plan, overlap)
        ):
            report.warn(
                second.node, second.path, "overlap",
                "expected rules that fit together to have different priorities, but "
                f"{both}{others}", "the one that is written first counts",
            )  # fmt: skip


def _differ(plan: TablePlan, overlap: Overlap) -> bool:
    """Whether two rules give different constants."""
    one, other = (bytes(plan.rules[number].then) for number in overlap[:2])
    return one != other and b"${{" not in one + other


def _report_dead(text: TableText, plan: TablePlan, dead: Dead, report: Report) -> None:
    rule = text.rules[dead.rule]
    if dead.why == "impossible":
        assert rule.when is not None
        report.warn(
            rule.when.value.entries[dead.input], (*rule.when.path, dead.input), "never_true",
            f"expected a condition that a value of {dead.input} can fit, but none does",
        )  # fmt: skip
        return
    before = "rules before it" if plan.hit == "first" else "rules of higher priority"
    report.warn(
        rule.node, rule.path, "never_runs",
        f"expected a rule that can count, but {before} take all that it fits",
        "move it up, or take it out",
    )  # fmt: skip


def _report_unchecked(text: TableText, plan: TablePlan, found: Findings, report: Report) -> None:
    rules = _rules_node(text)
    if found.gave_up:
        report.warn(
            rules, (*text.path, "rules"), "not_checked",
            f"expected to check the whole table, but it is too large to look for "
            f"{', '.join(found.gave_up)} to the end",
        )  # fmt: skip
    if found.by_expression and plan.hit in ("unique", "any"):
        report.warn(
            rules, (*text.path, "rules"), "not_checked",
            "expected to check every rule for overlaps, but the conditions of "
            f"{found.by_expression} are expressions",
            "should two rules fit, the step fails",
        )  # fmt: skip


def report_outputs(text: TableText, plan: TablePlan, report: Report) -> None:
    """Check that rules give what the hit policy can work with, and all the same fields."""
    first: Any = None
    for number, rule in enumerate(plan.rules):
        if b"${{" in bytes(rule.then):
            continue
        value = msgspec.json.decode(rule.then)
        node, _, path = text.rules[number].then
        if plan.hit in _NUMBERS and not _is_numbers(value):
            report.mistake(
                node, path, "wrong_type",
                f"expected a number or a mapping of numbers (hit: {plan.hit}), but it is "
                f"{json_encode(value)[:60].decode(errors='replace')}",
            )  # fmt: skip
        if first is None:
            first = (number, value)
        elif _form(value) != _form(first[1]):
            report.warn(
                node, path, "uneven",
                f"expected every rule to give the same fields, but this one gives "
                f"{_form(value)} and rules[{first[0]}] gives {_form(first[1])}",
            )  # fmt: skip


def _is_numbers(value: Any) -> bool:
    values = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)


def _form(value: Any) -> str:
    """What kind of thing a rule gives: its fields, or its type."""
    match value:
        case dict():
            return ", ".join(sorted(value)) or "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case None:
            return "null"
    return "a list"


def _rules_node(text: TableText) -> Node:
    assert isinstance(text.node, Mapping)
    return text.node.key("rules")


def shown(row: dict[str, Any]) -> str:
    """Write example values: `region = "eu", total = 10`."""
    told = ", ".join(f"{name} = {json_encode(value).decode()}" for name, value in row.items())
    return told or "anything"
