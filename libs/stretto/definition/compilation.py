"""Definitions and graphs: the result of a load, and its compiled form for one version."""

import hashlib

import msgspec

from stretto.contracts.admission import DEFAULT_PRIORITY
from stretto.contracts.asks import Ask
from stretto.contracts.graph import (
    Case,
    Catch,
    Compensation,
    Concurrency,
    ForEach,
    Graph,
    KeyRate,
    Repeat,
    Retry,
    ScopePlan,
    SignalPlan,
    StepPlan,
    TaskPlan,
    Timeouts,
)
from stretto.contracts.payload import NULL
from stretto.definition.asks import AskText
from stretto.definition.drafts import CatchDraft, Draft, StepDraft, TaskDraft
from stretto.definition.model import CompensateText, Defaults, StepText, TaskText
from stretto.definition.nodes import Node
from stretto.definition.routes import RouteDraft
from stretto.definition.secret_fields import secret_names
from stretto.definition.shapes import Located, json_of


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition without mistakes. Made by `load` only.

    `document` has its templates written out; `uses` names them, with their versions.
    """

    workflow: str
    description: str
    labels: dict[str, str]
    document: Node
    draft: Draft
    uses: tuple[str, ...] = ()


def canonical(definition: Definition) -> bytes:
    """Write what a definition says as JSON: keys sorted, no comments, no layout.

    Equal for YAML and JSON, and for any order of keys, steps among them.
    """
    return msgspec.json.encode(definition.document.data, order="deterministic")


def content_hash(definition: Definition) -> str:
    """Give 64 hex digits that are the same for definitions that say the same (SHA-256)."""
    return hashlib.sha256(canonical(definition)).hexdigest()


def compile_graph(definition: Definition, version: int) -> Graph:
    """Compile a definition as version `version` (from 1) of its workflow."""
    return _Compiler(definition.draft, version).graph()


class _Compiler:
    def __init__(self, draft: Draft, version: int) -> None:
        self.draft = draft
        self.version = version
        self.defaults: Defaults = draft.text.defaults
        schema = draft.text.input
        self.secret: tuple[str, ...] = ()
        if schema is not None:
            self.secret = secret_names(msgspec.json.decode(json_of(schema.node)))

    def graph(self) -> Graph:
        text, output = self.draft.text, self.draft.output
        return Graph(
            name=text.workflow,
            version=self.version,
            root=self._scope(self.draft.steps),
            input_schema=NULL if text.input is None else msgspec.Raw(json_of(text.input.node)),
            output=self._ask(output.ask),
            output_value=output.constant,
            timeout_s=None if isinstance(text.timeout, Located) else text.timeout,
            timeout=NULL if self.draft.timeout == b"null" else msgspec.Raw(self.draft.timeout),
            on_failure=text.on_failure,
            labels=text.labels,
            concurrency=self._concurrency(),
        )

    def _concurrency(self) -> Concurrency | None:
        text = self.draft.text.concurrency
        if text is None:
            return None
        key = msgspec.Raw(self.draft.key)
        return Concurrency(key=key, limit=text.limit, when_full=text.when_full)

    def _step(self, draft: StepDraft) -> StepPlan:
        text = draft.text
        assert text.kind is not None, "a definition without mistakes has steps of known kinds"
        body = text.body
        task = body.task
        return StepPlan(
            name=text.name,
            kind=text.kind,
            needs=draft.needs,
            dependents=draft.dependents,
            runs_on=draft.runs_on,
            ask=self._ask(draft.ask),
            for_each=self._for_each(draft),
            task=None
            if task is None
            else self._task(task, draft.constant_input, draft.route, draft.rate),
            value=draft.value,
            cases=tuple(Case(then=then) for then in draft.cases),
            body=None if draft.inside is None else self._scope(draft.inside),
            output=self._ask(draft.output.ask),
            output_value=draft.output.constant,
            repeat=self._repeat(draft),
            catch=tuple(self._catch(handler) for handler in draft.catch),
            signal=self._signal(draft),
            approval=body.approval,
            child=body.child,
            some=draft.some,
            cancel=draft.cancel,
            retry=text.retry.settled() if task is None else self._retry(text),
            timeouts=self._timeouts(text),
            compensate=self._compensation(text.compensate, draft.undo),
            labels={k: v for k, v in text.labels.items() if isinstance(v, str)},
            concurrency=self._step_concurrency(draft),
            cache=draft.cache,
        )

    def _step_concurrency(self, draft: StepDraft) -> Concurrency | None:
        text = draft.text.concurrency
        if text is None:
            return None
        return Concurrency(key=draft.key, limit=text.limit, when_full=text.when_full)

    def _scope(self, drafts: tuple[StepDraft, ...]) -> ScopePlan:
        return ScopePlan(steps=tuple(self._step(draft) for draft in drafts))

    def _retry(self, text: StepText) -> Retry:
        return text.retry.over(self.defaults.retry).settled()

    def _timeouts(self, text: StepText) -> Timeouts:
        if text.body.task is not None:
            return text.timeout.over(self.defaults.timeout)
        total = text.body.total
        if total is not None:
            return Timeouts(total_s=None if isinstance(total, Located) else total)
        return text.timeout.whole()

    def _repeat(self, draft: StepDraft) -> Repeat | None:
        repeat = draft.text.body.repeat
        if repeat is None:
            return None
        until = self._ask(draft.until)
        assert until is not None, "a loop without mistakes has an until"
        return Repeat(until=until, limit=repeat.limit, every_s=repeat.every)

    def _catch(self, draft: CatchDraft) -> Catch:
        return Catch(
            on=draft.on,
            body=self._scope(draft.inside) if draft.inside else None,
            output=self._ask(draft.output.ask),
            output_value=draft.output.constant,
        )

    def _signal(self, draft: StepDraft) -> SignalPlan | None:
        signal = draft.text.body.signal
        if signal is None:
            return None
        return SignalPlan(name=signal.name, buffered=signal.buffered, where=self._ask(draft.where))

    def _for_each(self, draft: StepDraft) -> ForEach | None:
        if draft.expand is None:
            return None
        ask = draft.expand.settled(self.draft.text.workflow, self.version, self.secret)
        text = draft.text
        return ForEach(
            ask=ask,
            max_parallel=text.max_parallel,
            join=text.join,
            runs_on=text.rest == "run",
            devices=text.devices is not None,
            rollout=text.rollout,
        )

    def _compensation(
        self, text: CompensateText | None, undo: TaskDraft | None
    ) -> Compensation | None:
        if text is None or undo is None:
            return None
        return Compensation(
            task=self._task(text.task, undo.constant, undo.route, undo.rate),
            ask=self._ask(undo.ask),
            retry=text.retry.over(self.defaults.retry).settled(),
            timeouts=text.timeout.over(self.defaults.timeout),
        )

    def _task(
        self,
        text: TaskText,
        constant_input: bytes,
        route: RouteDraft | None,
        rate: KeyRate | None = None,
    ) -> TaskPlan:
        return TaskPlan(
            name=text.name,
            queue=text.queue or self.defaults.queue,
            input=constant_input,
            route=None if route is None else route.settled(self.draft.text.workflow, self.secret),
            priority=self._priority(text),
            resources=text.resources or {},
            rate=rate,
        )

    def _priority(self, text: TaskText) -> int:
        """The constant one; that of an expression is worked out with the step's input."""
        said = text.priority if isinstance(text.priority, int) else self.defaults.priority
        return DEFAULT_PRIORITY if said is None else said

    def _ask(self, text: AskText | None) -> Ask | None:
        if text is None:
            return None
        return text.settled(self.draft.text.workflow, self.version, self.secret)
