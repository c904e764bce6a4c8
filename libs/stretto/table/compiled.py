"""A decision table, compiled: which rules fit a row, found by index, and what they give.

::

    inputs ── in the order that costs least ──► Column.standing(value) ──► mask of rules, AND
                                                      │ rules left: only those that ask by
                                                      ▼ expressions are asked further, each once
                                               hit policy ──► output

The order of the columns follows what they cost and how much they leave, as measured in use
(`measuring`). It changes nothing about the answer: an input that cannot be worked out matters
exactly if a rule that is left asks for it, whatever the order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any, NamedTuple

from stretto.contracts.asks import TablePlan
from stretto.expression.cache import ProgramCache
from stretto.expression.errors import EvaluationError, ExpressionError
from stretto.expression.kinds import Kind
from stretto.expression.paths import Getter
from stretto.expression.program import Program
from stretto.expression.template import Template
from stretto.table.cells import ANYTHING, Cell, ConditionError, read_cell
from stretto.table.hits import agreed, collected
from stretto.table.index import Column, numbers_in
from stretto.table.limits import MAX_HITS
from stretto.table.measuring import SAMPLE_EVERY, Measured, better_order

INPUTS_ROOT = "inputs"
"""The root by which conditions and what rules give may refer to the inputs of their table."""

VALUE_ROOT = "value"
"""The root by which a condition refers to the input of its own column."""

_NOT_READ: Any = object()


class Decision(NamedTuple):
    """The answer of a table: its output as JSON, and the rules that counted (at most MAX_HITS)."""

    output: bytes
    rules: list[int]


class Asked(NamedTuple):
    """A condition that is an expression: of which column, and whether it looks at the column's own
    value."""

    source: str
    column: int
    evaluate: Getter


class CompiledTable:
    """A table that can be asked. Made once, asked often; not shared by threads."""

    def __init__(self, plan: TablePlan, programs: ProgramCache) -> None:
        """Compile a plan.

        Raises:
            ExpressionError: a condition, an input or a template is wrong; with its place.
        """
        self.plan = plan
        self.hit = plan.hit
        inputs, self.sharing = _inputs(plan, programs)
        self.getters: list[Getter] = [program.evaluate for program in inputs]
        self.locators = [program.locate for program in inputs]
        self.cells = _cells(plan)
        self.ranks = _ranks(plan)
        """Bit → number of the rule: by priority where that counts, else as written."""
        self.thens, self.otherwise = _gives(plan, programs)
        bits = [0] * len(plan.rules)
        for bit, rule in enumerate(self.ranks):
            bits[rule] = 1 << bit
        self.columns = [
            Column([row[c] for row in self.cells], bits) for c in range(len(plan.inputs))
        ]
        self.asked = _asked(plan, self.cells, programs)
        self.all_rules = (1 << len(plan.rules)) - 1
        self.names = [each.name for each in plan.inputs]
        self.needs_inputs = _mentions_inputs(plan)
        self.measured = [
            Measured.guessed(self.columns[c], len(plan.rules)) for c in range(len(plan.inputs))
        ]
        self.order = better_order(self.measured)
        self.decisions = 0

    def decide(self, scope: Mapping[str, Any]) -> Decision:
        """Work the table out over a scope.

        Raises:
            EvaluationError: an input that matters, a condition or an output cannot be worked out;
                or the rules that fit do not suit the hit policy.
        """
        self.decisions += 1
        row = Row(self, scope)
        if self.decisions % SAMPLE_EVERY:
            row.narrow(self.order)
        else:
            row.narrow_measured(self.order)
            self.order = better_order(self.measured)
        fitting = row.fitting()
        if not fitting:
            return Decision(self.otherwise.render_json(row.inner), [])
        thens = [(self.thens[rule], rule) for rule in fitting]
        if self.hit == "any":
            output = agreed(thens, row.inner)
        elif self.hit.startswith("collect"):
            output = collected(self.hit, thens, row.inner)
        else:
            output = thens[0][0].render_json(row.inner)
        return Decision(output, fitting[:MAX_HITS])


class Row:
    """One question to a table: the values of its inputs, and the rules that are left."""

    __slots__ = ("_answers", "_inner", "_values", "errors", "left", "scope", "table", "unsure")

    def __init__(self, table: CompiledTable, scope: Mapping[str, Any]) -> None:
        self.table = table
        self.scope = scope
        self._values: list[Any] = [_NOT_READ] * len(table.getters)
        self.errors: dict[int, EvaluationError] = {}
        self.left = table.all_rules
        self.unsure = 0
        """Rules that ask for an input which cannot be worked out."""
        self._inner: dict[str, Any] | None = None
        self._answers: dict[tuple[str, int], bool | EvaluationError] = {}

    def value(self, column: int) -> Any:
        """The value of an input, worked out once.

        Raises:
            EvaluationError: it cannot be worked out.
        """
        shared = self.table.sharing[column]
        value = self._values[shared]
        if value is _NOT_READ:
            if column in self.errors:
                raise self.errors[column]
            try:
                value = self._values[shared] = self.table.getters[shared](self.scope)
            except EvaluationError as error:
                error.arose(self.table.locators[shared], self.scope)
                self.errors[column] = error.at(f"decide.inputs.{self.table.names[column]}")
                raise self.errors[column] from None
        return value

    def narrow(self, order: list[int]) -> None:
        """Leave the rules whose conditions fit, as far as the index knows."""
        columns = self.table.columns
        for number in order:
            column = columns[number]
            if not self.left & ~column.indifferent:
                continue
            try:
                value = self.value(number)
            except EvaluationError:
                self.unsure |= self.left & ~column.indifferent
                continue
            self.left &= column.standing(value)
            if not self.left:
                return

    def narrow_measured(self, order: list[int]) -> None:
        """Like `narrow`, counting what each column costs and leaves."""
        for number in order:
            before, began = self.left, perf_counter_ns()
            if not before:
                return
            self.narrow([number])
            took = perf_counter_ns() - began
            self.table.measured[number].count(
                took, before.bit_count(), (before & self.left).bit_count()
            )

    def fitting(self) -> list[int]:
        """The rules that count, by number, in their order.

        Raises:
            EvaluationError: whether a rule fits cannot be told, or too many fit.
        """
        table, found = self.table, []
        only_first = table.hit in ("first", "priority")
        for bit in numbers_in(self.left) if not only_first else _bits(self.left):
            rule = table.ranks[bit]
            if self.unsure >> bit & 1:
                raise self._why_unsure(rule)
            if not self._agrees(rule):
                continue
            found.append(rule)
            if only_first:
                return found
        if table.hit == "unique" and len(found) > 1:
            raise EvaluationError(
                "invalid",
                f"expected one rule to fit (hit: unique), but rules[{found[0]}] and "
                f"rules[{found[1]}] do",
            )
        return found

    def _why_unsure(self, rule: int) -> EvaluationError:
        cells = self.table.cells[rule]
        return next(e for c, e in sorted(self.errors.items()) if not cells[c].is_any)

    def _agrees(self, rule: int) -> bool:
        """Whether the conditions of a rule that are expressions are true."""
        failure: EvaluationError | None = None
        for asked in self.table.asked.get(rule, ()):
            answer = self.answer(asked)
            if answer is False:
                return False
            if answer is not True and failure is None:
                failure = answer.at(f"decide.rules[{rule}].when.{self.table.names[asked.column]}")
        if failure is not None:
            raise failure
        return True

    def answer(self, asked: Asked) -> bool | EvaluationError:
        """Whether a condition is true, asked once however many rules have it."""
        key = (asked.source, asked.column)
        answer = self._answers.get(key)
        if answer is None:
            try:
                inner = {**self.inner, VALUE_ROOT: self.value(asked.column)}
                answer = bool(asked.evaluate(inner))
            except EvaluationError as error:
                answer = error
            self._answers[key] = answer
        return answer

    @property
    def inner(self) -> dict[str, Any]:
        """The scope of conditions and outputs: with the inputs, as far as they can be worked out,
        where the table refers to them."""
        if self._inner is None:
            self._inner = {**self.scope}
            if self.table.needs_inputs:
                self._inner[INPUTS_ROOT] = self.known_inputs()
        return self._inner

    def known_inputs(self) -> dict[str, Any]:
        """The inputs by name; those that cannot be worked out are left out."""
        known = {}
        for column, name in enumerate(self.table.names):
            try:
                known[name] = self.value(column)
            except EvaluationError:
                continue
        return known


def _bits(mask: int) -> Any:
    """The numbers of the bits that are set, one after the other: often the first is enough."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def _inputs(plan: TablePlan, programs: ProgramCache) -> tuple[list[Program], list[int]]:
    """The different expressions of the inputs, and which of them each column has."""
    inputs: list[Program] = []
    places: dict[str, int] = {}
    sharing = []
    for each in plan.inputs:
        place = places.get(each.expression)
        if place is None:
            program = _at(
                f"decide.inputs.{each.name}",
                lambda e=each: programs.expression(e.expression),  # type: ignore[misc]
            )
            place = places[each.expression] = len(inputs)
            inputs.append(program)
        sharing.append(place)
    return inputs, sharing


def _cells(plan: TablePlan) -> list[list[Cell]]:
    """The conditions by rule and column; equal texts are read once."""
    known: dict[tuple[str, str], Cell] = {}
    rows = []
    for number, rule in enumerate(plan.rules):
        row = []
        for column in plan.inputs:
            text = rule.when.get(column.name)
            if text is None:
                row.append(ANYTHING)
                continue
            key = (text, column.type)
            cell = known.get(key)
            if cell is None:
                try:
                    cell = known[key] = read_cell(*key)
                except ConditionError as error:
                    place = f"decide.rules[{number}].when.{column.name}"
                    raise ExpressionError(error.message, place=place) from error
            row.append(cell)
        rows.append(row)
    return rows


def _ranks(plan: TablePlan) -> list[int]:
    numbers = list(range(len(plan.rules)))
    if plan.hit == "priority":
        numbers.sort(key=lambda number: (-plan.rules[number].priority, number))
    return numbers


def _gives(plan: TablePlan, programs: ProgramCache) -> tuple[list[Template], Template]:
    thens = [
        _at(f"decide.rules[{n}].then", lambda r=rule: programs.template(bytes(r.then)))  # type: ignore[misc]
        for n, rule in enumerate(plan.rules)
    ]
    encoded = bytes(plan.otherwise)
    return thens, _at("decide.otherwise", lambda: programs.template(encoded))


def _asked(
    plan: TablePlan, cells: list[list[Cell]], programs: ProgramCache
) -> dict[int, list[Asked]]:
    """The conditions that are expressions, by rule."""
    found: dict[int, list[Asked]] = {}
    for number, row in enumerate(cells):
        for column, cell in enumerate(row):
            if cell.admits is None:
                place = f"decide.rules[{number}].when.{plan.inputs[column].name}"
                program = _at(
                    place,
                    lambda s=cell.source: programs.expression(s, None, Kind.BOOL),  # type: ignore[misc]
                )
                found.setdefault(number, []).append(Asked(cell.source, column, program.evaluate))
    return found


def _mentions_inputs(plan: TablePlan) -> bool:
    texts = [bytes(rule.then) for rule in plan.rules]
    texts += [text.encode() for rule in plan.rules for text in rule.when.values()]
    texts.append(bytes(plan.otherwise))
    return any(b"${{" in text and INPUTS_ROOT.encode() in text for text in texts)


def _at(place: str, compiled: Callable[[], Any]) -> Any:
    try:
        return compiled()
    except ExpressionError as error:
        error.place = f"{place}{'.' + error.place if error.place else ''}"
        raise
