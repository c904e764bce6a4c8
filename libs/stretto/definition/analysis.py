"""From what was written to what is meant: names resolved, expressions checked, needs found.

Every check runs, whatever others found; only what rests on the order of the steps (steps that never
run) waits until there are no mistakes. A scope (the workflow, a group, a round, a handler) is
checked like any other: its frame says what it is inside of, its spot what is known in it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stretto.contracts.events import COMPENSATION_SUFFIX, HANDLER_SUFFIX
from stretto.contracts.graph import POLICY_CONCURRENCY, DevicesPlan, Ref
from stretto.contracts.payload import NULL
from stretto.definition.asks import AskText
from stretto.definition.concurrency import check_nested
from stretto.definition.dependencies import (
    Frame,
    cancelled_steps,
    chosen_needs,
    named_needs,
    report_rings,
    some_of,
)
from stretto.definition.drafts import (
    EMPTY_INPUT,
    CatchDraft,
    Draft,
    OutputDraft,
    StepDraft,
    TaskDraft,
)
from stretto.definition.expressions import Condition, Expressions, Template
from stretto.definition.fleets import ITEM, own_device
from stretto.definition.limits import MAX_GROUP_DEPTH, MAX_STEPS
from stretto.definition.mistakes import Report
from stretto.definition.model import (
    CatchText,
    InsideText,
    RouteText,
    StepText,
    TaskText,
    WorkflowText,
)
from stretto.definition.nodes import Json, Node, Path
from stretto.definition.outputs import but_for, steps_shape
from stretto.definition.policy_asks import key_of, policy_asks
from stretto.definition.reachability import (
    Fate,
    warn_of_dead_handlers,
    warn_of_dead_steps,
    warn_of_unused,
)
from stretto.definition.references import Gathering, References, Spot
from stretto.definition.routes import DEVICE, RouteDraft, check_route
from stretto.definition.schema_check import check_schema
from stretto.definition.shapes import Located
from stretto.definition.tables import compile_table, fields_of_outputs


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


class _Asked(NamedTuple):
    """What a step asks for beside its template."""

    step: StepText
    name: str
    condition: Condition | None
    cases: list[Condition | None]


class _Analysis:
    def __init__(self, workflow: WorkflowText, report: Report) -> None:
        self.workflow = workflow
        self.report = report
        self.count = 0
        self.scopes: list[_Scope] = []
        schema = self._input_schema()
        self.references = References(report)
        self.expressions = Expressions(self.references, schema, report)

    def run(self) -> Draft | None:
        workflow = self.workflow
        spot = Spot(Frame(step.name for step in workflow.steps), None)
        spot = self._knowing(workflow.steps, spot)
        steps = self._scope(workflow.steps, spot, "", gives_all=False)
        output = self._output(workflow.output, spot, "")
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
        return Draft(text=workflow, steps=steps, output=output, key=key, timeout=timeout)

    def _key(self, spot: Spot) -> bytes:
        concurrency = self.workflow.concurrency
        if concurrency is None:
            return b"null"
        return self._before_steps(concurrency.key, spot, "a key")

    def _timeout(self, spot: Spot) -> bytes:
        timeout = self.workflow.timeout
        if not isinstance(timeout, Located):
            return b"null"
        return self._before_steps(timeout, spot, "a timeout")

    def _before_steps(self, value: Located[Node], spot: Spot, what: str) -> bytes:
        """Check what is worked out at the start of a run, before there are steps."""
        into = Gathering(spot)
        node, _, path = value
        template = self.expressions.template(node, path, into)
        if any(ref.root == "step" for ref in into.refs.values()):
            self.report.mistake(
                node, path, "not_known_here",
                f"expected {what} over input and run, but it refers to a step: it is worked out "
                "before there are any",
            )  # fmt: skip
        return b"null" if template is None else template.json

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
        return steps, self._output(text.output, spot, inside.name)

    def _step(self, number: int, step: StepText, spot: Spot, prefix: str) -> tuple[StepDraft, Fate]:
        name = prefix + step.name
        outer = Gathering(spot._replace(owner=number))
        condition = self._condition(step.condition, outer)
        always = condition is not None and condition.asks_status
        expand, inner = None, outer
        if step.for_each is not None:
            inner = Gathering(outer.spot._replace(item=True))
            if step.devices is None:
                expand = self._expand(step.for_each, name, condition, outer, inner)
            else:
                expand = self._expand_devices(step, name, condition, outer, inner)
        cases = [self._condition(case.condition, inner) for case in step.body.cases]
        own_condition = condition if step.for_each is None else None
        draft = self._draft(_Asked(step, name, own_condition, cases), inner)
        within = self._within(number, step, name, inner.spot)
        undo = self._undo(step, name, self._undoing(step, inner.spot))
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

    def _expand(
        self,
        for_each: Located[Node],
        name: str,
        condition: Condition | None,
        outer: Gathering,
        inner: Gathering,
    ) -> AskText | None:
        """Make the ask for the items; what follows inside knows as much of an item as the list
        tells."""
        items = self.expressions.items(for_each, outer)
        if items is None:
            return None
        scope = self.expressions.scope_of_items(items, outer.spot.scope)
        inner.spot = inner.spot._replace(scope=scope)
        return AskText(step=name, refs=outer.refs, condition=_asked(condition), items=items.source)

    def _expand_devices(
        self,
        step: StepText,
        name: str,
        condition: Condition | None,
        outer: Gathering,
        inner: Gathering,
    ) -> AskText | None:
        """Make the ask for the devices; the namespace whose they are travels in `run`."""
        devices = step.devices
        assert devices is not None
        scopes, spot = self.expressions, outer.spot
        outer.spot = spot._replace(device=True, scope=scopes.scope_with(spot.scope, device=DEVICE))
        where = scopes.condition(devices.where, outer)
        outer.spot = spot
        inner.spot = inner.spot._replace(scope=scopes.scope_with(spot.scope, item=ITEM))
        if where is None:
            return None
        outer.refs.setdefault(("run",), Ref(root="run"))
        task = step.body.task
        plan = DevicesPlan(
            where=_asked(where),
            task=None if task is None else task.name,
            at_least=devices.at_least,
        )
        return AskText(step=name, refs=outer.refs, condition=_asked(condition), devices=plan)

    def _condition(
        self, condition: Located[str | bool] | None, into: Gathering
    ) -> Condition | None:
        return None if condition is None else self.expressions.condition(condition, into)

    def _draft(self, asking: _Asked, into: Gathering) -> StepDraft:
        """Make the ask of a step (of an item, with `for_each`), or what needs no asking."""
        step = asking.step
        template = self._template(step, into)
        table = None
        if step.body.table is not None:
            table = compile_table(step.body.table, self.expressions, into, self.report)
        asked = _asked(asking.condition)
        settled = template.json if template is not None and template.is_constant else None
        policies = policy_asks(step, self.expressions, into, self.report)
        key = key_of(step, self.expressions, into)
        if key is not None and not key.is_constant:
            policies[POLICY_CONCURRENCY] = msgspec.Raw(key.json)
        ask = None
        dynamic = bool(policies) or (template is not None and settled is None)
        if asked is not None or asking.cases or dynamic or table is not None:
            ask = AskText(
                step=asking.name,
                refs=into.refs,
                condition=asked,
                template=NULL if template is None else msgspec.Raw(template.json),
                cases=tuple(None if case is None else case.source for case in asking.cases),
                table=table,
                values=policies,
            )
        is_task = step.body.task is not None
        index = into.spot.frame.index
        return StepDraft(
            text=step,
            ask=ask,
            value=None if is_task else settled,
            constant_input=settled if is_task and settled is not None else EMPTY_INPUT,
            route=self._route(step, step.body.task, asking.name, into),
            key=NULL if key is None or not key.is_constant else msgspec.Raw(key.json),
            cases=tuple(
                tuple(index[name] for name, _, _ in case.then if name in index)
                for case in step.body.cases
            ),
        )

    def _route(
        self, step: StepText, task: TaskText | None, name: str, into: Gathering
    ) -> RouteDraft | None:
        """Check the route of a task; for each of some devices it is the device itself, unless the
        route says otherwise."""
        if task is None or (task.route is None and step.devices is None):
            return None
        route = task.route or RouteText()
        if step.devices is not None and route.where is None:
            route = msgspec.structs.replace(route, where=own_device(step.node))
        return check_route(route, self.expressions, into, name)

    def _template(self, step: StepText, into: Gathering) -> Template | None:
        body = step.body
        if body.task is not None:
            return self._inputs(body.task, into)
        if body.template is None:
            return None
        node, _, path = body.template
        return self.expressions.template(node, path, into)

    def _inputs(self, task: TaskText, into: Gathering) -> Template | None:
        if task.inputs is None:
            return Template(EMPTY_INPUT, is_constant=True)
        node, _, path = task.inputs
        return self.expressions.template(node, path, into)

    def _within(self, number: int, step: StepText, name: str, spot: Spot) -> dict[str, object]:
        """Check what a step holds: the steps of a group or round, what ends a loop, which signal
        fits."""
        body, found = step.body, dict[str, object]()
        if body.signal is not None and body.signal.where is not None:
            found["where"] = self._asks_whether(body.signal.where, name, spot._replace(signal=True))
        if body.inside is not None:
            frame = Frame((inner.name for inner in body.inside.steps), spot.frame, number)
            within = spot._replace(
                frame=frame, owner=None, loop=spot.loop or body.repeat is not None
            )
            within = self._knowing(body.inside.steps, within)
            inside = _Inside(body.inside, step.node, step.path, name)
            found["inside"], found["output"] = self._inside(inside, within)
            if body.repeat is not None:
                found["until"] = self._asks_whether(body.repeat.until, name, within)
        return found

    def _asks_whether(
        self, condition: Located[str | bool], name: str, spot: Spot
    ) -> AskText | None:
        """Make the ask for a condition alone; warn of one that is never true."""
        into = Gathering(spot)
        compiled = self._condition(condition, into)
        if compiled is None:
            return None
        if compiled.always_is is False:
            self.report.warn(
                condition.node,
                condition.path,
                "never_true",
                "expected a condition that can be true, but this one never is",
            )
        return AskText(step=name, refs=into.refs, condition=compiled.source)

    def _catch(self, handler: CatchText, name: str, spot: Spot) -> CatchDraft:
        frame = Frame((step.name for step in handler.inside.steps), spot.frame, spot.owner)
        inside = _Inside(handler.inside, handler.node, handler.path, name + HANDLER_SUFFIX)
        within = self._knowing(handler.inside.steps, spot._replace(frame=frame, owner=None))
        steps, output = self._inside(inside, within)
        return CatchDraft(on=handler.on, inside=steps, output=output)

    def _undoing(self, step: StepText, spot: Spot) -> Spot:
        """The spot of a compensation: the own output is known there, with `for_each` the item's."""
        spot = spot._replace(undoing=True)
        steps = self.expressions.steps_at(spot.scope)
        if step.compensate is None or step.for_each is None or step.name not in steps.fields:
            return spot
        return spot._replace(
            scope=self.expressions.scope_with(spot.scope, steps=but_for(steps, step.name))
        )

    def _undo(self, step: StepText, name: str, spot: Spot) -> TaskDraft | None:
        if step.compensate is None:
            return None
        into = Gathering(spot)
        template = self._inputs(step.compensate.task, into)
        route = self._route(step, step.compensate.task, name + COMPENSATION_SUFFIX, into)
        if template is None or template.is_constant:
            constant = EMPTY_INPUT if template is None else template.json
            return TaskDraft(constant=constant, route=route)
        ask = AskText(
            step=name + COMPENSATION_SUFFIX,
            refs=into.refs,
            template=msgspec.Raw(template.json),
        )
        return TaskDraft(ask=ask, route=route)

    def _output(self, output: Located[Node] | None, spot: Spot, name: str) -> OutputDraft:
        """Check what a run, a group, a round or a handler gives."""
        if output is None:
            return OutputDraft()
        into = Gathering(spot)
        template = self.expressions.template(output.node, output.path, into)
        if template is None or template.is_constant:
            return OutputDraft(constant=None if template is None else template.json)
        ask = AskText(step=name, refs=into.refs, template=msgspec.Raw(template.json), lenient=True)
        return OutputDraft(ask=ask)


def _asked(condition: Condition | None) -> str | None:
    """The source of a condition that has to be asked for."""
    return None if condition is None or condition.always_is is True else condition.source
