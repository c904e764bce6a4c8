"""Forks: what a run takes over of another one that it begins from.

Whole steps are taken over, of the run's own scope: those that have completed, and those that a
person has skipped. Everything else is decided and run again, also what was under way inside of a
step, and what had been undone, with all that needed it. What a taken step did belongs to the other
run: this one never undoes it.
"""

from collections.abc import Iterable, Iterator

import msgspec

from services.workflow.core.nodes import Node
from services.workflow.core.rewinding import again_anew, closure
from services.workflow.core.scopes import complete_items, end, withdraw
from services.workflow.core.state import Run
from services.workflow.core.statuses import NodeStatus, Role
from services.workflow.core.unwinding import root_step
from stretto.contracts import events as ev
from stretto.contracts.events import TakenOver
from stretto.contracts.graph import Graph

COMPLETED, SKIPPED = "completed", "skipped"


def taken_from(
    source: Run, graph: Graph, skipped: Iterable[str], again: str | None
) -> dict[str, TakenOver]:
    """What a fork that follows `graph` takes over of `source`.

    `skipped`: steps that a person has skipped. `again`: a step that is run again with all that
    needs it; KeyError when the source has none of that name.
    """
    scope = source.root
    anew = {scope.by_name[root_step(node.target.path)] for node in _undone(source) if node.target}
    if again is not None:
        anew.add(scope.by_name[again])
    anew = closure(scope, anew)
    known = {step.name for step in graph.root.steps}
    taken: dict[str, TakenOver] = {}
    for index, node in enumerate(scope.nodes):
        name = scope.plan.steps[index].name
        if node is None or index in anew or name not in known:
            continue
        if node.status is NodeStatus.COMPLETED:
            output = msgspec.Raw(node.output or b"null")
            taken[name] = TakenOver(status=COMPLETED, output=output, chosen=_led_to(source, index))
        elif node.status is NodeStatus.SKIPPED and name in skipped:
            taken[name] = TakenOver(status=SKIPPED)
    return taken


def _undone(source: Run) -> Iterator[Node]:
    """The compensations that have begun: what they undo cannot be relied on any more."""
    for node in source.nodes.values():
        if node.role is Role.COMPENSATION and node.status is not NodeStatus.PENDING:
            yield node


def _led_to(source: Run, index: int) -> list[str] | None:
    scope = source.root
    plan = scope.plan.steps[index]
    if plan.kind != "switch":
        return None
    then = {i for case in plan.cases for i in case.then} - scope.unchosen
    return [scope.plan.steps[i].name for i in sorted(then)]


def take_over(run: Run, event: ev.RunForked, at_us: int) -> None:
    """Apply that steps are as they were in the other run."""
    scope = run.root
    if event.step is not None and event.step in scope.by_name:
        for index in closure(scope, {scope.by_name[event.step]}):
            again_anew(run, scope.path(index))
    for name, taken in event.taken.items():
        run.todo.pop(name, None)
        node = run.node(name)
        node.first_us = at_us
        if taken.status == SKIPPED:
            end(run, node, NodeStatus.SKIPPED, at_us)
            continue
        node.output = bytes(taken.output)
        if taken.chosen is not None:
            led_to = {scope.by_name[step] for step in taken.chosen if step in scope.by_name}
            for case in node.plan.cases:
                scope.unchosen.update(i for i in case.then if i not in led_to)
        end(run, node, NodeStatus.COMPLETED, at_us)
    for name in event.taken:
        node = run.nodes[name]
        cancel = node.plan.cancel
        if cancel is not None and node.role is Role.STEP and node.status is NodeStatus.COMPLETED:
            stop = complete_items if cancel.complete else withdraw
            stop(run, scope, cancel.steps)
    for name, payloads in event.signals.items():
        run.signals[name] = [bytes(payload) for payload in payloads]
