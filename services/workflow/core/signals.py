"""Signals: kept until a step takes them; which waiting step looks at which of them."""

from services.workflow.core.nodes import Node
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role

MAX_BUFFERED = 1_000
"""Signals of one run that no step has taken yet; more are refused, so a run stays bounded."""


def buffered(run: Run) -> int:
    """How many signals are waiting to be taken."""
    return sum(len(each) for each in run.signals.values())


def listen(run: Run, node: Node) -> None:
    """A step waits for a signal from now on."""
    assert node.plan.signal is not None
    name = node.plan.signal.name
    if not node.listens:
        node.listens = True
        run.listeners.setdefault(name, {})[node.path] = None
        # A transient trigger: only what comes from now on counts.
        node.candidate = 0 if node.plan.signal.buffered else len(run.signals.get(name, ()))
    offer(run, name)


def unlisten(run: Run, node: Node) -> None:
    """A step does not wait any more."""
    if node.plan.signal is not None:
        node.listens = False
        run.listeners.get(node.plan.signal.name, {}).pop(node.path, None)
    rollout = None if node.each is None else node.each.rollout
    if rollout is not None and rollout.plan.halt is not None:
        run.listeners.get(rollout.plan.halt.signal or "", {}).pop(node.path, None)


def offer(run: Run, name: str) -> None:
    """Put those who wait on the todo exactly while there is a signal that they have not looked
    at."""
    count = len(run.signals.get(name, ()))
    for path in run.listeners.get(name, ()):
        node = run.nodes[path]
        if node.stop:
            continue  # it is on the todo to be cancelled
        if node.role is Role.EACH:
            _offer_rollout(run, node, count)
            continue
        if node.status is NodeStatus.WAITING and node.candidate < count:
            run.todo[path] = None
        else:
            run.todo.pop(path, None)


def take(run: Run, node: Node, index: int) -> bytes:
    """Take a signal out of the buffer for a step."""
    assert node.plan.signal is not None
    unlisten(run, node)
    return _drop(run, node.plan.signal.name, index)


def _drop(run: Run, name: str, index: int) -> bytes:
    """Take a signal out of the buffer; those that look at it, or at later ones, are told."""
    payload = run.signals[name].pop(index)
    for path in run.listeners.get(name, ()):
        other = run.nodes[path]
        if other.candidate > index:
            other.candidate -= 1
        elif other.candidate == index and other.status is NodeStatus.DECIDING:
            other.status = NodeStatus.WAITING  # what it was asked about is gone: it looks again
    offer(run, name)
    return payload


def listen_for_wave(run: Run, node: Node, name: str) -> None:
    """A rollout that is paused goes on with a signal, also with one that has come."""
    run.listeners.setdefault(name, {})[node.path] = None
    offer(run, name)


def take_for_wave(run: Run, node: Node, name: str, *, arrived: bool) -> None:
    """A rollout does not wait any more; `arrived`: the oldest signal of the name let it go on."""
    run.listeners.get(name, {}).pop(node.path, None)
    if arrived:
        _drop(run, name, 0)


def _offer_rollout(run: Run, node: Node, count: int) -> None:
    rollout = None if node.each is None else node.each.rollout
    if rollout is None or not rollout.paused or node.ended:
        return
    if count:
        run.todo[node.path] = None
    else:
        run.todo.pop(node.path, None)
