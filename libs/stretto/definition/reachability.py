"""Steps that can never run, and cases that can never be chosen: warnings, with the reason."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from stretto.definition.dependencies import Needs, in_order
from stretto.definition.expressions import Condition
from stretto.definition.mistakes import Report
from stretto.definition.model import StepText
from stretto.definition.nodes import quoted

CODE = "never_runs"


class Fate(NamedTuple):
    """The condition of a step and those of its cases (None: there is none, or it is `else`)."""

    condition: Condition | None
    cases: Sequence[Condition | None]


def warn_of_dead_steps(
    steps: Sequence[StepText], needs: Needs, fates: Sequence[Fate], report: Report
) -> None:
    """Warn of what is never chosen and never runs. There must be no mistakes (and no rings).

    `fates[i]` is that of step `i`.
    """
    chosen = _choices(steps, fates, report)
    dead: set[int] = set()
    for number in in_order(len(steps), needs, needs.dependents()):
        step, condition = steps[number], fates[number].condition
        if condition is not None and condition.always_is is False:
            assert step.condition is not None
            dead.add(number)
            report.warn(
                step.condition.node,
                step.condition.path,
                CODE,
                "expected a condition that can be true, but this one never is: the step never runs",
            )
        elif chosen.get(step.name) is False:
            dead.add(number)
            report.warn(
                step.node, step.path, CODE,
                "expected a step that can run, but no case that chooses it can be chosen",
            )  # fmt: skip
        elif condition is None or not condition.asks_status:
            need = _dead_need(step, needs.of(number), steps, dead)
            if need is not None:
                dead.add(number)
                report.warn(
                    step.node,
                    step.path,
                    CODE,
                    f"expected a step that can run, but it needs {quoted(steps[need].name)}, "
                    "which never runs",
                )


def _dead_need(
    step: StepText, needs: Sequence[int], steps: Sequence[StepText], dead: Collection[int]
) -> int | None:
    """A need that never runs, if the step cannot do without it."""
    found = [on for on in needs if on in dead]
    part = {name for name, _, _ in step.needs.of}
    lost = [on for on in found if steps[on].name in part]
    spared = lost if len(part) - len(lost) >= step.needs.count else []
    return next((on for on in found if on not in spared), None)


def warn_of_dead_handlers(steps: Sequence[StepText], report: Report) -> None:
    """Warn of handlers that stand after one that takes every failure."""
    for step in steps:
        whole = next((n for n, handler in enumerate(step.catch) if not handler.on), len(step.catch))
        for handler in step.catch[whole + 1 :]:
            report.warn(
                handler.node,
                handler.path,
                "never_chosen",
                "expected a handler that can be reached, but an earlier one takes every failure",
            )


def warn_of_unused(steps: Sequence[StepText], used: Collection[int], report: Report) -> None:
    """Warn of values that are worked out and never read; `used` are the steps that are. One that
    works out nothing is a place where others meet."""
    for number, step in enumerate(steps):
        template = step.body.template
        says = step.kind == "set" and template is not None and template.node.size > 1
        if says and number not in used and step.compensate is None:
            report.warn(
                step.node,
                step.path,
                "unused",
                "expected somebody to read what this step works out, but nobody does",
            )


def _choices(steps: Sequence[StepText], fates: Sequence[Fate], report: Report) -> dict[str, bool]:
    """Tell of every step that a switch names whether some case that can be chosen names it."""
    chosen: dict[str, bool] = {}
    for step, fate in zip(steps, fates, strict=True):
        decided = False
        for number, (case, condition) in enumerate(zip(step.body.cases, fate.cases, strict=True)):
            possible = not decided and (condition is None or condition.always_is is not False)
            for name, _, _ in case.then:
                chosen[name] = chosen.get(name, False) or possible
            if not possible:
                why = "an earlier one always is" if decided else "its condition is never true"
                at = next((named.node for named in case.then), step.node)
                at = at if case.condition is None else case.condition.node
                report.warn(
                    at,
                    (*step.path, "switch", number),
                    "never_chosen",
                    f"expected a case that can be chosen, but {why}",
                )
            decided = decided or (condition is not None and condition.always_is is True)
    return chosen
