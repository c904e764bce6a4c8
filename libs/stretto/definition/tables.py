"""Decision tables: conditions read by the types of their columns, and the table checked."""

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Map
from typing import Any, Literal, NamedTuple, cast

import msgspec

from stretto.contracts.asks import TableInput, TablePlan, TableRule
from stretto.definition.expressions import Expressions
from stretto.definition.mistakes import Report
from stretto.definition.model import InputText, RuleText, StepText, TableText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence, describe, quoted
from stretto.definition.references import Gathering
from stretto.definition.shapes import Located
from stretto.definition.table_findings import report_findings, report_outputs
from stretto.expression import Program
from stretto.expression.shapes import ANYTHING as ANY_SHAPE
from stretto.expression.shapes import Shape
from stretto.table.cells import ANYTHING, Cell, ConditionError, literal, read_cell
from stretto.table.check import Dimension
from stretto.table.domains import (
    UNKNOWN,
    Domain,
    domain_of_choices,
    domain_of_schema,
    domain_of_types,
)
from stretto.table.hits import nothing
from stretto.table.values import ValueSet, common

ColumnType = Literal["any", "string", "number", "integer", "boolean"]

_JSON_TYPES = {
    "null": ("null",), "bool": ("boolean",), "number": ("number",), "string": ("string",),
    "list": ("array",), "map": ("object",),
}  # fmt: skip
"""The JSON types of the kinds that an expression may give."""


class _Column(NamedTuple):
    """An input that was read: its place in the plan, what it can be, and the scope in which
    conditions on it are compiled."""

    plan: TableInput
    domain: Domain
    scope: int


def compile_table(
    text: TableText, expressions: Expressions, into: Gathering, report: Report
) -> TablePlan | None:
    """Read and check a table; None where something is wrong with it (reported)."""
    before = report.count
    columns = _columns(text, expressions, into, report)
    reader = _Rules(text, columns, expressions, into, report)
    rules = [reader.read(rule) for rule in text.rules]
    otherwise = reader.template(text.otherwise)
    complete = isinstance(text.node, Mapping) and len(text.rules) == _count(text.node)
    if report.count > before or not complete or len(columns) != len(text.inputs):
        return None
    plan = TablePlan(
        inputs=tuple(column.plan for column in columns.values()),
        rules=tuple(rules),
        hit=text.hit,
        otherwise=msgspec.Raw(nothing(text.hit)) if otherwise is None else otherwise,
    )
    dimensions = [Dimension(name, column.domain) for name, column in columns.items()]
    report_outputs(text, plan, report)
    report_findings(text, plan, dimensions, reader.rows, report)
    return None if report.count > before else plan


def fields_of_outputs(steps: Iterable[StepText]) -> Iterator[tuple[int, frozenset[str]]]:
    """Tell, by the numbers of steps, the fields that tables may give: those whose rules all give
    mappings."""
    for number, step in enumerate(steps):
        table = step.body.table
        if table is None or step.for_each is not None or step.catch or table.hit in _GIVE_OTHERS:
            continue
        given = [rule.then.node for rule in table.rules]
        if table.otherwise is not None:
            given.append(table.otherwise.node)
        if all(isinstance(node, Mapping) for node in given):
            names = (name for node in given if isinstance(node, Mapping) for name in node.entries)
            yield number, frozenset(names)


_GIVE_OTHERS = frozenset({"collect", "collect count"})
"""Hit policies whose output is not what a rule gives."""


def _count(node: Mapping) -> int:
    rules = node.entries.get("rules")
    return len(rules.items) if isinstance(rules, Sequence) else 0


def _columns(
    text: TableText, expressions: Expressions, into: Gathering, report: Report
) -> dict[str, _Column]:
    domains: dict[str, tuple[str, Domain]] = {}
    for name, given in text.inputs.items():
        program = expressions.value(given.expression, into)
        if program is not None:
            source = program.source.strip()
            domains[name] = (source, _domain(given, program, expressions, report))
    fields = {name: _shape(domain) for name, (_, domain) in domains.items()}
    known = Shape(
        types=frozenset({"object"}), fields=fields, required=frozenset(fields), closed=True
    )
    found = {}
    for name, (source, domain) in domains.items():
        scope = expressions.scope_with(into.spot.scope, inputs=known, value=fields[name])
        type_ = cast(ColumnType, domain.type)
        plan = TableInput(name=name, expression=source, type=type_)
        found[name] = _Column(plan, domain, scope)
    return found


def _domain(given: InputText, program: Program, expressions: Expressions, report: Report) -> Domain:
    """What an input can be: as its author says, else as the schema or the expression tells."""
    told = _told(program, expressions)
    if given.values is not None:
        domain = domain_of_choices(given.values)
    elif given.type is not None:
        domain = domain_of_types([given.type])
    else:
        return told
    if told.known and not common(told.values, domain.values):
        _, node, path = given.expression
        report.mistake(
            node,
            path,
            "wrong_type",
            "expected a type that the input can be of, but by the schema it never is",
        )
    return domain


def _told(program: Program, expressions: Expressions) -> Domain:
    if program.is_path and len(program.references) == 1 and "[" not in program.source:
        found = _schema_at(expressions.input_schema, program.references[0])
        if found is not None:
            return domain_of_schema(found)
    if not program.kinds:
        return UNKNOWN
    return domain_of_types(name for kind in program.kinds for name in _JSON_TYPES[kind])


def _schema_at(schema: object, reference: tuple[str, ...]) -> object:
    """The JSON Schema of a field of the input, or None."""
    if reference[0] != "input":
        return None
    for name in reference[1:]:
        properties = schema.get("properties") if isinstance(schema, Map) else None
        schema = properties.get(name) if isinstance(properties, Map) else None
    return schema


_SHAPES = {
    "string": "string", "number": "number", "integer": "integer", "boolean": "boolean",
}  # fmt: skip


def _shape(domain: Domain) -> Shape:
    if not domain.known or domain.type not in _SHAPES:
        return ANY_SHAPE
    null: ValueSet = domain_of_types(["null"]).values
    types = {_SHAPES[domain.type]} | ({"null"} if common(domain.values, null) else set())
    return Shape(types=frozenset(types))


class _Rules:
    """Reads rules: their conditions and what they give. `rows` are the conditions that were
    read."""

    def __init__(
        self,
        text: TableText,
        columns: dict[str, _Column],
        expressions: Expressions,
        into: Gathering,
        report: Report,
    ) -> None:
        self.text = text
        self.columns = columns
        self.expressions = expressions
        self.report = report
        self.rows: list[list[Cell]] = []
        scope = into.spot.scope if not columns else next(iter(columns.values())).scope
        self.giving = self._inner(into, scope, value=False)
        self.asking = {
            name: self._inner(into, column.scope, value=True) for name, column in columns.items()
        }
        self._known: dict[tuple[str, str], Cell] = {}

    def _inner(self, into: Gathering, scope: int, *, value: bool) -> Gathering:
        inner = Gathering(into.spot._replace(inputs=True, value=value, scope=scope))
        inner.refs = into.refs
        return inner

    def read(self, rule: RuleText) -> TableRule:
        """Read a rule; what is wrong is reported and left out."""
        when: dict[str, str] = {}
        row = dict.fromkeys(self.columns, ANYTHING)
        if rule.when is not None:
            conditions, _, path = rule.when
            for name, node in conditions.entries.items():
                inner = (*path, name)
                if name not in self.text.inputs:
                    self._unknown(conditions, name, inner)
                elif name in self.columns:
                    cell = self._cell(name, node, inner)
                    if cell is not None and not cell.is_any:
                        row[name], when[name] = cell, cell.text
        self.rows.append(list(row.values()))
        then = self.template(rule.then)
        assert then is not None
        return TableRule(when=when, then=then, priority=rule.priority)

    def template(self, value: Located[Node] | None) -> msgspec.Raw | None:
        """Check what a rule gives; None for nothing given."""
        if value is None:
            return None
        template = self.expressions.template(value.node, value.path, self.giving)
        return msgspec.Raw(b"null" if template is None else template.json)

    def _unknown(self, conditions: Mapping, name: str, path: Path) -> None:
        self.report.mistake(
            conditions.key(name),
            path,
            "unknown_key",
            f"expected the name of an input of the table, but {quoted(name)} is none",
            self.report.meant(name, self.text.inputs),
        )

    def _cell(self, name: str, node: Node, path: Path) -> Cell | None:
        text = self._text(node, path)
        if text is None:
            return None
        column = self.columns[name].plan
        key = (text, column.type)
        cell = self._known.get(key)
        if cell is None:
            try:
                cell = self._known[key] = read_cell(*key)
            except ConditionError as error:
                self.report.mistake(node, path, "condition", error.message, error.hint)
                return None
        if cell.admits is None:
            condition = self.expressions.condition(Located(text, node, path), self.asking[name])
            return None if condition is None else cell
        return cell

    def _text(self, node: Node, path: Path) -> str | None:
        """Write a condition as the text of a plan."""
        if isinstance(node, Sequence) and node.items:
            parts = [self._text(item, (*path, n)) for n, item in enumerate(node.items)]
            return None if None in parts else ", ".join(cast(list[str], parts))
        value: Any = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str):
            return value
        if value is None:
            hint = "write - for any value, and the text null for null"
            self.report.mistake(
                node, path, "wrong_type",
                f"expected a condition like < 10, but got {describe(node)}", hint,
            )  # fmt: skip
            return None
        return literal(value)
