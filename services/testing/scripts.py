"""What a mocked task answers: an output, a failure, later, never, or what a function says."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stretto.contracts.failures import Failure


class Attempt(NamedTuple):
    """An attempt as its task sees it; `number` counts from 1, `input` is JSON data."""

    task: str
    step: str
    number: int
    input: Any


class Fails(NamedTuple):
    """The attempt fails."""

    type: str = "Boom"
    message: str = "it broke"
    retryable: bool = True

    def failure(self) -> Failure:
        """Give the failure as a worker would."""
        return Failure(type=self.type, message=self.message, retryable=self.retryable)


class Held(NamedTuple):
    """The attempt is out until the test answers it, it is withdrawn, or its time is up."""


class Takes(NamedTuple):
    """The attempt takes so many seconds, and is then answered with JSON data or `Fails`."""

    seconds: float
    then: Any = None


class Replies:
    """Answers to the attempts of a step in order, the last one to all further ones."""

    def __init__(self, *of: Any) -> None:
        if not of:
            raise ValueError("expected at least one answer, but there is none")
        self.of = of


Reply = Any
"""JSON data (the output), `Fails`, `Held`, `Takes`, `Replies`, or a function of the `Attempt` that
gives one of them."""


def reply_to(script: Reply, attempt: Attempt) -> Reply:
    """Find what is answered to an attempt."""
    if isinstance(script, Replies):
        return reply_to(script.of[min(attempt.number, len(script.of)) - 1], attempt)
    if isinstance(script, Callable):  # type: ignore[arg-type]
        return script(attempt)
    return script
