"""`needs`: what ends before a step begins: all of some steps, or so many of them."""

from typing import Any

from stretto.definition.limits import MAX_STEPS
from stretto.definition.mistakes import Report
from stretto.definition.model import NeedsText
from stretto.definition.nodes import Mapping, Node, Path, quoted
from stretto.definition.policies import STEP_NAMES
from stretto.definition.records import read_fields, record_schema, unknown_keys
from stretto.definition.scalar_shapes import Choice, Number
from stretto.definition.shapes import Field, Schema

_FIELDS = {
    "any": Field(STEP_NAMES, "Steps of which one has to complete."),
    "at_least": Field(
        Number("a number of steps", 1, MAX_STEPS, whole=True), "How many of the steps in of."
    ),
    "of": Field(STEP_NAMES, "Steps of which at_least so many have to complete."),
    "all": Field(STEP_NAMES, "Steps that have to complete besides."),
    "rest": Field(
        Choice(
            "what becomes of the rest",
            {"run": "It runs on, unheeded.", "cancel": "It is cancelled."},
        ),
        "What becomes of those that have not ended when enough have completed. Default run.",
    ),
}


class _Needs:
    """A step, a list of steps, or a mapping that says how many."""

    def read(self, node: Node, path: Path, report: Report) -> NeedsText | None:
        if not isinstance(node, Mapping):
            names = STEP_NAMES.read(node, path, report)
            return None if names is None else NeedsText(all=tuple(names))
        strange = unknown_keys(node, path, report, _FIELDS)
        values, _ = read_fields(node, path, report, _FIELDS, "needs")
        if strange:
            return None
        return self._checked(values, node, path, report)

    def _checked(
        self, values: dict[str, Any], node: Mapping, path: Path, report: Report
    ) -> NeedsText | None:
        given = set(node.entries)
        if ("any" in given) == ("of" in given) or ("at_least" in given) != ("of" in given):
            report.mistake(
                node,
                path,
                "bad_value",
                f"expected needs to have either {quoted('any')}, or {quoted('at_least')} and "
                f"{quoted('of')}, but it has not",
                "steps that must all complete are a list",
            )
            return None
        of = values.get("any", values.get("of"))
        if of is None:
            return None
        count = values.get("at_least", 1)
        if len(of) < count:
            report.mistake(
                node,
                path,
                "out_of_range",
                f"expected at least {count} steps to be named, but got {len(of)}",
            )
            return None
        return NeedsText(
            all=tuple(values.get("all", ())),
            of=tuple(of),
            count=count,
            cancel=values.get("rest") == "cancel",
        )

    def schema(self) -> Schema:
        some = record_schema(_FIELDS) | {
            "oneOf": [{"required": ["any"]}, {"required": ["at_least", "of"]}]
        }
        return {"anyOf": [STEP_NAMES.schema(), some]}


NEEDS = _Needs()
