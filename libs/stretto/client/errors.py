"""What a client's calls raise, beside `NotReachable`.

::

    StrettoError
    ├── NotReachable            nobody answered in time: it may or may not have been carried out
    ├── Rejected                understood and refused, with the code of docs/errors.md
    │   └── DefinitionMistakes  a definition was refused; every mistake with its place
    └── RunEnded                the run ended, but not with an output
        ├── RunFailed
        └── RunCancelled        cancelled or terminated
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stretto.contracts.failures import Failure, Reason
from stretto.runtime.errors import PermanentError, StrettoError

DEFINITION_INVALID = "definition_invalid"
SCHEDULE_INVALID = "schedule_invalid"
_SHOWN_MISTAKES = 5  # in the one-line text; the list itself is whole


class Rejected(PermanentError):
    """The service understood the message and refused it.

    Attributes:
        details: what the service said in addition, a list of objects, often empty.
    """

    def __init__(
        self, code: str, message: str, details: Sequence[dict[str, Any]] | None = None
    ) -> None:
        super().__init__(code, message)
        self.details = list(details or [])

    def __reduce__(self) -> tuple[type[Rejected], tuple[Any, ...]]:
        return type(self), (self.code, self.message, self.details)


class DefinitionMistakes(Rejected):
    """A definition or schedule was refused: `mistakes` has an object for each, with line, path and
    reason."""

    @property
    def mistakes(self) -> list[dict[str, Any]]:
        return self.details

    def __str__(self) -> str:
        # The message tells the first one itself.
        told = [m for m in self.details if str(m.get("reason", m)) not in self.message]
        shown = [_mistake_told(m) for m in told]
        more = len(shown) - _SHOWN_MISTAKES
        lines = [self.message, *shown[:_SHOWN_MISTAKES], *([f"… and {more} more"] * (more > 0))]
        return "\n  ".join(lines)


def _mistake_told(mistake: dict[str, Any]) -> str:
    place = f"{mistake['path']}: " if mistake.get("path") else ""
    hint = f"; {mistake['suggestion']}" if mistake.get("suggestion") else ""
    reason = mistake.get("message") or mistake.get("reason") or mistake
    return f"line {mistake.get('line', '?')}: {place}{reason}{hint}"


class RunEnded(StrettoError):
    """The run is over and has no output. `failure` says why, `status` how it ended."""

    def __init__(self, run_id: str, status: str, failure: Failure | None) -> None:
        why = f"{failure.type}: {failure.message}" if failure else "it says no reason"
        super().__init__(
            f"run.{status}",
            f"expected run {run_id} to complete, but it is {status}: {why}",
            {"run_id": run_id},
        )
        self.run_id = run_id
        self.status = status
        self.failure = failure

    def __reduce__(self) -> tuple[type[RunEnded], tuple[Any, ...]]:
        return type(self), (self.run_id, self.status, self.failure)


class RunFailed(RunEnded):
    """A step failed for good, or the run's own limit was reached."""


class RunCancelled(RunEnded):
    """A person or a program ended the run."""


def rejection(reason: Reason) -> Rejected:
    """Make the exception of a refusal."""
    wrong = reason.code in (DEFINITION_INVALID, SCHEDULE_INVALID)
    kind = DefinitionMistakes if wrong else Rejected
    return kind(reason.code, reason.message, reason.details)


def ended(run_id: str, status: str, failure: Failure | None) -> RunEnded:
    """Make the exception of a run that ended without an output."""
    kind = RunFailed if status == "failed" else RunCancelled
    return kind(run_id, status, failure)
