"""Which steps and branches a definition has, and which of them a run has gone through.

Branches: each way out of a `switch` (and none of them, where there is no `else`), a condition that
held and that did not, each handler of a `catch`, each compensation.
"""

from collections.abc import Iterable, Iterator

from services.testing.tested_run import TestedRun
from stretto.contracts import events as ev
from stretto.contracts.asks import Ask, AskPlan
from stretto.contracts.codec import decode_ask_plan
from stretto.contracts.events import COMPENSATION_SUFFIX
from stretto.contracts.graph import Graph, StepPlan
from stretto.testing.outline import steps_of
from stretto.testing.scene import Coverage


def coverage_of(graph: Graph, runs: Iterable[TestedRun]) -> Coverage:
    """Work out what runs of a graph have gone through."""
    outline = {id(plan): (plan, name) for plan, name in steps_of(graph.root)}
    steps: set[str] = set()
    branches: set[str] = set()
    for run in runs:
        for plan, event in run.touched:
            name = outline[id(plan)][1]
            branches.update(_branches_of(plan, name, event))
            if not isinstance(event, ev.StepSkipped | ev.StepCancelled | ev.StepActivated):
                steps.add(name)
    every = frozenset(b for plan, name in outline.values() for b in _all_branches(plan, name))
    names = frozenset(name for _, name in outline.values())
    return Coverage(graph.name, names, every, frozenset(steps), frozenset(branches) & every)


def _all_branches(plan: StepPlan, name: str) -> Iterator[str]:
    if _condition(plan) is not None:
        yield _if(name, held=True)
        yield _if(name, held=False)
    for index in range(len(plan.cases)):
        yield _case(plan, name, index)
    if plan.cases and not _has_else(plan):
        yield _case(plan, name, -1)
    for index in range(len(plan.catch)):
        yield _handler(plan, name, index)
    if plan.compensate is not None:
        yield f"{name}: undone"


def _branches_of(plan: StepPlan, name: str, event: ev.Event) -> Iterator[str]:
    """What an event says about the branches of its step."""
    match event:
        case ev.StepSkipped(reason="condition"):
            yield _if(name, held=False)
        case ev.StepChosen():
            yield _if(name, held=True)
            yield _case(plan, name, event.branch)
        case ev.StepFailed():
            if event.handler >= 0:
                yield _handler(plan, name, event.handler)
        case ev.StepScheduled() if event.step.endswith(COMPENSATION_SUFFIX):
            yield f"{name}: undone"
        case ev.StepScheduled() | ev.StepCompleted() | ev.StepOpened() | ev.StepExpanded():
            yield _if(name, held=True)
        case ev.StepWaiting() | ev.StepReused():
            yield _if(name, held=True)
        case _:
            return


def _ask_plan(ask: Ask | None) -> AskPlan | None:
    return None if ask is None else decode_ask_plan(ask.plan)


def _condition(plan: StepPlan) -> str | None:
    asks = [None if plan.for_each is None else plan.for_each.ask, plan.ask]
    found = (each.condition for each in map(_ask_plan, asks) if each is not None)
    return next((condition for condition in found if condition is not None), None)


def _has_else(plan: StepPlan) -> bool:
    asked = _ask_plan(plan.ask)
    return asked is not None and bool(asked.cases) and asked.cases[-1] is None


def _if(name: str, *, held: bool) -> str:
    return f"{name}: if {'held' if held else 'did not hold'}"


def _case(plan: StepPlan, name: str, index: int) -> str:
    return f"{name}: no case fitted" if index < 0 else f"{name}: case {index + 1}"


def _handler(plan: StepPlan, name: str, index: int) -> str:
    on = ", ".join(plan.catch[index].on) or "any failure"
    return f"{name}: catch {on}"
