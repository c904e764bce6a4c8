"""The shapes of `join`, of labels, and of the names that steps share."""

import re
from typing import TypeVar

from stretto.contracts.bounds import MAX_LABEL_CHARS
from stretto.contracts.graph import Join
from stretto.contracts.subjects import NAME_PATTERN
from stretto.definition.container_shapes import ListOf, MapOf, Placed, Record, Short
from stretto.definition.limits import (
    MAX_CONSTANT_ITEMS,
    MAX_LABELS,
    MAX_STEPS,
)
from stretto.definition.mistakes import Report
from stretto.definition.nodes import Node, Path, Scalar, describe, quoted
from stretto.definition.scalar_shapes import Choice, Name, Text
from stretto.definition.shapes import Field, Schema, Shape

T = TypeVar("T")


def _dashed(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9_]+", text.lower()))


def _joined(text: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in text.split())


def _dotted(text: str) -> str:
    return ".".join(text.split())


_NAME_RULE = "a–z, 0–9, - and _, not beginning with - or _"

WORKFLOW_NAME = Name("the name of a workflow", NAME_PATTERN, _NAME_RULE, _dashed)
STEP_NAME = Name("the name of a step", NAME_PATTERN, _NAME_RULE, _dashed)
QUEUE_NAME = Name("the name of a queue", NAME_PATTERN, _NAME_RULE, _dashed)
SIGNAL_NAME = Name(
    "the name of a signal", r"[A-Za-z0-9_][A-Za-z0-9_./-]*", "letters, digits and _ . / -", _dashed
)


BUILT_IN_TASKS = ("std.echo", "std.fail", "std.http", "std.log", "std.publish", "std.sleep")
"""Tasks that the execution service does itself."""


class _TaskName(Name):
    """The name of a task; of those that no worker does it is known which there are."""

    def read(self, node: Node, path: Path, report: Report) -> str | None:
        name = super().read(node, path, report)
        if name is not None and name.startswith("std.") and name not in BUILT_IN_TASKS:
            report.warn(
                node, path, "unknown_task",
                f"expected a task that is built in ({', '.join(BUILT_IN_TASKS)}), but got "
                f"{quoted(name)}",
                report.meant(name, BUILT_IN_TASKS),
            )  # fmt: skip
        return name


TASK_NAME = _TaskName(
    "the name of a task", r"[A-Za-z0-9_][A-Za-z0-9_./-]*", "letters, digits and _ . / -", _dotted
)
FAILURE_TYPE = Name(
    "a type of failure",
    r"[A-Za-z_][A-Za-z0-9_.-]*",
    "letters, digits and _ . -, a letter first",
    _joined,
)
LABEL_NAME = Name(
    "the name of a label", r"[A-Za-z0-9][A-Za-z0-9_./-]*", "letters, digits and _ . / -", _dashed
)

PARAMETER_NAME = Name(
    "the name of a parameter",
    r"[A-Za-z_][A-Za-z0-9_]*",
    "letters, digits and _, no digit first",
    lambda text: text.replace("-", "_"),
)

STEP_NAMES = ListOf("the name of a step or a list of them", Placed(STEP_NAME), MAX_STEPS, lone=True)
LABEL_TEXT = Text("a string", MAX_LABEL_CHARS, empty=True)


def labels_with(text: Shape[T]) -> MapOf[T]:
    """The shape of labels whose values are of the shape `text`."""
    return MapOf("labels (a mapping of strings)", LABEL_NAME, text, MAX_LABELS)


LABELS = labels_with(Text("a string", MAX_LABEL_CHARS, empty=True, constant=True))

FAILURE_TYPES = ListOf("a list of types of failure", FAILURE_TYPE, MAX_CONSTANT_ITEMS, lone=True)


PERCENT = re.compile(r"(\d+(?:\.\d+)?) *%", re.ASCII)


class _AtLeast:
    """A count of items, or a share like `80%`."""

    def read(self, node: Node, path: Path, report: Report) -> Join | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return Join(mode="count", count=value)
        match = PERCENT.fullmatch(value) if isinstance(value, str) else None
        if match is not None and 0 < float(match[1]) <= 100:
            return Join(mode="share", share=float(match[1]) / 100)
        report.mistake(
            node,
            path,
            "bad_value",
            f"expected a count from 1, or a share like 80%, but got {describe(node)}",
        )
        return None

    def schema(self) -> Schema:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^\d+(\.\d+)? *%$", "examples": ["80%"]},
            ]
        }


def _make_join(at_least: Join) -> Join:
    return at_least


JOIN = Short(
    Record(
        "a join (all, any or a mapping)",
        _make_join,
        {"at_least": Field(_AtLeast(), "How many items must complete.", required=True)},
    ),
    Choice(
        "a join",
        {
            "all": "Every item must complete.",
            "any": "The first item that completes is enough.",
        },
    ),
    lambda word: Join(mode=word),
)
