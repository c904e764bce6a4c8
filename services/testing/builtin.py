"""What the built-in tasks answer in virtual time, where a test does not say otherwise.

Those that only work with their input do what they do; those that reach outside (`std.http`,
`std.publish`, `std.log`) answer as if that had been done.
"""

from typing import Any

from stretto.contracts.durations import parse_duration
from stretto.contracts.failures import FailureType
from stretto.testing.replies import Attempt, Fails, Reply, Takes


def builtin_reply(attempt: Attempt) -> Reply:
    """Give the answer of a task that is not mocked: `{}`, but for the built-in ones."""
    given = attempt.input if isinstance(attempt.input, dict) else {}
    match attempt.task:
        case "std.echo":
            return attempt.input
        case "std.sleep":
            return _sleep(given)
        case "std.fail":
            kind, message = str(given.get("type", "Failed")), str(given.get("message", ""))
            return Fails(kind, message, retryable=given.get("retryable") is True)
        case "std.log" | "std.publish":
            return Takes(0, None)
        case _:
            return {}


def _sleep(given: dict[str, Any]) -> Reply:
    asked: Any = given.get("duration", given.get("seconds"))
    try:
        seconds = parse_duration(asked) if isinstance(asked, str) else float(asked)
    except (TypeError, ValueError):
        text = f"expected a number of seconds or a duration, but got {asked!r}"
        return Fails(FailureType.INVALID_INPUT, text, retryable=False)
    return Takes(seconds, None)
