"""What a mocked task answers: an output, a failure, later, never, or what a function says.

Each is a value; a task's answer may be put together of them::

    Calls(Fails("Timeout"), Takes(5, {"id": 7}))        the first call fails, the others take 5 s
    Given(When({"sku": "a"}, {"left": 0}), {"left": 1}) by input
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from stretto.contracts.failures import Failure

Reply = Any
"""JSON data (the output), `Fails`, `Held`, `Takes`, `Reused`, `Replies`, `Calls`, `Given`, or a
function of the `Attempt` that gives one of them."""


class Attempt(NamedTuple):
    """An attempt as its task sees it.

    `number` counts the attempts of its step from 1, `call` the calls of its task in the world from
    1; `input` is JSON data; `device` is the one that it went to, with a route.
    """

    task: str
    step: str
    number: int
    input: Any
    call: int = 1
    device: str | None = None


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


class Reused(NamedTuple):
    """An equal step has given this before: a step with `cache` takes it, and its task is not
    asked. To one that has none, or that is done anew, it is what the task gives."""

    output: Any = None


class Replies:
    """Answers to the attempts of a step in order, the last one to all further ones."""

    def __init__(self, *of: Reply) -> None:
        if not of:
            raise ValueError("expected at least one answer, but there is none")
        self.of = of

    def _number(self, attempt: Attempt) -> int:
        return attempt.number

    def pick(self, attempt: Attempt) -> Reply:
        """Give what is answered to this attempt."""
        return self.of[min(self._number(attempt), len(self.of)) - 1]


class Calls(Replies):
    """Answers to the calls of a task in order, whichever steps make them; the last one to all
    further ones."""

    def _number(self, attempt: Attempt) -> int:
        return attempt.call


class When(NamedTuple):
    """An answer for those inputs that hold all of `input` (objects may hold more; None: any), and,
    with `device`, for attempts on that device."""

    input: Any
    then: Reply
    device: str | None = None

    def fits(self, attempt: Attempt) -> bool:
        """Tell whether it is for an attempt."""
        if self.device is not None and self.device != attempt.device:
            return False
        return self.input is None or holds(attempt.input, self.input)


class Given:
    """The first answer whose `When` fits the input; a plain answer fits always. None fits: the
    attempt fails for good, and says so."""

    def __init__(self, *of: Reply) -> None:
        self.of = of

    def pick(self, attempt: Attempt) -> Reply:
        """Give what is answered to this attempt."""
        for each in self.of:
            if not isinstance(each, When):
                return each
            if each.fits(attempt):
                return each.then
        text = f"expected a mocked answer for the input of {attempt.task!r}, but none fits"
        return Fails("NotMocked", f"{text}: {attempt.input!r}", retryable=False)


def holds(value: Any, part: Any) -> bool:
    """Tell whether a value holds a part: objects by key, lists item by item, numbers by value."""
    if isinstance(part, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and holds(value[key], inner) for key, inner in part.items()
        )
    if isinstance(part, list):
        return (
            isinstance(value, list)
            and len(value) == len(part)
            and all(holds(v, p) for v, p in zip(value, part, strict=True))
        )
    return (type(value) is type(part) and value == part) or _same_number(value, part)


def _same_number(value: Any, part: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (value, part))
    return numbers and bool(value == part)


def reply_to(script: Reply, attempt: Attempt) -> Reply:
    """Find what is answered to an attempt."""
    if isinstance(script, Replies | Given):
        return reply_to(script.pick(attempt), attempt)
    if isinstance(script, Callable):  # type: ignore[arg-type]
        return reply_to(script(attempt), attempt)
    return script


def reused_of(script: Reply, attempt: Attempt) -> Reused | None:
    """Find what an equal step gave before an attempt is made; functions are not asked."""
    while isinstance(script, Replies | Given):
        script = script.pick(attempt)
    return script if isinstance(script, Reused) else None
