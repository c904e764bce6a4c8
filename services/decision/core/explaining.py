"""A decision worked out once more, part by part, to be told to people.

Slow on purpose: every rule and case is tested by itself, without index, so that what is told does
not rest on what it tells of. Values are shown shortened.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from services.decision.core.evaluate import ABSENT, FrameValues, evaluate, scope_of
from services.decision.core.plans import BrokenPlan, CompiledPlan, PlanCache
from stretto.contracts.asks import AskPlan, DevicesPlan
from stretto.contracts.codec import decode_ask_plan, json_encode
from stretto.contracts.decisions import (
    CaseTold,
    ConditionTold,
    Explained,
    ExplainRequest,
    InputTold,
    RuleTold,
    Seen,
    TableTold,
    Told,
)
from stretto.contracts.frames import DecidedRecord, DecideRecord
from stretto.expression import EvaluationError, Kind, Program
from stretto.expression.errors import shorten
from stretto.expression.paths import Scope, look_up, show_path
from stretto.expression.secrets import masked, with_secrets
from stretto.expression.template import compile_condition
from stretto.table.compiled import CompiledTable, Row
from stretto.table.values import contains

MAX_SHOWN_CHARS = 200
"""A value is told up to here: enough to recognise it, and little of what is nobody's business."""

MAX_RULES_TOLD = 50
"""Rules of a table that are told one by one."""

MAX_SEEN = 20
"""Values of one condition that are told."""

_NO_RUN = bytes(16)


class _WhoWasThere:
    """Stands for the devices of then: nobody knows them any more but the log."""

    def that_fit(self, plan: DevicesPlan, scope: Scope) -> list[bytes]:
        return []


_WHO_WAS_THERE = _WhoWasThere()


def explain(request: ExplainRequest, cache: PlanCache, clock_ns: Callable[[], int]) -> Explained:
    """Work a question out again and tell how.

    Raises:
        msgspec.DecodeError: the plan is none.
    """
    encoded = bytes(request.plan)
    plan = decode_ask_plan(encoded)
    values = FrameValues([bytes(value) for value in request.values])
    absent = set(request.absent)
    indices = tuple(ABSENT if i in absent else i for i in range(len(request.values)))
    record = DecideRecord(_NO_RUN, plan.step, 0, 0, 0, indices)
    compiled = cache.get(encoded)
    began = clock_ns()
    answer = evaluate(compiled, values, record, _WHO_WAS_THERE)
    took_us = (clock_ns() - began) // 1_000
    if isinstance(compiled, BrokenPlan):
        return Explained(kind=_kind(plan), took_us=took_us, error=compiled.failure.message)
    try:
        scope, _ = scope_of(compiled, values, indices)
    except EvaluationError as error:
        return Explained(kind=_kind(plan), took_us=took_us, error=str(error))
    return _told(plan, compiled, with_secrets(scope, compiled.secret), answer, took_us)


def _told(
    plan: AskPlan, compiled: CompiledPlan, scope: Scope, answer: DecidedRecord, took_us: int
) -> Explained:
    table = None
    if compiled.table is not None and not answer.skip:
        table = _table(compiled.table, scope, answer.rules or [])
    of_devices = compiled.devices is not None
    return Explained(
        kind=_kind(plan),
        took_us=took_us,
        skipped=answer.skip,
        condition=None if plan.condition is None else _condition(plan.condition, scope),
        cases=[] if answer.skip else list(_cases(plan, scope, answer.branch)),
        branch=answer.branch,
        table=table,
        rules=answer.rules,
        output=msgspec.Raw(answer.output or b"null"),
        items=None if answer.items is None or of_devices else len(answer.items),
        error=None if answer.error is None else answer.error.message,
        of_devices=of_devices,
    )


def _kind(plan: AskPlan) -> Any:
    if plan.table is not None:
        return "table"
    return "switch" if plan.cases else "expression"


def _condition(source: str, scope: Scope) -> Told:
    program = compile_condition(source, None, Kind.BOOL)
    saw = list(_seen(program, scope))
    try:
        return Told(source=source, result=bool(program.evaluate(scope)), saw=saw)
    except EvaluationError as error:
        return Told(source=source, error=masked(str(error), scope), saw=saw)


def _seen(program: Program, scope: Scope) -> Iterator[Seen]:
    for reference in program.references[:MAX_SEEN]:
        path = show_path(reference)
        try:
            yield Seen(path=path, value=_shown(look_up(scope, reference), scope))
        except EvaluationError as error:
            yield Seen(path=path, error=masked(error.message, scope))


def _cases(plan: AskPlan, scope: Scope, branch: int) -> Iterator[CaseTold]:
    for number, source in enumerate(plan.cases):
        yield CaseTold(
            number=number,
            condition=None if source is None else _condition(source, scope),
            chosen=number == branch,
            late=branch >= 0 and number > branch,
        )


def _table(table: CompiledTable, scope: Scope, counting: list[int]) -> TableTold:
    row = Row(table, scope)
    counts = set(counting)
    told = [_rule(table, row, number, counts) for number in range(len(table.cells))]
    told.sort(key=lambda rule: (not rule.counts, not rule.fits, len(rule.because), rule.number))
    fitting = sum(rule.fits for rule in told)
    shown = told[: max(MAX_RULES_TOLD, min(fitting, 2 * MAX_RULES_TOLD))]
    return TableTold(
        hit=table.hit,
        inputs=[_input(table, row, column, scope) for column in range(len(table.names))],
        rules=shown,
        more=len(told) - len(shown),
        otherwise=not counting,
    )


def _input(table: CompiledTable, row: Row, column: int, scope: Scope) -> InputTold:
    given = table.plan.inputs[column]
    try:
        value = _shown(row.value(column), scope)
    except EvaluationError as error:
        message = masked(error.message, scope)
        return InputTold(name=given.name, expression=given.expression, error=message)
    return InputTold(name=given.name, expression=given.expression, value=value)


def _rule(table: CompiledTable, row: Row, number: int, counts: set[int]) -> RuleTold:
    because = []
    for column, cell in enumerate(table.cells[number]):
        if cell.is_any:
            continue
        error = None
        if cell.admits is None:
            asked = next(a for a in table.asked[number] if a.column == column)
            answer = row.answer(asked)
            holds = answer is True
            error = (
                masked(answer.message, row.scope) if isinstance(answer, EvaluationError) else None
            )
        else:
            try:
                holds = contains(cell.admits, row.value(column))
            except EvaluationError as failure:
                holds, error = False, masked(failure.message, row.scope)
        if not holds:
            name = table.names[column]
            text = shorten(cell.text, MAX_SHOWN_CHARS)
            because.append(ConditionTold(input=name, condition=text, error=error))
    return RuleTold(number=number, fits=not because, counts=number in counts, because=because)


def _shown(value: Any, scope: Scope) -> str:
    text = shorten(json_encode(value).decode(errors="replace"), MAX_SHOWN_CHARS)
    return masked(text, scope)
