"""Places of steps: of the steps of one key, over all runs of a workflow, so many are under way.

    asks (`step.queued`) ──► has one (`step.admitted`) ──► begins … ends: the place is free
       │    └── there is none, `when_full: reject` ──► fails: ConcurrencyFull; may ask again
       └── a newer one says `when_full: cancel_running` ──► fails: Superseded

Who gets a place is decided outside, where all runs are seen (`services.workflow.lines`). A step
keeps its place through all of its attempts, and gives it away when it ends in any way, or when a
handler (`catch`) takes over. `run.places` holds exactly the steps that ask for one or have one.
"""

from enum import IntEnum

import msgspec

from services.workflow.core.commands import Granted, Rejection
from services.workflow.core.failing import attempt_failed, failed
from services.workflow.core.inside import cancelled_inside
from services.workflow.core.keys import key_text
from services.workflow.core.nodes import Node, Place
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.payload import NULL

_decode = msgspec.json.Decoder().decode


class Turn(IntEnum):
    """What an event means for a step's place."""

    ASKS = 1
    HAS = 2
    LEAVES = 3


def wants(node: Node) -> bool:
    """Whether a node with a limit of concurrency has to have a place before it begins."""
    return node.role in (Role.STEP, Role.ITEM) and (node.place is None or not node.place.held)


def ask(node: Node, value: bytes | None, said: bytes | None) -> ev.Event:
    """The event of a step that asks for a place. `value`: what was worked out for it; `said`: its
    key, where that was worked out too."""
    limit = node.plan.concurrency
    assert limit is not None
    key = key_text("concurrency.key", _decode(bytes(limit.key) if said is None else said))
    if isinstance(key, Failure):
        return failed(node, key)
    return ev.StepQueued(
        step=node.path,
        key=key,
        limit=limit.limit,
        when_full=limit.when_full,
        given=value is not None,
        value=NULL if value is None else msgspec.Raw(value),
    )


def again(node: Node) -> ev.StepQueued:
    """The event of a step that was refused and asks again; what was worked out for it is known."""
    place = node.place
    assert place is not None
    return ev.StepQueued(
        step=node.path, key=place.key, limit=place.limit, when_full=place.when_full
    )


def granted(run: Run, path: str, now_us: int, *, refused: bool) -> list[ev.Event] | Rejection:
    """What a free place, or that there is none, means for a step."""
    node = run.open.get(path)
    place = None if node is None else node.place
    if node is None or place is None or node.status is not NodeStatus.QUEUED or place.held:
        return Rejection(code="not_queued", message="expected a step that waits for a place")
    if not refused:
        return [ev.StepAdmitted(step=path, key=place.key, limit=place.limit)]
    text = (
        f"expected fewer than {place.limit} steps of key {place.key!r} to be under way, but there "
        "are so many"
    )
    failure = Failure(type=FailureType.CONCURRENCY_FULL, message=text)
    return [attempt_failed(run, node, failure, now_us)]


def superseded(run: Run, command: Granted) -> list[ev.Event] | Rejection:
    """What it means for a step that a newer one of its key takes its place: it fails for good, and
    what is open inside of it is cancelled. Only who stands in the line since then gives way."""
    node = run.open.get(command.path)
    place = None if node is None else node.place
    if node is None or place is None or place.since_us != command.asked_us:
        return Rejection(code="not_queued", message="expected a step that stands in a line")
    text = (
        f"expected to be among the newest {place.limit} of key {place.key!r}, but "
        f"{command.superseded_by} takes the place"
    )
    failure = Failure(type=FailureType.SUPERSEDED, message=text, retryable=False)
    return [*cancelled_inside(node, "superseded"), failed(node, failure)]


def queue(run: Run, node: Node, event: ev.StepQueued, at_us: int) -> None:
    """Apply that a step asks for a place."""
    before = node.place
    place = Place(event.key, event.limit, event.when_full, at_us)
    if event.given:
        place.value = bytes(event.value)
    elif before is not None:
        place.value = before.value
    if before is not None:
        place.refused = before.refused
    node.place = place
    if run.places is None:
        run.places = {}
    run.places[node.path] = place


def admit(run: Run, node: Node) -> None:
    """Apply that a step has a place: it begins."""
    assert node.place is not None
    node.place.held = True
    run.todo[node.path] = None


def after_failure(run: Run, node: Node, event: ev.StepFailed) -> None:
    """Apply a failure to the place of a step: one that was refused asks anew, later; a handler
    needs none."""
    place = node.place
    assert place is not None and run.places is not None
    if event.retry_at is not None and place.held:
        return
    if not place.held:
        place.refused += 1
    run.places.pop(node.path, None)


def standing(run: Run, event: ev.Event) -> Place | None:
    """The place of the step of an event that is about to be applied, or that it asks for."""
    assert run.places is not None
    return run.places.get(getattr(event, "step", ""))


def turn(run: Run, event: ev.Event, before: Place | None) -> Turn | None:
    """What an event that was applied means for the place of its step; `before`: its `standing`."""
    if isinstance(event, ev.StepQueued):
        return Turn.ASKS
    if isinstance(event, ev.StepAdmitted):
        return Turn.HAS
    if before is not None and (run.places is None or event.step not in run.places):  # type: ignore[attr-defined]
        return Turn.LEAVES
    return None
