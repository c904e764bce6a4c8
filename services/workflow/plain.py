"""Questions whose answer stands in the run: they need no decision service (ADR 0025).

Most of what a definition says is plain: `with: {order: "${{ input.order }}"}`, `for_each:
${{ input.items }}`. Such a question asks for nothing but paths into values that the run holds. It
is answered on the spot by the code that the decision service answers it with, and the log says the
same. Whatever else there is to it (a condition, a computed expression, a table, large values, a
path that leads nowhere) is asked: the decision service answers, or tells what is wrong and where.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from services.workflow.core.effects import Ask
from stretto.contracts.codec import decode_ask_plan, json_encode
from stretto.contracts.frames import DecidedRecord
from stretto.contracts.payload import NULL
from stretto.contracts.unreadable import UNREADABLE
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.filling import around, check_places
from stretto.expression.interpolation import is_template, split
from stretto.expression.kinds import Kind
from stretto.expression.paths import Getter
from stretto.expression.program import is_plain_path
from stretto.expression.template import Template, compile_condition, compile_template

PLANS_KEPT = 4_096
"""Plans that are known to be plain, or not: those of the steps of open runs."""

MAX_PLAN_BYTES = 8 * 1024
"""Longer plans (tables, large templates) are asked: what is kept takes 32 MiB of text at most."""

MAX_VALUES_BYTES = 8 * 1024
"""Values of one question that are read here. Larger ones take the time of all runs of the instance,
and decision services there can be many. A list of so few bytes has fewer items than a `for_each`
may have."""

MAX_PATHS = 100
"""Expressions of one question: with the values, this bounds how long an answer can be."""

_NULL_BYTES = bytes(NULL)
_decode = msgspec.json.Decoder().decode


class PlainPlan(NamedTuple):
    """A question that asks for paths alone; see `AskPlan`."""

    paths: tuple[tuple[str, ...], ...]
    template: Template | None
    items: Getter | None
    values: tuple[tuple[str, Template], ...]
    lenient: bool


def plain_plan(encoded: bytes) -> PlainPlan | None:
    """The plan of these bytes (JSON of an `AskPlan`), if it asks for paths alone."""
    return _looked_at(encoded) if len(encoded) <= MAX_PLAN_BYTES else None


@lru_cache(maxsize=PLANS_KEPT)
def _looked_at(encoded: bytes) -> PlainPlan | None:
    try:
        plan = decode_ask_plan(encoded)
        if plan.condition is not None or plan.cases or plan.table or plan.devices:
            return None
        check_places(plan.paths)
        is_none = bytes(plan.template) == _NULL_BYTES
        template = None if is_none else _plain_template(plan.template)
        values = [(name, _plain_template(value)) for name, value in plan.values.items()]
        if (
            sum(len(each.programs) for each in (template, *dict(values).values()) if each)
            > MAX_PATHS
        ):
            return None
        return PlainPlan(
            paths=plan.paths,
            template=template,
            items=None if plan.items is None else _plain_list(plan.items),
            values=tuple(values),
            lenient=plan.lenient,
        )
    except (_NotPlain, ExpressionError, *UNREADABLE):
        return None  # what is wrong with it the decision service tells


def answer(
    plan: PlainPlan, run_id: bytes, ask: Ask, values: Sequence[bytes | None]
) -> DecidedRecord | None:
    """Answer a question with the values that it would take along (None: the step did not run); None
    where it has to be asked after all."""
    if sum([len(value) for value in values if value is not None]) > MAX_VALUES_BYTES:
        return None
    scope: dict[str, Any] = {}
    try:
        for path, value in zip(plan.paths, values, strict=True):
            inside = around(scope, path)
            if value is not None:
                inside[path[-1]] = _decode(value)
        lenient = plan.lenient and None in values
        output = (
            None if plan.template is None else plan.template.render_json(scope, lenient=lenient)
        )
        items = None if plan.items is None else [json_encode(i) for i in plan.items(scope)]
        further = {name: t.render_json(scope, lenient=lenient) for name, t in plan.values}
    except (EvaluationError, *UNREADABLE):
        return None
    return DecidedRecord(
        run_id, ask.path, ask.turn, output=output, items=items, values=further or None
    )


class _NotPlain(Exception):
    """There is something to work out."""


def _plain_template(encoded: msgspec.Raw) -> Template:
    value = _decode(encoded)
    _check_texts(value)
    return compile_template(value)


def _plain_list(source: str) -> Getter:
    _check_text(source if is_template(source) else "${{" + source + "}}")
    return compile_condition(source, None, Kind.LIST).evaluate


def _check_texts(value: Any) -> None:
    match value:
        case str():
            _check_text(value)
        case list():
            for item in value:
                _check_texts(item)
        case dict():
            for item in value.values():
                _check_texts(item)


def _check_text(text: str) -> None:
    for piece in split(text) if is_template(text) else ():
        if piece.is_expression and not is_plain_path(piece.text):
            raise _NotPlain
