"""What is asked for: of each step its condition, items, input, route and compensation, each checked
and with all that it refers to; what is settled by the definition alone is not asked for."""

from typing import NamedTuple

import msgspec

from stretto.contracts.asks import POLICY_CONCURRENCY, DevicesPlan, Ref
from stretto.contracts.events import COMPENSATION_SUFFIX
from stretto.contracts.payload import NULL
from stretto.definition.asks import AskText
from stretto.definition.drafts import EMPTY_INPUT, OutputDraft, StepDraft, TaskDraft
from stretto.definition.expressions import Condition, Expressions, Template
from stretto.definition.fleets import ITEM, own_device
from stretto.definition.mistakes import Report
from stretto.definition.model import RouteText, StepText, TaskText
from stretto.definition.nodes import Node
from stretto.definition.outputs import but_for
from stretto.definition.policy_asks import key_of, policy_asks
from stretto.definition.rates import check_rate
from stretto.definition.references import Gathering, Spot
from stretto.definition.reuse import check_cache
from stretto.definition.routes import DEVICE, RouteDraft, check_route
from stretto.definition.shapes import Located
from stretto.definition.tables import compile_table


class Asked(NamedTuple):
    """What a step asks for beside its template."""

    step: StepText
    name: str
    condition: Condition | None
    cases: list[Condition | None]


class StepAsks:
    """Makes the asks of a workflow's steps; mistakes go to the report."""

    def __init__(self, expressions: Expressions, report: Report) -> None:
        self.expressions = expressions
        self.report = report

    def before_steps(self, value: Located[Node], spot: Spot, what: str) -> bytes:
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

    def items(
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
        return AskText(step=name, refs=outer.refs, condition=asked(condition), items=items.source)

    def devices(
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
            where=asked(where),
            task=None if task is None else task.name,
            at_least=devices.at_least,
        )
        return AskText(step=name, refs=outer.refs, condition=asked(condition), devices=plan)

    def condition(self, condition: Located[str | bool] | None, into: Gathering) -> Condition | None:
        """Check a condition, where there is one; what it refers to is gathered in `into`."""
        return None if condition is None else self.expressions.condition(condition, into)

    def draft(self, asking: Asked, into: Gathering) -> StepDraft:
        """Make the ask of a step (of an item, with `for_each`), or what needs no asking."""
        step = asking.step
        template = self._template(step, into)
        table = None
        if step.body.table is not None:
            table = compile_table(step.body.table, self.expressions, into, self.report)
        condition = asked(asking.condition)
        settled = template.json if template is not None and template.is_constant else None
        policies = policy_asks(step, self.expressions, into, self.report)
        key = key_of(step, self.expressions, into)
        if key is not None and not key.is_constant:
            policies[POLICY_CONCURRENCY] = msgspec.Raw(key.json)
        cache = check_cache(step, self.expressions, into, policies, self.report)
        rate = check_rate(step.body.task, self.expressions, into, policies, self.report)
        ask = None
        dynamic = bool(policies) or (template is not None and settled is None)
        if condition is not None or asking.cases or dynamic or table is not None:
            ask = AskText(
                step=asking.name,
                refs=into.refs,
                condition=condition,
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
            cache=cache,
            rate=rate,
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

    def whether(self, condition: Located[str | bool], name: str, spot: Spot) -> AskText | None:
        """Make the ask for a condition alone; warn of one that is never true."""
        into = Gathering(spot)
        compiled = self.condition(condition, into)
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

    def _undoing(self, step: StepText, spot: Spot) -> Spot:
        """The spot of a compensation: the own output is known there, with `for_each` the item's."""
        spot = spot._replace(undoing=True)
        steps = self.expressions.steps_at(spot.scope)
        if step.compensate is None or step.for_each is None or step.name not in steps.fields:
            return spot
        return spot._replace(
            scope=self.expressions.scope_with(spot.scope, steps=but_for(steps, step.name))
        )

    def undo(self, step: StepText, name: str, spot: Spot) -> TaskDraft | None:
        """Make the ask of a compensation; `spot` is that of its step."""
        if step.compensate is None:
            return None
        into = Gathering(self._undoing(step, spot))
        task = step.compensate.task
        template = self._inputs(task, into)
        settled = EMPTY_INPUT if template is None else template.json
        policies: dict[str, msgspec.Raw] = {}
        rate = check_rate(task, self.expressions, into, policies, self.report)
        route = self._route(step, task, name + COMPENSATION_SUFFIX, into)
        if not policies and (template is None or template.is_constant):
            return TaskDraft(constant=settled, route=route, rate=rate)
        ask = AskText(
            step=name + COMPENSATION_SUFFIX,
            refs=into.refs,
            template=msgspec.Raw(settled),
            values=policies,
        )
        return TaskDraft(ask=ask, route=route, rate=rate)

    def output(self, output: Located[Node] | None, spot: Spot, name: str) -> OutputDraft:
        """Check what a run, a group, a round or a handler gives."""
        if output is None:
            return OutputDraft()
        into = Gathering(spot)
        template = self.expressions.template(output.node, output.path, into)
        if template is None or template.is_constant:
            return OutputDraft(constant=None if template is None else template.json)
        ask = AskText(step=name, refs=into.refs, template=msgspec.Raw(template.json), lenient=True)
        return OutputDraft(ask=ask)


def asked(condition: Condition | None) -> str | None:
    """The source of a condition that has to be asked for."""
    return None if condition is None or condition.always_is is True else condition.source
