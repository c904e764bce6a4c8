"""A decision of a run, told in lines: `stretto explain RUN --step X`."""

from __future__ import annotations

from collections.abc import Iterator

from stretto.cli.route_story import route_lines
from stretto.cli.step_story import step_lines
from stretto.client import Client
from stretto.client.decisions import Decision
from stretto.contracts.decisions import (
    AskedDecision,
    CaseTold,
    Explained,
    RuleTold,
    Seen,
    TableTold,
    Told,
)
from stretto.definition.finding import position_of_failure
from stretto.expression.errors import shorten

MAX_OUTPUT_CHARS = 500


def decision_lines(decision: Decision) -> Iterator[str]:
    """Tell what was asked, what it looked at, what was chosen, why not the others, how long."""
    if decision.told is not None:
        yield from step_lines(decision.told)
    if decision.asked is not None and decision.explained is not None:
        yield from _asked(decision.asked, decision.explained)
    if decision.route is not None:
        yield from route_lines(decision.route, decision.waiting)


async def place_lines(client: Client, decision: Decision) -> list[str]:
    """Tell where in the definition stands what could not be worked out; nothing where that is not
    known (a template made it)."""
    asked, told = decision.asked, decision.explained
    if asked is None or told is None or told.error is None:
        return []
    source = str((await client.definition(asked.workflow, asked.version))["source"])
    position = position_of_failure(source, asked.step, told.error)
    if position is None:
        return []
    text = source.split("\n")[position.line - 1]
    line = f"{position.line:>6} | "
    return [
        f"  line {position.line}, column {position.column} of {asked.workflow} v{asked.version}:",
        f"{line}{text}",
        " " * (len(line) + position.column - 1) + "^",
    ]


def _asked(asked: AskedDecision, told: Explained) -> Iterator[str]:
    took = "still waiting" if asked.took_ms is None else f"answered after {asked.took_ms:.1f} ms"
    if asked.took_ms == 0:
        took = "answered at once"  # in the commit that asked: paths alone (ADR 0025)
    yield f"{asked.step}: a decision of {asked.workflow} v{asked.version}, {_kinds(told)}"
    worked = f"{told.took_us} µs to work out"
    yield f"asked at {asked.asked_at} (event {asked.asked_seq}), {took}; {worked}"
    if told.condition is not None:
        yield from _condition("if", told.condition)
    if told.skipped:
        yield "→ skipped: its condition is false"
        return
    for case in told.cases:
        yield from _case(case, told.branch)
    if told.table is not None:
        yield from _table(told.table)
    yield from _outcome(told)
    yield from (f"  {'  ' if number else ''}{line}" for number, line in enumerate(told.in_use))


def _kinds(told: Explained) -> str:
    return {"switch": "a switch", "table": "a decision table"}.get(told.kind, "expressions")


def _outcome(told: Explained) -> Iterator[str]:
    if told.error is not None:
        yield f"→ it cannot be worked out: {told.error}"
    elif told.kind == "switch":
        yield "→ no case fits" if told.branch < 0 else f"→ case {told.branch}"
    elif told.of_devices:
        yield "→ the devices that were present then and fitted: event step.expanded has them"
    elif told.items is not None:
        yield f"→ {told.items} items"
    if told.error is None and bytes(told.output) != b"null":
        yield f"→ output {shorten(bytes(told.output).decode(), MAX_OUTPUT_CHARS)}"


def _condition(name: str, told: Told) -> Iterator[str]:
    yield f"  {name} {told.source}  →  {_result(told)}"
    yield from _seen(told.saw)


def _seen(saw: list[Seen]) -> Iterator[str]:
    for each in saw:
        yield f"      {each.path} = {each.value if each.error is None else f'? {each.error}'}"


def _result(told: Told) -> str:
    if told.result is None:
        return f"error: {told.error}"
    return "true" if told.result else "false"


def _case(case: CaseTold, branch: int) -> Iterator[str]:
    mark = "*" if case.chosen else " "
    if case.condition is None:
        why = f"not asked: case {branch} fits" if case.late else "nothing before it fits"
        yield f"{mark} case {case.number}: else  →  {why}"
        return
    late = f" (not asked: case {branch} came first)" if case.late else ""
    told = case.condition
    yield f"{mark} case {case.number}: if {told.source}  →  {_result(told)}{late}"
    yield from _seen(told.saw)


def _table(told: TableTold) -> Iterator[str]:
    yield f"  hit: {told.hit}"
    for each in told.inputs:
        value = each.value if each.error is None else f"? {each.error}"
        yield f"  {each.name} = {value}   ({each.expression})"
    for rule in told.rules:
        yield _rule(rule)
    if told.more:
        yield f"  … {told.more} more rules, of which none fits"
    if told.otherwise:
        yield "* otherwise: no rule fits"


def _rule(rule: RuleTold) -> str:
    if rule.counts:
        return f"* rules[{rule.number}] fits"
    if rule.fits:
        return f"  rules[{rule.number}] fits, but does not count"
    because = "; ".join(
        f"{each.input} does not fit `{each.condition}`" + (f" ({each.error})" if each.error else "")
        for each in rule.because
    )
    return f"  rules[{rule.number}]: {because}"
