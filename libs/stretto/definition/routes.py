"""`route: {where, prefer, otherwise}`: on which device a task may run.

::

    route:
      where: ${{ 'scanner' in device.capabilities && device.attributes.site == input.site }}
      prefer: least_loaded
      otherwise: [{wait: 5m}, {queue: manual-scan}]

`prefer` is a strategy, `sticky(key)`, `{sticky: expression}`, `{weighted: expression}`,
`learned(scorer)`, or a list of preferences (`{if, weight}`) with a strategy at its end.
"""

import re
from typing import Any

import msgspec

from stretto.contracts.asks import Ask, Ref
from stretto.contracts.codec import json_encode
from stretto.contracts.routes import STRATEGIES, Otherwise, Preference, RoutePlan, Strategy
from stretto.definition.asks import Place
from stretto.definition.container_shapes import ListOf, Placed, Record
from stretto.definition.durations import Duration
from stretto.definition.expressions import Expressions
from stretto.definition.mistakes import Report
from stretto.definition.model import PreferText, RouteText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, Sequence, describe, quoted
from stretto.definition.policies import QUEUE_NAME
from stretto.definition.references import Gathering
from stretto.definition.scalar_shapes import Text
from stretto.definition.shapes import Field, Located, Schema, wrong_type
from stretto.definition.texts import Condition
from stretto.expression.shapes import shape_of
from stretto.scoring.scorer import scorer_names

MAX_PREFERENCES = 20
MAX_OTHERWISE = 10
MAX_WEIGHT = 1e9
MAX_REASON_CHARS = 500

_STICKY = re.compile(r"sticky\((.+)\)", re.DOTALL)
_LEARNED = re.compile(r"learned\(\s*([^()]*?)\s*\)")
_SCORER = re.compile(r"[A-Za-z][\w.-]{0,99}", re.ASCII)
_BY_EXPRESSION = ("sticky", "weighted")
_PREFER = "a strategy like least_loaded, sticky(input.customer), or a list of preferences"

DEVICE = shape_of(
    {
        "type": "object",
        "required": [
            "name", "queue", "tasks", "capabilities", "attributes", "labels", "slots", "busy",
            "load",
        ],
        "properties": {
            "name": {"type": "string"},
            "queue": {"type": ["string", "null"]},
            "tasks": {"type": "array", "items": {"type": "string"}},
            "capabilities": {"type": "array", "items": {"type": "string"}},
            "attributes": {"type": "object"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "slots": {"type": "integer"},
            "busy": {"type": "integer"},
            "load": {"type": "number"},
        },
        "additionalProperties": False,
    }
)  # fmt: skip
"""What is known of `device`: what devices say of themselves in their presence messages."""


class RouteDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A checked route without its workflow, and where its values come from."""

    plan: RoutePlan
    refs: dict[Place, Ref]

    def settled(self, workflow: str, secret: tuple[str, ...]) -> Ask:
        """Make the question of one workflow; `secret`: names of fields that are not shown."""
        plan = msgspec.structs.replace(
            self.plan, workflow=workflow, paths=tuple(self.refs), secret=secret
        )
        return Ask(plan=json_encode(plan), refs=tuple(self.refs.values()))


class _Prefer:
    """Reads `prefer` in all of its forms."""

    def read(self, node: Node, path: Path, report: Report) -> PreferText | None:
        if not isinstance(node, Sequence):
            return self._strategy(node, path, report)
        soft: list[tuple[Located[str | bool], float]] = []
        last = PreferText()
        if len(node.items) > MAX_PREFERENCES:
            report.mistake(
                node, path, "too_large",
                f"expected at most {MAX_PREFERENCES} preferences, but got {len(node.items)}",
            )  # fmt: skip
            return None
        for index, item in enumerate(node.items):
            at = (*path, index)
            if isinstance(item, Mapping) and "if" in item.entries:
                preference = _PREFERENCE.read(item, at, report)
                if preference is not None:
                    soft.append(preference)
            elif index == len(node.items) - 1:
                last = self._strategy(item, at, report) or last
            else:
                wrong_type(item, at, report, "a preference ({if, weight}), the strategy at the end")
        return last._replace(soft=tuple(soft))

    def _strategy(self, node: Node, path: Path, report: Report) -> PreferText | None:
        if isinstance(node, Mapping):
            return self._by_expression(node, path, report)
        value = node.value if isinstance(node, Scalar) else None
        if not isinstance(value, str):
            wrong_type(node, path, report, _PREFER)
            return None
        sticky = _STICKY.fullmatch(value.strip())
        if sticky is not None:
            return PreferText("sticky", Located(sticky[1].strip(), node, path))
        learned = _LEARNED.fullmatch(value.strip())
        if learned is not None:
            return self._scorer(learned[1], node, path, report)
        for strategy in STRATEGIES:
            if value == strategy and strategy not in _BY_EXPRESSION:
                return PreferText(strategy)
        hint = report.meant(value, STRATEGIES)
        if value in _BY_EXPRESSION:
            hint = f"write {{{value}: an expression}}"
        report.mistake(
            node, path, "bad_value", f"expected {_PREFER}, but got {quoted(value)}", hint
        )
        return None

    @staticmethod
    def _scorer(name: str, node: Node, path: Path, report: Report) -> PreferText | None:
        """`learned` by a scorer; whether it is installed is known here only for this process."""
        if _SCORER.fullmatch(name) is None:
            report.mistake(
                node, path, "bad_value",
                f"expected the name of a scorer (letters, digits, `_`, `-`, `.`; up to 100), but "
                f"got {quoted(name)}",
            )  # fmt: skip
            return None
        known = scorer_names()
        if name not in known:
            there = ", ".join(known) or "none"
            report.warn(
                node, path, "unknown_scorer",
                f"no scorer {quoted(name)} is installed here (there are: {there}); the decision "
                "service needs it, and goes by what it has learned itself without it",
                report.meant(name, known),
            )  # fmt: skip
        return PreferText("learned", scorer=name)

    def _by_expression(self, node: Mapping, path: Path, report: Report) -> PreferText | None:
        if len(node.entries) == 1:
            name, value = next(iter(node.entries.items()))
            if name == "learned" and isinstance(value, Scalar) and isinstance(value.value, str):
                return self._scorer(value.value, value, (*path, name), report)
            if (
                name in _BY_EXPRESSION
                and isinstance(value, Scalar)
                and isinstance(value.value, str)
            ):
                strategy: Strategy = "sticky" if name == "sticky" else "weighted"
                return PreferText(strategy, Located(value.value, value, (*path, name)))
        report.mistake(
            node, path, "bad_value",
            "expected sticky or weighted with an expression, or learned with a scorer, but got "
            + ", ".join(f"{name}: {describe(value)}" for name, value in node.entries.items()),
            'write {sticky: "${{ input.customer }}"}',
        )  # fmt: skip
        return None

    def schema(self) -> Schema:
        by: Schema = {
            "type": "object",
            "properties": {
                "sticky": {"type": "string", "description": "The same device for the same key."},
                "weighted": {"type": "string", "description": "By a number that a device has."},
                "learned": {"type": "string", "description": "By this scorer.", "maxLength": 100},
            },
            "additionalProperties": False, "minProperties": 1, "maxProperties": 1,
        }  # fmt: skip
        names = [name for name in STRATEGIES if name not in _BY_EXPRESSION]
        text: Schema = {
            "type": "string", "examples": [*names, "sticky(input.customer)", "learned(onnx)"],
            "minLength": 1,
        }  # fmt: skip
        items: Schema = {"anyOf": [_PREFERENCE.schema(), text, by]}
        many: Schema = {"type": "array", "items": items, "maxItems": MAX_PREFERENCES}
        return {"anyOf": [text, by, many]}


class _Weight:
    """How many points a device has more."""

    def read(self, node: Node, path: Path, report: Report) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int | float):
            wrong_type(node, path, report, "a number of points")
            return None
        if not -MAX_WEIGHT <= value <= MAX_WEIGHT:
            report.mistake(
                node, path, "bad_value",
                f"expected points of {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}, but got {value:g}",
            )  # fmt: skip
            return None
        return float(value)

    def schema(self) -> Schema:
        return {"type": "number", "minimum": -MAX_WEIGHT, "maximum": MAX_WEIGHT}


def _preference(**values: Any) -> tuple[Located[str | bool], float]:
    return values["if"], values["weight"]


_PREFERENCE = Record(
    "a preference (a mapping with if and weight)",
    _preference,
    {
        "if": Field(Placed(Condition()), "A condition over the device.", required=True),
        "weight": Field(_Weight(), "Points that a device has more.", required=True),
    },
)


def _one_of(made: Otherwise, node: Mapping, path: Path, report: Report) -> None:
    if len(node.entries) != 1:
        report.mistake(
            node, path, "bad_value",
            f"expected one of wait, queue or fail, but got {len(node.entries)} of them",
            "make a list of them: they are tried in their order",
        )  # fmt: skip


def _otherwise(**values: Any) -> Otherwise:
    return Otherwise(wait_s=values.get("wait"), queue=values.get("queue"), fail=values.get("fail"))


_OTHERWISE = Record(
    "what is done when no device fits (wait, queue or fail)",
    _otherwise,
    {
        "wait": Field(Duration(0.0), "Wait so long for one that fits."),
        "queue": Field(QUEUE_NAME, "Go to the workers of this queue."),
        "fail": Field(Text("a reason", MAX_REASON_CHARS, constant=True), "Fail with this reason."),
    },
    _one_of,
)


def _route(otherwise: list[Otherwise] | None = None, **values: Any) -> RouteText:
    return RouteText(otherwise=tuple(otherwise or ()), **values)


ROUTE = Record(
    "a route (a mapping with where, prefer, otherwise)",
    _route,
    {
        "where": Field(Placed(Condition()), "What a device has to be. Default: it knows the task."),
        "prefer": Field(_Prefer(), "Which of those that fit is taken. Default least_loaded."),
        "otherwise": Field(
            ListOf("ways out", _OTHERWISE, MAX_OTHERWISE),
            "What is done, in this order, when no device fits. Default: it waits for one.",
        ),
    },
)


def check_route(
    text: RouteText, expressions: Expressions, into: Gathering, name: str
) -> RouteDraft | None:
    """Check the expressions of a route; None where one is wrong (reported)."""
    spot = into.spot
    scope = expressions.scope_with(spot.scope, device=DEVICE)
    gathering = Gathering(spot._replace(device=True, scope=scope))
    where = None if text.where is None else expressions.condition(text.where, gathering)
    soft = [(expressions.condition(c, gathering), weight) for c, weight in text.prefer.soft]
    by = None if text.prefer.by is None else expressions.value(text.prefer.by, gathering)
    wrong = (text.where is not None and where is None) or any(c is None for c, _ in soft)
    if wrong or (text.prefer.by is not None and by is None):
        return None
    prefer = tuple(Preference(condition=c.source, weight=w) for c, w in soft if c is not None)
    plan = RoutePlan(
        step=name,
        where=None if where is None else where.source,
        prefer=prefer,
        strategy=text.prefer.strategy,
        by=None if by is None else by.source.strip(),
        otherwise=text.otherwise,
        scorer=text.prefer.scorer,
    )
    return RouteDraft(plan=plan, refs=gathering.refs)
