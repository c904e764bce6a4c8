"""The names of a compiled workflow: its steps wherever they are, the tasks and signals it uses."""

import re
from collections.abc import Iterator

from stretto.contracts.events import COMPENSATION_SUFFIX, HANDLER_SUFFIX
from stretto.contracts.graph import Graph, ScopePlan, StepPlan

_INDEX = re.compile(r"\[\d+\]")


def steps_of(scope: ScopePlan, prefix: str = "") -> Iterator[tuple[StepPlan, str]]:
    """Walk all steps, those of groups, rounds and handlers too, each with its path without
    indices."""
    for plan in scope.steps:
        name = prefix + plan.name
        yield plan, name
        if plan.body is not None:
            yield from steps_of(plan.body, f"{name}.")
        for handler in plan.catch:
            if handler.body is not None:
                yield from steps_of(handler.body, f"{name}{HANDLER_SUFFIX}.")


def without_indices(path: str) -> str:
    """Give the path of a step in the definition: without the numbers of items and rounds."""
    return _INDEX.sub("", path)


def paths_in(graph: Graph) -> set[str]:
    """The paths, without indices, that steps of a run may have; compensations too."""
    found = set()
    for plan, name in steps_of(graph.root):
        found.add(name)
        if plan.compensate is not None:
            found.add(name + COMPENSATION_SUFFIX)
    return found


def tasks_in(graph: Graph) -> set[str]:
    """The tasks that a workflow asks for."""
    found = set()
    for plan, _ in steps_of(graph.root):
        if plan.task is not None:
            found.add(plan.task.name)
        if plan.compensate is not None:
            found.add(plan.compensate.task.name)
    return found


def signals_in(graph: Graph) -> set[str]:
    """The signals that steps wait for."""
    return {plan.signal.name for plan, _ in steps_of(graph.root) if plan.signal is not None}
