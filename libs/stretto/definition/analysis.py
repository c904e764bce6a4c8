"""From what was written to what is meant: names resolved, expressions checked, needs found.

Every check runs, whatever others found; only what rests on the order of the steps (steps that never
run) waits until there are no mistakes.
"""

from collections.abc import Sequence

import msgspec

from stretto.contracts.events import COMPENSATION_SUFFIX
from stretto.contracts.graph import RunsOn
from stretto.contracts.payload import NULL
from stretto.definition.asks import AskText
from stretto.definition.dependencies import (
    Need,
    Needs,
    chosen_needs,
    named_needs,
    report_rings,
)
from stretto.definition.expressions import Condition, Expressions, Template
from stretto.definition.mistakes import Report
from stretto.definition.model import CaseText, StepText, TaskText, WorkflowText
from stretto.definition.nodes import Json, Node
from stretto.definition.reachability import Fate, warn_of_dead_steps
from stretto.definition.references import Gathering, References, Spot
from stretto.definition.schema_check import check_schema
from stretto.definition.shapes import Located

EMPTY_INPUT = b"{}"
"""What a task gets that has no `with`."""


class TaskDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A task's input, if it is constant, and the ask that fills it in, if it is not."""

    constant: bytes = EMPTY_INPUT
    ask: AskText | None = None


class StepDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A step with everything resolved but its version.

    `ask` is the step's own (an item's, with `for_each`); `expand` asks for the items; `value` and
    `constant_input` are what needs no asking.
    """

    text: StepText
    needs: tuple[int, ...] = ()
    dependents: tuple[int, ...] = ()
    runs_on: RunsOn = "success"
    ask: AskText | None = None
    expand: AskText | None = None
    value: bytes | None = None
    constant_input: bytes = EMPTY_INPUT
    cases: tuple[tuple[int, ...], ...] = ()
    undo: TaskDraft | None = None


class OutputDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The run's output: constant, or asked for."""

    constant: bytes | None = None
    ask: AskText | None = None


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow with everything resolved but its version."""

    text: WorkflowText
    steps: tuple[StepDraft, ...]
    output: OutputDraft = OutputDraft()


def analyse(workflow: WorkflowText, report: Report) -> Draft | None:
    """Check a workflow and resolve its names; use the draft only if nothing was reported.

    None where there are so many mistakes that it was given up.
    """
    return _Analysis(workflow, report).run()


class _Analysis:
    def __init__(self, workflow: WorkflowText, report: Report) -> None:
        self.workflow = workflow
        self.steps: Sequence[StepText] = workflow.steps
        self.report = report
        self.index = {step.name: number for number, step in enumerate(self.steps)}
        self.needs = Needs(len(self.steps))
        self.fates: list[Fate] = []
        schema = self._input_schema()
        self.references = References(self.index, report)
        self.expressions = Expressions(self.references, schema, report)

    def run(self) -> Draft | None:
        named_needs(self.steps, self.index, self.needs, self.report)
        drafts: list[StepDraft] = []
        for number, step in enumerate(self.steps):
            if self.report.full:
                return None
            drafts.append(self._step(number, step))
        chosen_needs(self.steps, self.index, self.needs, self.report)
        output = self._output()
        clean = report_rings(self.steps, self.needs, self.report)
        dependents = self.needs.dependents()
        if clean and not self.report.count:
            warn_of_dead_steps(self.steps, self.needs, self.fates, self.report)
        return Draft(
            text=self.workflow,
            steps=tuple(
                msgspec.structs.replace(
                    draft, needs=self.needs.of(number), dependents=dependents[number]
                )
                for number, draft in enumerate(drafts)
            ),
            output=output,
        )

    def _input_schema(self) -> Json:
        """Check the input schema; nothing is known of the input if it is wrong."""
        schema = self.workflow.input
        if schema is None or not check_schema(schema, self.report):
            return None
        return schema.node.data

    def _step(self, number: int, step: StepText) -> StepDraft:
        outer = Gathering(Spot(number))
        condition = self._condition(step, outer)
        always = condition is not None and condition.asks_status
        expand, inner = None, outer
        if step.for_each is not None:
            expand = self._expand(step.for_each, step, condition, outer)
            inner = Gathering(outer.spot._replace(item=True))
        cases = [self._case(case, inner) for case in step.body.cases]
        self.fates.append(Fate(condition, cases))
        template = self._template(step, inner)
        own_condition = condition if step.for_each is None else None
        draft = self._draft(step, own_condition, template, cases, inner)
        undo = self._undo(step, inner.spot._replace(undoing=True))
        for use in (*outer.uses, *(inner.uses if inner is not outer else ())):
            self.needs.add(Need(number, use.on, use.at, use.path))
        return msgspec.structs.replace(
            draft, runs_on="always" if always else "success", expand=expand, undo=undo
        )

    def _expand(
        self,
        for_each: Located[Node],
        step: StepText,
        condition: Condition | None,
        outer: Gathering,
    ) -> AskText | None:
        """Make the ask for the items; sets the scope that knows an item, for what follows."""
        items = self.expressions.items(for_each, outer)
        if items is None:
            return None
        outer.spot = outer.spot._replace(scope=self.expressions.scope_of_items(items))
        return AskText(
            step=step.name, refs=outer.refs, condition=_asked(condition), items=items.source
        )

    def _condition(self, step: StepText, into: Gathering) -> Condition | None:
        if step.condition is None:
            return None
        return self.expressions.condition(step.condition, into)

    def _draft(
        self,
        step: StepText,
        condition: Condition | None,
        template: Template | None,
        cases: list[Condition | None],
        into: Gathering,
    ) -> StepDraft:
        """Make the ask of a step (of an item, with `for_each`), or what needs no asking."""
        asked = _asked(condition)
        settled = template.json if template is not None and template.is_constant else None
        ask = None
        if asked is not None or cases or (template is not None and settled is None):
            ask = AskText(
                step=step.name,
                refs=into.refs,
                condition=asked,
                template=NULL if template is None else msgspec.Raw(template.json),
                cases=tuple(None if case is None else case.source for case in cases),
            )
        is_task = step.body.task is not None
        return StepDraft(
            text=step,
            ask=ask,
            value=None if is_task else settled,
            constant_input=settled if is_task and settled is not None else EMPTY_INPUT,
            cases=tuple(
                tuple(self.index[name] for name, _, _ in case.then if name in self.index)
                for case in step.body.cases
            ),
        )

    def _case(self, case: CaseText, into: Gathering) -> Condition | None:
        if case.condition is None:
            return None
        return self.expressions.condition(case.condition, into)

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

    def _undo(self, step: StepText, spot: Spot) -> TaskDraft | None:
        if step.compensate is None:
            return None
        into = Gathering(spot)
        template = self._inputs(step.compensate.task, into)
        for use in into.uses:
            assert spot.owner is not None
            self.needs.add(Need(spot.owner, use.on, use.at, use.path))
        if template is None or template.is_constant:
            return TaskDraft(constant=EMPTY_INPUT if template is None else template.json)
        ask = AskText(
            step=step.name + COMPENSATION_SUFFIX,
            refs=into.refs,
            template=msgspec.Raw(template.json),
        )
        return TaskDraft(ask=ask)

    def _output(self) -> OutputDraft:
        output = self.workflow.output
        if output is None:
            return OutputDraft()
        into = Gathering(Spot(None))
        template = self.expressions.template(output.node, output.path, into)
        if template is None or template.is_constant:
            return OutputDraft(constant=None if template is None else template.json)
        ask = AskText(step="", refs=into.refs, template=msgspec.Raw(template.json), lenient=True)
        return OutputDraft(ask=ask)


def _asked(condition: Condition | None) -> str | None:
    """The source of a condition that has to be asked for."""
    return None if condition is None or condition.always_is is True else condition.source
