"""What an event makes the outside do: asks, dispatches, withdrawals and timers, as values.

A function of the event and of the run after it. Never called on replay; `open_effects` makes all
that
an open run still waits for, after a crash, a take-over or a sweep.
"""

from collections.abc import Iterator

import msgspec

from services.workflow.core.commands import TimerKind
from services.workflow.core.decide import total_deadline_us
from services.workflow.core.lines import CancelRun, making_room
from services.workflow.core.nodes import Node
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role, RunPhase
from stretto.contracts import events as ev
from stretto.contracts.admission import DEFAULT_PRIORITY
from stretto.contracts.asks import Ask as AskOf
from stretto.contracts.failures import FailureType
from stretto.contracts.graph import ChildPlan, TaskPlan, Timeouts


class Ask(msgspec.Struct, frozen=True, gc=False):
    """Ask the decision service about `path` (`""`: the run's output)."""

    path: str
    turn: int
    ask: AskOf


class Dispatch(msgspec.Struct, frozen=True, gc=False):
    """Give an attempt to execution."""

    path: str
    attempt: int
    task: TaskPlan
    input: bytes
    timeouts: Timeouts
    deadline_us: int
    queue_deadline_us: int
    avoid: str | None = None
    """Who had the attempt before."""
    priority: int = DEFAULT_PRIORITY
    rate_key: str | None = None


class StartChild(msgspec.Struct, frozen=True, gc=False):
    """Start the run that an attempt of kind `workflow` is."""

    path: str
    attempt: int
    child_id: bytes
    child: ChildPlan
    input: bytes


class CancelChild(msgspec.Struct, frozen=True, gc=False):
    """Cancel the run that an attempt was."""

    child_id: bytes
    reason: str


class Emit(msgspec.Struct, frozen=True, gc=False):
    """Publish what a step of kind `emit` says, as JSON."""

    path: str
    data: bytes


class Seek(msgspec.Struct, frozen=True, gc=False):
    """Look for what a step of the same task and key gave, at most `for_s` seconds ago."""

    path: str
    turn: int
    task: str
    key: str
    for_s: float


class Withdraw(msgspec.Struct, frozen=True, gc=False):
    """An attempt that is out is not wanted any more. `charged`: it is with the lane that
    counts."""

    path: str
    attempt: int
    reason: str
    charged: bool = False


class Timer(msgspec.Struct, frozen=True, gc=False):
    """Wake the run at `due_us`."""

    due_us: int
    path: str
    kind: TimerKind
    attempt: int = 0


Effect = Ask | Dispatch | StartChild | CancelChild | CancelRun | Emit | Seek | Withdraw | Timer

_WHILE_OUT = frozenset({FailureType.QUEUE_TIMEOUT, FailureType.RUN_TIMEOUT, FailureType.SUPERSEDED})
"""Failures of attempts that nobody has answered."""


def effects(run: Run, event: ev.Event) -> list[Effect]:
    """Work out what `event`, just applied to `run`, makes the outside do."""
    match event:
        case ev.StepActivated() | ev.StepFinishing() | ev.StepSignalled(asked=True):
            node = run.nodes[event.step]
            return [_ask(node), *_step_timer(node)]
        case ev.StepScheduled():
            node = run.nodes[event.step]
            out: list[Effect] = [_dispatch(node)]
            if node.timeouts.queue_s or node.timeouts.total_s:
                out.extend(_attempt_timers(node))
            return out
        case ev.StepStarted():
            return list(_attempt_timers(run.nodes[event.step]))
        case (
            ev.StepWaiting() | ev.StepOpened() | ev.StepRepeated() | ev.RolloutThrottled()
            | ev.RolloutPaused()
        ):  # fmt: skip
            return list(_wait_timers(run.nodes[event.step]))
        case ev.StepCompleted():
            node = run.nodes[event.step]
            says = node.plan.kind == "emit" and node.role in (Role.STEP, Role.ITEM)
            handled = node.handler >= 0
            return [Emit(node.path, node.output or b"null")] if says and not handled else []
        case ev.StepFailed():
            return _after_failure(run, run.nodes[event.step], event)
        case ev.StepCancelled() if event.attempt:
            return _withdraw(run, event.step, event.attempt, event.reason)
        case ev.StepSkipped(reason="by_request"):
            node = run.nodes[event.step]
            return _withdraw(run, node.path, node.attempt, "skipped") if node.attempt else []
        case _:
            return _effects_on_run(run, event)


def _effects_on_run(run: Run, event: ev.Event) -> list[Effect]:
    match event:
        case ev.RunStarted() | ev.RunRewound() | ev.RunRolledBack() if run.deadline_us:
            return [Timer(run.deadline_us, "", TimerKind.RUN)]
        case ev.RunFinishing():
            assert run.graph.output is not None
            return [Ask("", run.turn, run.graph.output)]
        case ev.RunMigrated():
            return [effect for effect in open_effects(run) if isinstance(effect, Timer | Ask)]
        case ev.RunQueued():
            return list(making_room(run))
        case ev.StepQueued() | ev.StepSeeking():
            node = run.nodes[event.step]
            return [*_seeks(node), *_step_timer(node)]
        case ev.RunResumed():
            return [effect for effect in open_effects(run) if isinstance(effect, Timer)]
        case _:
            return []


def open_effects(run: Run) -> Iterator[Effect]:
    """All that an open run waits for, to be done again."""
    if run.closed:
        return
    if run.deadline_us and not run.failing:
        yield Timer(run.deadline_us, "", TimerKind.RUN)
    if run.queued:
        yield from making_room(run)
    if run.phase is RunPhase.FINISHING:
        assert run.graph.output is not None
        yield Ask("", run.turn, run.graph.output)
    for node in run.open.values():
        yield from _open_effects_of(node)


def _open_effects_of(node: Node) -> Iterator[Effect]:
    match node.status:
        case NodeStatus.DECIDING:
            yield _ask(node)
            yield from _step_timer(node)
        case NodeStatus.SCHEDULED | NodeStatus.STARTED:
            yield _dispatch(node)
            yield from _attempt_timers(node)
        case NodeStatus.BACKOFF:
            yield Timer(node.until_us, node.path, TimerKind.RETRY, node.attempt)
        case NodeStatus.WAITING | NodeStatus.OPEN:
            yield from _wait_timers(node)
        case NodeStatus.QUEUED | NodeStatus.SEEKING:
            yield from _seeks(node)
            yield from _step_timer(node)
        case NodeStatus.BLOCKED:
            return
        case status:
            raise AssertionError(f"{node.path} is open, but it is {status.word}")


def _seeks(node: Node) -> Iterator[Seek]:
    """What a node looks for, if it does."""
    if node.status is NodeStatus.SEEKING and not node.anew:
        found = node.reuse
        assert found is not None
        yield Seek(node.path, node.turn, found.task, found.key, found.for_s)


def _ask(node: Node) -> Ask:
    return Ask(node.path, node.turn, ask_of(node))


def is_asked(run: Run, ask: Ask) -> bool:
    """Tell whether an ask is still open: what came after it in the same commit may have ended, or
    reset, the node that asked, and its values are then not to be read."""
    if not ask.path:
        return run.phase is RunPhase.FINISHING and run.turn == ask.turn
    node = run.nodes.get(ask.path)
    return node is not None and node.status is NodeStatus.DECIDING and node.turn == ask.turn


def ask_of(node: Node) -> AskOf:
    """Which question a node that is being decided has put."""
    plan = node.plan
    if node.finishing:
        ask = plan.catch[node.handler].output if node.handler >= 0 else plan.output
        if node.is_loop and node.handler < 0:
            assert plan.repeat is not None
            ask = plan.repeat.until
    elif node.role is Role.EACH:
        assert plan.for_each is not None
        ask = plan.for_each.ask
    elif node.listens:
        assert plan.signal is not None
        ask = plan.signal.where
    else:
        ask = node.work.ask
    assert ask is not None, f"{node.path} has nothing to ask"
    return ask


def _dispatch(node: Node) -> Dispatch | StartChild:
    assert node.input is not None
    if node.plan.child is not None and node.role is not Role.COMPENSATION:
        assert node.child_run is not None
        return StartChild(node.path, node.attempt, node.child_run, node.plan.child, node.input)
    task, limits = node.work.task, node.limits
    assert task is not None
    return Dispatch(
        node.path,
        node.attempt,
        task,
        node.input,
        node.timeouts,
        node.deadline_us,
        node.queue_deadline_us,
        node.avoid,
        task.priority if limits is None or limits.priority is None else limits.priority,
        None if task.rate is None else rate_key_of(node),
    )


def rate_key_of(node: Node) -> str | None:
    """The key for whose rate the attempts of a node count, where it has one."""
    task, limits = node.work.task, node.limits
    if task is None or task.rate is None:
        return None
    return limits.rate_key if limits is not None and limits.rate_key is not None else task.rate.key


def _withdraw(run: Run, path: str, attempt: int, reason: str) -> list[Effect]:
    node = run.nodes[path]
    child = node.plan.child
    if child is None or node.role is Role.COMPENSATION:
        task = node.work.task
        return [Withdraw(path, attempt, reason, task is not None and task.charged)]
    assert node.child_run is not None
    return [CancelChild(node.child_run, reason)] if child.cancel else []


def _attempt_timers(node: Node) -> Iterator[Timer]:
    """The deadlines of an attempt that is out, and of its step."""
    if node.queue_deadline_us:
        yield Timer(node.queue_deadline_us, node.path, TimerKind.QUEUE, node.attempt)
    if node.deadline_us:
        yield Timer(node.deadline_us, node.path, TimerKind.ATTEMPT, node.attempt)
    yield from _step_timer(node)


def _step_timer(node: Node) -> Iterator[Timer]:
    if node.timeouts.total_s is not None and not node.ended:
        yield Timer(total_deadline_us(node), node.path, TimerKind.STEP, node.attempt)


def _wait_timers(node: Node) -> Iterator[Timer]:
    if node.status is NodeStatus.WAITING and node.until_us:
        yield Timer(node.until_us, node.path, TimerKind.WAIT, node.attempt)
    if node.each is not None and node.each.rollout is not None and node.each.rollout.until_us:
        yield Timer(node.each.rollout.until_us, node.path, TimerKind.WAVE, node.attempt)
    approval, limits = node.plan.approval, node.limits
    escalate_s = None if approval is None else approval.escalate_s
    if limits is not None and limits.escalate_s is not None:
        escalate_s = limits.escalate_s
    if escalate_s is not None and not node.escalated:
        due_us = node.since_us + int(escalate_s * 1_000_000)
        yield Timer(due_us, node.path, TimerKind.ESCALATE, node.attempt)
    yield from _step_timer(node)


def _after_failure(run: Run, node: Node, event: ev.StepFailed) -> list[Effect]:
    out: list[Effect] = []
    if event.attempt and event.failure.type in _WHILE_OUT:
        out.extend(_withdraw(run, event.step, event.attempt, event.failure.type))
    if event.retry_at is not None:
        out.append(Timer(node.until_us, node.path, TimerKind.RETRY, node.attempt))
        out.extend(_step_timer(node))
    return out
