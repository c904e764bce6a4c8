"""Which commands a run, or a step of it, would carry out now: so that no one is offered what would
be refused. It is not worked out a second time: each is decided, and nothing is done with it."""

from services.workflow.core import commands as cm
from services.workflow.core.commands import Rejection
from services.workflow.core.decide import decide
from services.workflow.core.state import Run
from stretto.contracts.public import ControlRequest

OF_RUN = ("resume", "approve", "reject", "retry", "signal", "pause", "cancel", "terminate")
"""In the order in which they are offered: first those that make it go on."""

OF_STEP = ("approve", "reject", "retry", "skip", "rewind", "rollback")

_ANY_SIGNAL = "signal"
_SOMEBODY_ELSE_MAY = "not_allowed"


def offered(run: Run, now_us: int, step: str | None = None) -> list[str]:
    """Say which commands would be carried out: for the run as a whole, or for the step with the
    path `step`. A command that only some people may give is offered to all."""
    commands = OF_RUN if step is None else OF_STEP
    return [command for command in commands if _is_taken(run, command, step, now_us)]


def _is_taken(run: Run, command: str, step: str | None, now_us: int) -> bool:
    if command == "signal" and run.failing:
        return False  # it would be kept, and no step would ever take it
    request = ControlRequest(command=command, step=step, name=_ANY_SIGNAL)
    outcome = decide(run, cm.Control(request=request), now_us)
    return not isinstance(outcome, Rejection) or outcome.code == _SOMEBODY_ELSE_MAY
