"""The shapes of `retry` and `timeout`: constants, and in a step expressions that give such."""

from typing import Any

from stretto.contracts.bounds import MAX_ATTEMPTS, MAX_BACKOFF, MIN_HEARTBEAT_S
from stretto.definition.container_shapes import Record, Short
from stretto.definition.durations import Duration
from stretto.definition.mistakes import Report
from stretto.definition.model import RetryText, TimeoutText
from stretto.definition.nodes import Mapping, Node, Path, Scalar, quoted
from stretto.definition.policies import FAILURE_TYPES
from stretto.definition.scalar_shapes import Number
from stretto.definition.shapes import Field, Located, Schema, Shape
from stretto.definition.texts import MARK


class OrExpression:
    """A constant of a shape, or a text with an expression, which is read when the step runs."""

    def __init__(self, constant: Shape[Any]) -> None:
        self.constant = constant

    def read(self, node: Node, path: Path, report: Report) -> Any:
        if isinstance(node, Scalar) and isinstance(node.value, str) and MARK in node.value:
            return Located(node, node, path)
        return self.constant.read(node, path, report)

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": r"\$\{\{"}, self.constant.schema()]}


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
    if isinstance(interval, float) and isinstance(longest, float) and longest < interval:
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


def _retry(*, dynamic: bool) -> Record[RetryText]:
    def field(shape: Shape[Any], description: str) -> Field:
        return Field(OrExpression(shape) if dynamic else shape, description)

    return Record(
        "a retry policy (a mapping)",
        _make_retry,
        {
            "max_attempts": field(
                Number("a number of attempts", 1, MAX_ATTEMPTS, whole=True),
                "How many attempts there are at most, the first one included. 1: no retry.",
            ),
            "interval": field(Duration(0.0), "The pause before the second attempt. Default 1s."),
            "backoff": field(
                Number("a factor", 1, MAX_BACKOFF), "The factor from pause to pause. Default 2."
            ),
            "max_interval": field(Duration(0.0), "The longest pause. Default 60s."),
            "jitter": field(
                Number("a share", 0, 1), "Pauses vary by up to this share. Default 0.1 (10 %)."
            ),
            "except": Field(FAILURE_TYPES, "Types of failure that are not retried."),
            "only": Field(FAILURE_TYPES, "The only types of failure that are retried."),
        },
        _check_retry,
    )


def _timeout(*, dynamic: bool) -> Short[TimeoutText]:
    def limit(least: Duration | None = None) -> Shape[Any]:
        shape = least or Duration()
        return OrExpression(shape) if dynamic else shape

    return Short(
        Record(
            "a timeout (a duration, or a mapping)",
            TimeoutText,
            {
                "run": Field(limit(), "From a worker taking an attempt to its result."),
                "queue": Field(limit(), "From an attempt being sent to a worker taking it."),
                "heartbeat": Field(
                    limit(Duration(MIN_HEARTBEAT_S)),
                    "Between two signs of life of a running attempt.",
                ),
                "total": Field(limit(), "The whole step, all attempts and pauses."),
            },
        ),
        limit(),
        lambda seconds: TimeoutText(plain=seconds),
    )


RETRY = _retry(dynamic=False)
TIMEOUT = _timeout(dynamic=False)
"""Of defaults and compensations: constants."""

STEP_RETRY = _retry(dynamic=True)
STEP_TIMEOUT = _timeout(dynamic=True)
"""Of a step: decided with its input."""
