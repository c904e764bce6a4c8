"""What the events of undoing do to a run. Called by `apply` only.

Undoing is the end of a run that fails (`compensation.started` in phase FAILING), or a part of its
way back to a step (`run.rolling_back`): there what is concerned is stopped, and when all of it has
ended, undone and then made pending; the other steps go on meanwhile.

A compensation that has failed for good is *blocked*: it stays open until a person has it tried
again (`compensation.retried`), gives it up (`step.skipped`), or terminates the run.
"""

from services.workflow.core.nodes import Node
from services.workflow.core.rewinding import dropped, go_back
from services.workflow.core.scopes import stop_node, stop_scope
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, RunPhase
from services.workflow.core.unwinding import Rollback, Undoing
from stretto.contracts import events as ev


def fail(run: Run, event: ev.RunFailing) -> None:
    """Nothing new begins: what is pending and does not ask for it is dropped, what is open is to be
    cancelled, except attempts whose step can be undone: those are waited for, then undone. A run
    that is on its way back to a step does so when it is there."""
    if run.rollback is not None:
        run.rollback.failing = event
        return
    run.phase = RunPhase.FAILING
    run.ending = event.ending
    run.failure = event.failure
    run.by = event.by
    run.paused = False
    run.todo.clear()
    stop_scope(run, run.root)


def begin(run: Run, event: ev.CompensationStarted) -> None:
    """Begin to undo steps."""
    run.undoing = Undoing(event.steps, event.after, event.joins)
    run.todo.pop("", None)
    if run.rollback is None:
        run.phase = RunPhase.COMPENSATING
    for path in run.undoing.begin():
        run.todo[path] = None


def block(run: Run, node: Node, at_us: int) -> None:
    """A compensation has failed for good: a person decides."""
    assert run.undoing is not None
    assert node.status is not NodeStatus.BLOCKED, f"{node.path} has no attempt that could fail"
    run.undoing.blocked += 1
    node.status = NodeStatus.BLOCKED
    node.since_us = at_us
    run.open[node.path] = node


def retry(run: Run, node: Node) -> None:
    """A compensation that was blocked begins again, with all of its attempts."""
    _unblock(run, node)
    run.open.pop(node.path, None)
    node.reset()
    run.todo[node.path] = None


def given_up(run: Run, node: Node) -> None:
    """A person does without a compensation."""
    _unblock(run, node)
    assert node.target is not None
    if run.rollback is None:
        run.uncompensated.append(node.target.path)


def _unblock(run: Run, node: Node) -> None:
    if node.status is NodeStatus.BLOCKED:
        assert run.undoing is not None
        run.undoing.blocked -= 1


def roll_back(run: Run, event: ev.RunRollingBack) -> None:
    """Stop the steps that the run goes back behind; a run that had ended is open again."""
    scope = run.root
    indices = [scope.by_name[name] for name in event.steps]
    back = Rollback(event.to, event.steps, indices, pause=event.pause, reopened=run.closed)
    if run.closed or run.phase is RunPhase.FINISHING:
        run.phase = RunPhase.RUNNING
    if back.reopened:
        run.failure = None
        run.ending = ""
    run.rollback = back
    for index in indices:
        node = run.node(scope.path(index))
        if node.status is NodeStatus.PENDING:
            node.stop = True
            run.todo.pop(node.path, None)
        elif not node.ended or node.straggles:
            back.waits[node.path] = None
            stop_node(run, node)
    if not back.waits:
        run.todo[""] = None


def rolled_back(run: Run, event: ev.RunRolledBack, at_us: int) -> None:
    """All is undone: the steps are pending again, and the run goes on or is paused."""
    back = run.rollback
    assert back is not None
    scope = run.root
    run.undo = [path for path in run.undo if not back.covers(path)]
    run.rollback = None
    run.undoing = None
    go_back(run, set(back.indices) | (dropped(scope) if back.reopened else set()))
    if event.paused and not run.paused:
        run.paused_us, run.paused_why = at_us, f"it was rolled back to {back.to!r}"
    run.paused = event.paused
    failed = (n for n in scope.nodes if n is not None and n.status is NodeStatus.FAILED)
    other = next(failed, None)
    if back.failing is not None:
        fail(run, back.failing)
    elif other is not None:  # of a branch that went on meanwhile
        run.failure = other.failure
        run.todo[""] = None
