"""Definitions with everything resolved but their version."""

import msgspec

from stretto.contracts.graph import Cache, CancelPlan, KeyRate, RunsOn, SomeOf
from stretto.contracts.payload import NULL
from stretto.definition.asks import AskText
from stretto.definition.model import StepText, WorkflowText
from stretto.definition.routes import RouteDraft

EMPTY_INPUT = b"{}"
"""What a task gets that has no `with`."""


class TaskDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A task's input, if it is constant, and the ask that fills it in, if it is not; the rate that
    it counts for."""

    constant: bytes = EMPTY_INPUT
    ask: AskText | None = None
    route: RouteDraft | None = None
    rate: KeyRate | None = None


class OutputDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What a run, a group, a round or a handler gives: constant, asked for, or (neither) nothing
    said."""

    constant: bytes | None = None
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
    route: RouteDraft | None = None
    cases: tuple[tuple[int, ...], ...] = ()
    undo: TaskDraft | None = None
    some: SomeOf | None = None
    cancel: CancelPlan | None = None
    inside: "tuple[StepDraft, ...] | None" = None
    output: OutputDraft = OutputDraft()
    until: AskText | None = None
    where: AskText | None = None
    catch: "tuple[CatchDraft, ...]" = ()
    key: msgspec.Raw = NULL
    """The key of its concurrency, where it is constant."""
    cache: Cache | None = None
    rate: KeyRate | None = None


class CatchDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A handler with everything resolved."""

    on: tuple[str, ...]
    inside: tuple[StepDraft, ...]
    output: OutputDraft


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow with everything resolved but its version."""

    text: WorkflowText
    steps: tuple[StepDraft, ...]
    output: OutputDraft = OutputDraft()
    key: bytes = b"null"
    """The key of concurrency: a template, as JSON."""
    timeout: bytes = b"null"
    """The timeout of a run, where it is no constant: a template, as JSON."""
