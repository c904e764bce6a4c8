"""The shapes of policies: `retry`, `timeout`, `join`, and the names that steps share."""

import re
from typing import Any

from stretto.contracts.graph import Join
from stretto.contracts.subjects import NAME_PATTERN
from stretto.definition.container_shapes import ListOf, MapOf, Placed, Record, Short
from stretto.definition.durations import Duration
from stretto.definition.limits import (
    MAX_ATTEMPTS,
    MAX_BACKOFF,
    MAX_CONSTANT_ITEMS,
    MAX_LABEL_CHARS,
    MAX_LABELS,
    MAX_STEPS,
    MIN_HEARTBEAT_S,
)
from stretto.definition.mistakes import Report
from stretto.definition.model import RetryText, TimeoutText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, describe, quoted
from stretto.definition.scalar_shapes import Choice, Name, Number, Text
from stretto.definition.shapes import Field, Schema


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
TASK_NAME = Name(
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

STEP_NAMES = ListOf("the name of a step or a list of them", Placed(STEP_NAME), MAX_STEPS, lone=True)
LABELS = MapOf(
    "labels (a mapping of strings)",
    LABEL_NAME,
    Text("a string", MAX_LABEL_CHARS, empty=True),
    MAX_LABELS,
)

FAILURE_TYPES = ListOf("a list of types of failure", FAILURE_TYPE, MAX_CONSTANT_ITEMS, lone=True)


def _make_retry(**values: Any) -> RetryText:
    """Rename `except`, which is a word of Python."""
    never, only = values.pop("except", None), values.pop("only", None)
    return RetryText(
        **values,
        never=None if never is None else tuple(never),
        only=None if only is None else tuple(only),
    )


def _check_retry(retry: RetryText, node: Mapping, path: Path, report: Report) -> None:
    interval, longest = retry.interval, retry.max_interval
    if interval is not None and longest is not None and longest < interval:
        report.mistake(
            node.entries["max_interval"],
            (*path, "max_interval"),
            "out_of_range",
            f"expected max_interval to be at least the interval of {interval:g} seconds, "
            f"but got {longest:g}",
        )
    both = sorted(set(retry.never or ()) & set(retry.only or ()))
    if both:
        report.mistake(
            node.entries["only"],
            (*path, "only"),
            "bad_value",
            f"expected a type in either only or except, but {quoted(both[0])} is in both",
        )


RETRY = Record(
    "a retry policy (a mapping)",
    _make_retry,
    {
        "max_attempts": Field(
            Number("a number of attempts", 1, MAX_ATTEMPTS, whole=True),
            "How many attempts there are at most, the first one included. 1: no retry.",
        ),
        "interval": Field(Duration(0.0), "The pause before the second attempt. Default 1s."),
        "backoff": Field(
            Number("a factor", 1, MAX_BACKOFF), "The factor from pause to pause. Default 2."
        ),
        "max_interval": Field(Duration(0.0), "The longest pause. Default 60s."),
        "jitter": Field(
            Number("a share", 0, 1), "Pauses vary by up to this share. Default 0.1 (10 %)."
        ),
        "except": Field(FAILURE_TYPES, "Types of failure that are not retried."),
        "only": Field(FAILURE_TYPES, "The only types of failure that are retried."),
    },
    _check_retry,
)

TIMEOUT = Short(
    Record(
        "a timeout (a duration, or a mapping)",
        TimeoutText,
        {
            "run": Field(Duration(), "From a worker taking an attempt to its result."),
            "queue": Field(Duration(), "From an attempt being sent to a worker taking it."),
            "heartbeat": Field(
                Duration(MIN_HEARTBEAT_S), "Between two signs of life of a running attempt."
            ),
            "total": Field(Duration(), "The whole step, all attempts and pauses."),
        },
    ),
    Duration(),
    lambda seconds: TimeoutText(plain=seconds),
)

_PERCENT = re.compile(r"(\d+(?:\.\d+)?) *%", re.ASCII)


class _AtLeast:
    """A count of items, or a share like `80%`."""

    def read(self, node: Node, path: Path, report: Report) -> Join | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
            return Join(mode="count", count=value)
        match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
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
