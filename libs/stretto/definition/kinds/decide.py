"""`decide: {inputs, hit, rules, otherwise}`: a decision table.

Each rule has conditions on the inputs, in short forms (`"< 10"`, `"eu, us"`, `"[1..5)"`) or as
expressions; the hit policy says which of the rules that fit count. The conditions are read when
the types of the inputs are known (`definition.tables`).
"""

from typing import Any, get_args

from stretto.contracts.asks import HitPolicy
from stretto.definition.container_shapes import ListOf, MapOf, Placed, Record, Short, Value
from stretto.definition.kinds.spec import ANY_STEP, CATCHING, PER_ITEM, UNDOABLE, KindSpec
from stretto.definition.limits import MAX_CONSTANT_ITEMS, MAX_TEXT_CHARS
from stretto.definition.mistakes import Report
from stretto.definition.model import Body, InputText, RuleText, TableText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence
from stretto.definition.scalar_shapes import Choice, Name, Number
from stretto.definition.shapes import Field, Located, Schema, wrong_type
from stretto.table.limits import MAX_INPUTS, MAX_RULES

MAX_PRIORITY = 1_000_000
"""Priorities are numbers that people choose; more of them tell nothing."""

INPUT_NAME = Name(
    "the name of an input", r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, no digit first",
    lambda text: "_".join("".join(c if c.isalnum() else " " for c in text).split()),
)  # fmt: skip


class _Expression:
    """One expression, bare or in `${{ }}`."""

    def read(self, node: Node, path: Path, report: Report) -> Located[str] | None:
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str) or not value.strip():
            wrong_type(node, path, report, "an expression like ${{ input.total }}")
            return None
        return Located(value, node, path)

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARS}


class _Constants:
    """A list of values without structure."""

    def read(self, node: Node, path: Path, report: Report) -> tuple[object, ...] | None:
        if not isinstance(node, Sequence) or not 0 < len(node.items) <= MAX_CONSTANT_ITEMS:
            wrong_type(node, path, report, f"a list of 1 to {MAX_CONSTANT_ITEMS} values")
            return None
        found = []
        for index, item in enumerate(node.items):
            if not isinstance(item, Scalar):
                wrong_type(item, (*path, index), report, "a text, number, boolean or null")
                return None
            found.append(item.value)
        return tuple(found)

    def schema(self) -> Schema:
        kinds = ["string", "number", "boolean", "null"]
        return {"type": "array", "minItems": 1, "items": {"type": kinds}}


def _input(**fields: Any) -> InputText:
    return InputText(
        expression=fields["value"], type=fields.get("type"), values=fields.get("values")
    )


_INPUT = Short(
    Record(
        "an input (an expression, or a mapping with a value)",
        _input,
        {
            "value": Field(_Expression(), "What is looked at.", required=True),
            "type": Field(
                Choice(
                    "a type",
                    {
                        "string": "Conditions are read as texts.",
                        "number": "Conditions are read as numbers.",
                        "integer": "Conditions are read as numbers; between 5 and 6 is nothing.",
                        "boolean": "Conditions are read as true and false.",
                    },
                ),
                "The type of its values, where the input's schema does not tell.",
            ),
            "values": Field(_Constants(), "All values that it can have."),
        },
    ),
    _Expression(),
    lambda expression: InputText(expression=expression),
)

_RULE_FIELDS = {
    "when": Field(
        Placed(Value("conditions (a mapping by input)")),
        "Conditions by input; an input that is left out, or -, may have any value.",
    ),
    "then": Field(Placed(Value()), "What it gives; may hold ${{ expressions }}.", required=True),
    "priority": Field(
        Number("a priority", -MAX_PRIORITY, MAX_PRIORITY, whole=True),
        "With hit: priority the highest of the rules that fit counts. Default 0.",
    ),
}


class _Rule:
    """A rule, with its place."""

    def __init__(self) -> None:
        self.record = Record("a rule (a mapping of when and then)", dict[str, Any], _RULE_FIELDS)

    def read(self, node: Node, path: Path, report: Report) -> RuleText | None:
        fields = self.record.read(node, path, report)
        return None if fields is None else RuleText(**fields, node=node, path=path)

    def schema(self) -> Schema:
        return self.record.schema()


_HITS: dict[str, str] = {
    "unique": "At most one rule may fit.",
    "first": "The first rule that fits counts.",
    "priority": "Of the rules that fit the one of the highest priority counts.",
    "any": "The rules that fit all give the same.",
    "collect": "All rules that fit count: a list.",
    "collect sum": "The sum of what the rules that fit give.",
    "collect min": "The least of what the rules that fit give.",
    "collect max": "The most of what the rules that fit give.",
    "collect count": "How many rules fit.",
}
assert set(_HITS) == set(get_args(HitPolicy))

_FIELDS = {
    "inputs": Field(
        MapOf("inputs (a mapping of expressions)", INPUT_NAME, _INPUT, MAX_INPUTS),
        "What the rules look at, by name.",
        required=True,
    ),
    "hit": Field(Choice("a hit policy", _HITS), "Which rules count. Default unique."),
    "rules": Field(
        ListOf("a list of rules", _Rule(), MAX_RULES), "The rules, in their order.", required=True
    ),
    "otherwise": Field(Placed(Value()), "What it gives when no rule fits. Default null."),
}


class _Table:
    """A decision table, with its place."""

    def __init__(self) -> None:
        self.record = Record(
            "a decision table (a mapping of inputs and rules)", dict[str, Any], _FIELDS
        )

    def read(self, node: Node, path: Path, report: Report) -> TableText | None:
        fields = self.record.read(node, path, report)
        if fields is None:
            return None
        assert isinstance(node, Mapping)
        for name, words in (("inputs", "an input at least"), ("rules", "a rule at least")):
            if not fields[name]:
                at = node.entries[name]
                if at.size == 1:  # else what is in it has been reported
                    wrong_type(at, (*path, name), report, words)
                return None
        fields["rules"] = tuple(fields["rules"])
        return TableText(**fields, node=node, path=path)

    def schema(self) -> Schema:
        return self.record.schema()


def _body(table: TableText, _fields: dict[str, Any]) -> Body:
    return Body(table=table)


DECIDE = KindSpec(
    name="decide",
    description="Look a decision up in a table of rules.",
    shape=_Table(),
    fields=ANY_STEP | PER_ITEM | CATCHING | UNDOABLE,
    body=_body,
)
