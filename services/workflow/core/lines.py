"""Lines: runs of one key, of which only so many are under way at once.

Who gets a place is decided outside, where all runs of the key are seen (`services.workflow.lines`);
the core records it: `run.queued` (nothing begins until there is a place) and `run.admitted`.
"""

import msgspec

from services.workflow.core import places
from services.workflow.core.commands import Granted, Rejection, Standing
from services.workflow.core.state import Line, Run
from stretto.contracts import events as ev
from stretto.contracts.ids import parse_run_id


class CancelRun(msgspec.Struct, frozen=True, gc=False):
    """Cancel another run, to make room in the line."""

    run_id: bytes
    reason: str


def stands(standing: Standing) -> ev.Event:
    """The event of a run that begins with a place, or waits for one."""
    if standing.admitted:
        return ev.RunAdmitted(line=standing.line, key=standing.key, limit=standing.limit)
    return ev.RunQueued(
        line=standing.line,
        key=standing.key,
        limit=standing.limit,
        ahead=list(standing.ahead),
        cancels=list(standing.cancels),
    )


def granted(run: Run, command: Granted, now_us: int) -> list[ev.Event] | Rejection:
    """What a free place means for a run, or for a step of it."""
    if command.path:
        if command.superseded_by:
            return places.superseded(run, command)
        return places.granted(run, command.path, now_us, refused=command.refused)
    line = run.line
    if line is None or not run.queued:
        return Rejection(code="not_queued", message="expected a run that waits for a place")
    return [ev.RunAdmitted(line=line.name, key=line.key, limit=line.limit)]


def again(run: Run) -> list[ev.Event]:
    """A run that had ended goes on: it has given its place away and waits for another one."""
    line = run.line
    if line is None or not run.closed:
        return []
    return [ev.RunQueued(line=line.name, key=line.key, limit=line.limit)]


def queue(run: Run, event: ev.RunQueued, at_us: int) -> None:
    """Apply that a run waits for a place."""
    run.line = Line(event.line, event.key, event.limit, at_us)
    run.line.ahead = tuple(event.ahead)
    run.line.cancels = tuple(event.cancels)
    run.queued = True


def admit(run: Run, event: ev.RunAdmitted, at_us: int) -> None:
    """Apply that a run has a place."""
    if run.line is None:
        run.line = Line(event.line, event.key, event.limit, at_us)
    run.line.cancels = ()
    run.queued = False


def making_room(run: Run) -> list[CancelRun]:
    """Who is cancelled for a run that waits."""
    if run.line is None or not run.queued:
        return []
    reason = f"a newer run of key {run.line.key!r} takes its place"
    return [CancelRun(parse_run_id(each), reason) for each in run.line.cancels]
