"""Rollouts: what follows in one, and what its events do to a run. See `waves` for how they go."""

from typing import NamedTuple, assert_never

import msgspec

from services.workflow.core import signals
from services.workflow.core.commands import Rejection
from services.workflow.core.instants import instant, micros
from services.workflow.core.nodes import Each, Node
from services.workflow.core.policy import needed
from services.workflow.core.scopes import each_todo, settle
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus
from services.workflow.core.waves import Rollout, amount_of, share_of
from stretto.contracts import events as ev
from stretto.contracts.failures import Failure, FailureType
from stretto.contracts.graph import ForEach, RolloutPlan
from stretto.contracts.public import ControlRequest

MAX_NAMED = 10
"""Items that failed which the failure of a rollout names."""

RollEvent = ev.RolloutThrottled | ev.RolloutPaused | ev.RolloutAdvanced | ev.RolloutAborted


def each_of(plan: ForEach, items: list[bytes]) -> Each:
    """The state of a for_each whose items are known."""
    count = len(items)
    if plan.rollout is None:
        return Each(items, needed(plan.join, count))
    return Each(items, _needed(plan, plan.rollout, count), Rollout(plan.rollout, count))


def _needed(plan: ForEach, rollout: RolloutPlan, count: int) -> int:
    """How many items have completed at least when a rollout has not been aborted."""
    if rollout.quorum:
        return needed(plan.join, count)
    most_lost = count if rollout.abort is None else max(1, amount_of(rollout.abort, count)) - 1
    return max(share_of(rollout.success, count), count - most_lost)


# --- what follows


def next_of(run: Run, node: Node, now_us: int) -> ev.Event | None:
    """What a rollout does before, or instead of, what any for_each does next; None: nothing."""
    each = node.each
    assert each is not None and each.rollout is not None
    rollout = each.rollout
    if not rollout.targets:
        return None
    if rollout.too_many(each.lost) or rollout.hopeless:
        return ev.RolloutAborted(step=node.path, wave=rollout.wave + 1, failure=_why(node, rollout))
    if len(each.nodes) < rollout.targets[rollout.wave]:
        free_us = rollout.free_at_us(now_us)
        if free_us > now_us:
            return ev.RolloutThrottled(step=node.path, until=instant(free_us))
        return None
    if rollout.is_last:
        return None
    halt = rollout.plan.halt
    if halt is None:
        return _advanced(node, rollout)
    if not rollout.paused:
        return ev.RolloutPaused(
            step=node.path,
            wave=rollout.wave + 1,
            waves=len(rollout.targets),
            size=rollout.size,
            completed=rollout.completed,
            until=None if halt.for_s is None else instant(now_us, halt.for_s),
            signal=halt.signal,
        )
    assert halt.signal is not None and run.signals.get(halt.signal), "a signal let it go on"
    return msgspec.structs.replace(_advanced(node, rollout), signal=halt.signal)


def is_due(node: Node, now_us: int) -> bool:
    """Whether a rollout waits for an instant that has come."""
    rollout = None if node.each is None else node.each.rollout
    waits = rollout is not None and node.status is NodeStatus.OPEN and node.handler < 0
    if not waits or node.stop or node.each is None or node.each.stopping or rollout is None:
        return False
    return 0 < rollout.until_us <= now_us


def goes_on(node: Node) -> ev.Event | None:
    """The event of a rollout whose time has come; None: its next item begins."""
    assert node.each is not None and node.each.rollout is not None
    rollout = node.each.rollout
    return _advanced(node, rollout) if rollout.paused else None


def _advanced(node: Node, rollout: Rollout) -> ev.RolloutAdvanced:
    wave = rollout.wave + 1
    return ev.RolloutAdvanced(
        step=node.path, wave=wave + 1, waves=len(rollout.targets), upto=rollout.targets[wave]
    )


def _why(node: Node, rollout: Rollout) -> Failure:
    """Why a rollout is aborted: the counts, the limit, which items failed, how the first did."""
    each = node.each
    assert each is not None
    if rollout.hopeless:
        limit = f"{_percent(rollout.plan.success)} of a wave must succeed"
    else:
        assert rollout.plan.abort is not None
        most = amount_of(rollout.plan.abort, rollout.count)
        limit = f"{most} failures of all {rollout.count} end it"
    failed = [item for item in each.nodes if item.status is NodeStatus.FAILED]
    names = ", ".join(name_of(each.items[item.index], item.index) for item in failed[:MAX_NAMED])
    more = f" and {len(failed) - MAX_NAMED} more" if len(failed) > MAX_NAMED else ""
    who = f" ({names}{more})" if failed else ""  # none, where people skipped them
    text = (
        f"expected the rollout to go on, but {rollout.lost} of the {rollout.size} {_noun(node)} of "
        f"wave {rollout.wave + 1} of {len(rollout.targets)} failed, and {limit}; "
        f"{each.completed} of {rollout.count} are done, {each.lost} failed{who}, "
        f"{each.active} were under way, {rollout.count - len(each.nodes)} not begun"
    )
    first = each.failure
    if first is not None:
        text += f"; the first that failed: {first.message or first.type}"
    # It is the step that fails, not the first of its items.
    return Failure(type=FailureType.ROLLOUT_ABORTED, message=text, retryable=False, step=node.path)


def progress(node: Node) -> str:
    """How far a rollout is, for people: `wave 2 of 4: 10 of 50 devices, 9 done, 1 failed; …`."""
    each = node.each
    assert each is not None and each.rollout is not None
    rollout = each.rollout
    if not rollout.targets:
        return f"there are no {_noun(node)}"
    text = (
        f"wave {rollout.wave + 1} of {len(rollout.targets)}: {len(each.nodes)} of {rollout.count} "
        f"{_noun(node)}, {each.completed} done, {each.lost} failed"
    )
    if each.active:
        text += f", {each.active} under way"
    if each.stopping:
        return f"{text}; it was stopped"
    return f"{text}; {_condition(rollout)}"


def _condition(rollout: Rollout) -> str:
    halt = rollout.plan.halt
    if rollout.paused and halt is not None:
        who = f"approval of {', '.join(halt.by) or 'anybody'}"
        if halt.signal is not None:
            who = f"signal {halt.signal!r}"
        elif halt.for_s is not None:
            who = "pause to be over"
        return f"it waits for the {who}"
    if rollout.until_us:
        return "its rate lets the next ones begin later"
    if rollout.plan.success:
        return f"goes on at {_percent(rollout.plan.success)} of the wave"
    return "goes on when the wave has ended"


def _percent(share: float) -> str:
    return f"{round(share * 100, 4):g} %"


def _noun(node: Node) -> str:
    plan = node.plan.for_each
    return "devices" if plan is not None and plan.devices else "items"


class _Named(msgspec.Struct, frozen=True):
    name: str


_decode_name = msgspec.json.Decoder(_Named | str).decode


def name_of(item: bytes, index: int) -> str:
    """What to call an item: its name, where it has one; else its number."""
    try:
        named = _decode_name(item)
    except msgspec.MsgspecError:
        return f"number {index}"
    return (named if isinstance(named, str) else named.name)[:60]


# --- people


class Waiting(NamedTuple):
    """A rollout that is paused."""

    node: Node
    rollout: Rollout


def waiting(run: Run, step: str | None) -> list[Waiting]:
    """The rollouts that are paused: the one of a step, or all."""
    found = []
    for node in run.open.values():
        rollout = None if node.each is None or node.handler >= 0 else node.each.rollout
        if rollout is not None and rollout.paused and step in (None, node.path) and not node.stop:
            found.append(Waiting(node, rollout))
    return found


def decided_by(request: ControlRequest, paused: Waiting) -> list[ev.Event] | Rejection:
    """A person lets a rollout go on (`approve`), or ends it (`reject`)."""
    node, rollout = paused
    halt = rollout.plan.halt
    by = () if halt is None else halt.by
    if by and request.by not in by:
        return Rejection(
            code="not_allowed",
            message=f"expected one of {', '.join(by)} to decide about {node.path!r}, but "
            f"{request.by or 'nobody named'} did",
        )
    if request.command == "approve":
        event = _advanced(node, rollout)
        return [msgspec.structs.replace(event, by=request.by, reason=request.reason)]
    assert node.each is not None
    text = (
        f"{request.reason or 'it was rejected'} (by {request.by or 'somebody'}, after wave "
        f"{rollout.wave + 1} of {len(rollout.targets)}: {node.each.completed} of {rollout.count} "
        f"{_noun(node)} are done, {node.each.lost} failed)"
    )
    why = Failure(type=FailureType.REJECTED, message=text, retryable=False)
    wave = rollout.wave + 1
    return [ev.RolloutAborted(step=node.path, wave=wave, failure=why, by=request.by)]


# --- what its events do


def roll(run: Run, event: RollEvent, at_us: int) -> None:
    """Apply an event of a rollout."""
    node = run.node(event.step)
    run.todo.pop(node.path, None)
    each = node.each
    assert each is not None and each.rollout is not None
    rollout = each.rollout
    match event:
        case ev.RolloutThrottled():
            rollout.until_us = micros(event.until)
        case ev.RolloutPaused():
            rollout.paused = True
            rollout.since_us = at_us
            rollout.until_us = micros(event.until)
            if event.signal is None:
                each_todo(run, node)
            else:
                signals.listen_for_wave(run, node, event.signal)
            return
        case ev.RolloutAdvanced():
            _deaf(run, node, rollout, arrived=event.signal is not None)
            rollout.advance()
        case ev.RolloutAborted():
            _deaf(run, node, rollout, arrived=False)
            rollout.paused = False
            rollout.until_us = 0
            rollout.failure = event.failure
            settle(run, each)
        case _:
            assert_never(event)
    each_todo(run, node)


def offer_again(run: Run, node: Node) -> None:
    """Put a rollout that is paused on the todo where its signal has come."""
    rollout = None if node.each is None else node.each.rollout
    halt = None if rollout is None or not rollout.paused else rollout.plan.halt
    if halt is not None and halt.signal is not None:
        signals.offer(run, halt.signal)


def _deaf(run: Run, node: Node, rollout: Rollout, *, arrived: bool) -> None:
    halt = rollout.plan.halt
    if halt is not None and halt.signal is not None:
        signals.take_for_wave(run, node, halt.signal, arrived=arrived)
