"""`timeout` of a workflow as an expression: worked out when a run is started, over `input` and
`run`."""

from collections.abc import Callable
from typing import Any

import msgspec

from stretto.contracts.bounds import MAX_DURATION_S, MIN_DURATION_S
from stretto.contracts.durations import parse_duration
from stretto.expression import EvaluationError, compile_template

_decode = msgspec.json.Decoder().decode
_SHOWN_CHARS = 80


class TimeoutProblem(ValueError):
    """A timeout that cannot be worked out, or is none. The text says what was expected."""


TimeoutOf = Callable[[dict[str, Any]], float]
"""Takes the scope (`input`, `run`) and gives seconds. Raises TimeoutProblem."""


def compile_timeout(timeout: msgspec.Raw) -> TimeoutOf:
    """Compile the timeout of runs of a workflow, for many starts."""
    template = compile_template(_decode(timeout))

    def timeout_of(scope: dict[str, Any]) -> float:
        try:
            return _seconds(template.evaluate(scope))
        except EvaluationError as error:
            raise TimeoutProblem(f"{error.message} [{error.code}]") from error

    return timeout_of


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            raise TimeoutProblem(str(error)) from error
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        seconds = 0.0
    if not MIN_DURATION_S <= seconds <= MAX_DURATION_S:
        got = msgspec.json.encode(value).decode()[:_SHOWN_CHARS]
        raise TimeoutProblem(
            f"expected a duration like 30s, or seconds, up to ten years, but got {got}"
        )
    return seconds
