"""From what was written to what is meant: names resolved, expressions checked, needs found.

Every check runs, whatever others found; only what rests on the order of the steps (steps that never
run) waits until there are no mistakes. A scope (the workflow, a group, a round, a handler) is
checked like any other: its frame says what it is inside of, its spot what is known in it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stretto.contracts.events import HANDLER_SUFFIX
from stretto.definition.concurrency import check_nested
from stretto.definition.dependencies import (
    Frame,
    cancelled_steps,
    chosen_needs,
    named_needs,
    report_rings,
    some_of,
)
from stretto.definition.drafts import CatchDraft, Draft, OutputDraft, StepDraft
from stretto.definition.expressions import Expressions
from stretto.definition.limits import MAX_GROUP_DEPTH, MAX_STEPS
from stretto.definition.mistakes import Report
from stretto.definition.model import CatchText, InsideText, StepText, WorkflowText
from stretto.definition.nodes import Json, Node, Path
from stretto.definition.outputs import steps_shape
from stretto.definition.reachability import (
    Fate,
    warn_of_dead_handlers,
    warn_of_dead_steps,
    warn_of_unused,
)
from stretto.definition.references import Gathering, References, Spot
from stretto.definition.schema_check import check_schema
from stretto.definition.shapes import Located
from stretto.definition.step_asks import Asked, StepAsks
from stretto.definition.tables import fields_of_outputs


def analyse(workflow: WorkflowText, report: Report) -> Draft | None:
    """Check a workflow and resolve its names; use the draft only if nothing was reported.

    None where there are so many mistakes that it was given up.
    """
    return _Analysis(workflow, report).run()


class _Scope(NamedTuple):
    """A scope that was looked at. `gives_all`: it gives the outputs of all of its steps."""

    steps: Sequence[StepText]
    frame: Frame
    fates: Sequence[Fate]
    gives_all: bool


class _Inside(NamedTuple):
    """The inside of a step: where it stands in the text, and what its asks are called."""

    text: InsideText
    node: Node
    path: Path
    name: str


class _Analysis:
    def __init__(self, workflow: WorkflowText, report: Report) -> None:
        self.workflow = workflow
        self.report = report
        self.count = 0
        self.scopes: list[_Scope] = []
        schema = self._input_schema()
        self.references = References(report)
        self.expressions = Expressions(self.references, schema, report)
        self.asks = StepAsks(self.expressions, report)

    def run(self) -> Draft | None:
        workflow = self.workflow
        spot = Spot(Frame(step.name for step in workflow.steps), None)
        spot = self._knowing(workflow.steps, spot)
        steps = self._scope(workflow.steps, spot, "", gives_all=False)
        output = self.asks.output(workflow.output, spot, "")
        key, timeout = self._key(spot), self._timeout(spot)
        check_nested(workflow.steps, self.report)
        if self.report.full:
            return None
        if not self.report.count:
            for scope in self.scopes:
                warn_of_dead_steps(scope.steps, scope.frame.needs, scope.fates, self.report)
                warn_of_dead_handlers(scope.steps, self.report)
                if not scope.gives_all:
                    warn_of_unused(scope.steps, scope.frame.used, self.report)
            self.expressions.optional_inputs.warn(self.report)
        return Draft(text=workflow, steps=steps, output=output, key=key, timeout=timeout)

    def _key(self, spot: Spot) -> bytes:
        concurrency = self.workflow.concurrency
        if concurrency is None:
            return b"null"
        return self.asks.before_steps(concurrency.key, spot, "a key")

    def _timeout(self, spot: Spot) -> bytes:
        timeout = self.workflow.timeout
        if not isinstance(timeout, Located):
            return b"null"
        return self.asks.before_steps(timeout, spot, "a timeout")

    def _knowing(self, steps: Sequence[StepText], spot: Spot) -> Spot:
        """The spot inside a scope, where as much is known of the outputs of its steps as the
        definition tells."""
        known = steps_shape(steps, self.expressions.steps_at(spot.scope))
        if known is None:
            return spot
        return spot._replace(scope=self.expressions.scope_with(spot.scope, steps=known))

    def _input_schema(self) -> Json:
        """Check the input schema; nothing is known of the input if it is wrong."""
        schema = self.workflow.input
        if schema is None or not check_schema(schema, self.report):
            return None
        return schema.node.data

    def _scope(
        self, steps: Sequence[StepText], spot: Spot, prefix: str, *, gives_all: bool
    ) -> tuple[StepDraft, ...]:
        """Check the steps of a scope; `prefix` is what their paths begin with."""
        frame = spot.frame
        named_needs(steps, frame, self.report)
        frame.fields.update(fields_of_outputs(steps))
        drafts: list[StepDraft] = []
        fates: list[Fate] = []
        for number, step in enumerate(steps):
            if self.report.full:
                return ()
            draft, fate = self._step(number, step, spot, prefix)
            drafts.append(draft)
            fates.append(fate)
        chosen_needs(steps, frame, self.report)
        self.scopes.append(_Scope(steps, frame, fates, gives_all))
        report_rings(steps, frame.needs, self.report)
        dependents = frame.needs.dependents()
        return tuple(
            msgspec.structs.replace(
                draft,
                needs=frame.needs.of(number),
                dependents=dependents[number],
                some=some_of(steps[number], frame),
                cancel=cancelled_steps(number, steps, frame, self.report),
            )
            for number, draft in enumerate(drafts)
        )

    def _inside(self, inside: _Inside, spot: Spot) -> tuple[tuple[StepDraft, ...], OutputDraft]:
        """Check the inside of a step; `spot` is the one inside."""
        text = inside.text
        self.count += len(text.steps)
        if len(self.workflow.steps) + self.count > MAX_STEPS:
            self.report.mistake(
                inside.node,
                inside.path,
                "too_large",
                f"expected at most {MAX_STEPS} steps in all groups together, but got more",
                "use for_each for what is done many times",
            )
            return (), OutputDraft()
        if spot.frame.depth > MAX_GROUP_DEPTH:
            self.report.mistake(
                inside.node,
                inside.path,
                "too_deep",
                f"expected at most {MAX_GROUP_DEPTH} groups inside one another, but got more",
                "make a workflow of its own of it",
            )
            return (), OutputDraft()
        gives_all = text.output is None
        steps = self._scope(text.steps, spot, f"{inside.name}.", gives_all=gives_all)
        return steps, self.asks.output(text.output, spot, inside.name)

    def _step(self, number: int, step: StepText, spot: Spot, prefix: str) -> tuple[StepDraft, Fate]:
        name = prefix + step.name
        outer = Gathering(spot._replace(owner=number))
        condition = self.asks.condition(step.condition, outer)
        always = condition is not None and condition.asks_status
        expand, inner = None, outer
        if step.for_each is not None:
            inner = Gathering(outer.spot._replace(item=True))
            if step.devices is None:
                expand = self.asks.items(step.for_each, name, condition, outer, inner)
            else:
                expand = self.asks.devices(step, name, condition, outer, inner)
        cases = [self.asks.condition(case.condition, inner) for case in step.body.cases]
        own_condition = condition if step.for_each is None else None
        draft = self.asks.draft(Asked(step, name, own_condition, cases), inner)
        within = self._within(number, step, name, inner.spot)
        undo = self.asks.undo(step, name, inner.spot)
        loops = step.body.repeat is not None and step.for_each is None
        handling = outer.spot._replace(error=True, loop=spot.loop or loops)
        catch = tuple(self._catch(handler, name, handling) for handler in step.catch)
        whole = msgspec.structs.replace(
            draft,
            runs_on="always" if always else "success",
            expand=expand,
            undo=undo,
            catch=catch,
            **within,
        )
        return whole, Fate(condition, cases)

    def _within(self, number: int, step: StepText, name: str, spot: Spot) -> dict[str, object]:
        """Check what a step holds: the steps of a group or round, what ends a loop, which signal
        fits."""
        body, found = step.body, dict[str, object]()
        if body.signal is not None and body.signal.where is not None:
            found["where"] = self.asks.whether(body.signal.where, name, spot._replace(signal=True))
        if body.inside is not None:
            frame = Frame((inner.name for inner in body.inside.steps), spot.frame, number)
            within = spot._replace(
                frame=frame, owner=None, loop=spot.loop or body.repeat is not None
            )
            within = self._knowing(body.inside.steps, within)
            inside = _Inside(body.inside, step.node, step.path, name)
            found["inside"], found["output"] = self._inside(inside, within)
            if body.repeat is not None:
                found["until"] = self.asks.whether(body.repeat.until, name, within)
        return found

    def _catch(self, handler: CatchText, name: str, spot: Spot) -> CatchDraft:
        frame = Frame((step.name for step in handler.inside.steps), spot.frame, spot.owner)
        inside = _Inside(handler.inside, handler.node, handler.path, name + HANDLER_SUFFIX)
        within = self._knowing(handler.inside.steps, spot._replace(frame=frame, owner=None))
        steps, output = self._inside(inside, within)
        return CatchDraft(on=handler.on, inside=steps, output=output)
